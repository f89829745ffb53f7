"""Secrets that are shared with the token issuer, in a file that is read again when it changes."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from queuecast_gateway.access.keys import StaticKey, check_secret
from queuecast_gateway.access.reread_file import RereadFile, read_lines
from queuecast_gateway.access.tokens import Key

MAX_SECRETS = 10


class SecretFile:
    """The secrets in a file, one a line; a token may be signed with any of them.

    To rotate, add the new secret, have the issuer use it, then remove the old one. If the file cannot be
    read, the last secrets stay in use.
    """

    def __init__(
        self,
        path: str,
        algorithms: Sequence[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = RereadFile(path, read_secrets, "token secrets", clock)
        self.algorithms = StaticKey(self._file.content()[0], algorithms).algorithms

    async def key(self, kid: str | None, algorithm: str) -> tuple[Key, ...]:
        """Return all secrets."""
        return self._file.content()


def read_secrets(path: Path) -> tuple[bytes, ...]:
    """Return the secrets in a file. Raises `ValueError`, whose text never has one of them."""
    secrets = read_lines(path)
    if not 0 < len(secrets) <= MAX_SECRETS:
        raise ValueError(f"{path} has {len(secrets)} lines: expected 1 to {MAX_SECRETS} secrets, one a line")
    try:
        return tuple(map(check_secret, secrets))
    except ValueError as exc:
        raise ValueError(f"{path}: {exc}") from None
