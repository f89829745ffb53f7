"""Secrets that are shared with the token issuer, in a file that is read again when it changes."""

import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from queuecast_gateway.access.keys import StaticKey, check_secret
from queuecast_gateway.access.tokens import Key

log = logging.getLogger(__name__)

CHECK_SECONDS = 1.0
"""The file is checked for changes this often at most."""

MAX_SECRETS = 10
MAX_BYTES = 64 << 10


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
        self._path = Path(path)
        self._clock = clock
        self._checked_at = clock()
        self._version = self._stat()
        self._secrets = read_secrets(self._path)
        self.algorithms = StaticKey(self._secrets[0], algorithms).algorithms

    async def key(self, kid: str | None, algorithm: str) -> tuple[Key, ...]:
        """Return all secrets."""
        now = self._clock()
        if now - self._checked_at >= CHECK_SECONDS:
            self._checked_at = now
            self._check()
        return self._secrets

    def _check(self) -> None:
        version = self._stat()
        if version == self._version:
            return
        self._version = version
        try:
            self._secrets = read_secrets(self._path)
        except ValueError as exc:
            log.error("the last token secrets stay in use: %s", exc)
        else:
            log.info("%s was read again: %d secrets", self._path, len(self._secrets))

    def _stat(self) -> tuple[int, ...]:
        """Return values that change with the file, also where a link points to a new file each time."""
        try:
            found = os.stat(self._path)
        except OSError:
            return ()
        return found.st_ino, found.st_mtime_ns, found.st_size


def read_secrets(path: Path) -> tuple[bytes, ...]:
    """Return the secrets in a file. Raises `ValueError`, whose text never has one of them."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise ValueError(f"{path} cannot be read: {exc.strerror}") from exc
    lines = [line.rstrip(b"\r") for line in content.split(b"\n")]
    secrets = [line for line in lines if line]
    if not 0 < len(secrets) <= MAX_SECRETS or len(content) > MAX_BYTES:
        raise ValueError(f"{path} has {len(secrets)} lines: expected 1 to {MAX_SECRETS} secrets, one a line")
    try:
        return tuple(map(check_secret, secrets))
    except ValueError as exc:
        raise ValueError(f"{path}: {exc}") from None
