"""A file with secrets that is read again when it changes, also if it is a mounted Secret of Kubernetes."""

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

CHECK_SECONDS = 1.0
"""The file is checked for changes this often at most."""

MAX_BYTES = 64 << 10

Content = TypeVar("Content")


class RereadFile(Generic[Content]):
    """What `read` returns for a file, kept until the file changes.

    `read` raises `ValueError`, whose text has no secret. If a changed file cannot be read, the last content
    stays in use, and the log says so once. `what` names the content in the log, as in "token secrets".
    """

    def __init__(
        self,
        path: str,
        read: Callable[[Path], tuple[Content, ...]],
        what: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = Path(path)
        self._read = read
        self._what = what
        self._clock = clock
        self._checked_at = clock()
        self._version = self._stat()
        self._content = read(self._path)

    def content(self) -> tuple[Content, ...]:
        """Return the content, read again if the file has changed."""
        now = self._clock()
        if now - self._checked_at >= CHECK_SECONDS:
            self._checked_at = now
            self._check()
        return self._content

    def _check(self) -> None:
        version = self._stat()
        if version == self._version:
            return
        self._version = version
        try:
            self._content = self._read(self._path)
        except ValueError as exc:
            log.error("the last %s stay in use: %s", self._what, exc)
        else:
            log.info("%s was read again: %d %s", self._path, len(self._content), self._what)

    def _stat(self) -> tuple[int, ...]:
        """Return values that change with the file, also where a link points to a new file each time."""
        try:
            found = os.stat(self._path)
        except OSError:
            return ()
        return found.st_ino, found.st_mtime_ns, found.st_size


def read_lines(path: Path) -> list[bytes]:
    """Return the lines of a file that are not empty. Raises `ValueError`."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise ValueError(f"{path} cannot be read: {exc.strerror}") from exc
    if len(content) > MAX_BYTES:
        raise ValueError(f"{path} is larger than {MAX_BYTES} bytes")
    return [line for each in content.split(b"\n") if (line := each.rstrip(b"\r"))]
