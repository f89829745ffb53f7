"""Secrets that are shared with the issuer, in a file, which is read again when it changes."""

import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from queuecast_gateway.access.keys import StaticKey, check_secret
from queuecast_gateway.access.tokens import Key

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often at most the file is looked at."""

MAX_SECRETS = 10
MAX_BYTES = 64 << 10


class SecretFile:
    """The secrets in a file, one a line; a token may be signed with any of them.

    So a new one is added, then the issuer changes to it, then the old one is taken out. What cannot be read
    leaves the last secrets as they are.
    """

    def __init__(
        self,
        path: str,
        algorithms: Sequence[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = Path(path)
        self._clock = clock
        self._looked = clock()
        self._mark = self._stat()
        self._secrets = read_secrets(self._path)
        self.algorithms = StaticKey(self._secrets[0], algorithms).algorithms

    async def key(self, kid: str | None, algorithm: str) -> tuple[Key, ...]:
        """Return all secrets."""
        now = self._clock()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._look()
        return self._secrets

    def _look(self) -> None:
        mark = self._stat()
        if mark == self._mark:
            return
        self._mark = mark
        try:
            self._secrets = read_secrets(self._path)
        except ValueError as exc:
            log.error("the secrets of tokens stay as they were: %s", exc)
        else:
            log.info("%s was read again: %d secrets", self._path, len(self._secrets))

    def _stat(self) -> tuple[int, ...]:
        """Return what changes with the file, also where it is a link to another one each time."""
        try:
            found = os.stat(self._path)
        except OSError:
            return ()
        return found.st_ino, found.st_mtime_ns, found.st_size


def read_secrets(path: Path) -> tuple[bytes, ...]:
    """Return the secrets in a file. Raises `ValueError`, never with one of them."""
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
