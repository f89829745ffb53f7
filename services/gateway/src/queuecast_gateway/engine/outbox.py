"""What sessions are told is gathered here, and written once per session and turn of the loop.

One order holds for each session, that of the calls: events of the bus, direct emits, acknowledgements, pings.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable
from typing import Protocol

log = logging.getLogger(__name__)


class Sink(Protocol):
    """Where a session's bytes go: its TCP connection, or its next long-polling answer."""

    def write(self, data: bytes) -> None: ...


class Member(Protocol):
    """The part of a session that is used here. `pending` is what this turn has brought so far.

    `fd` is its socket while that may be written to directly, or negative; `direct` finds out.
    """

    fd: int
    pending: bytes | list[bytes] | None
    transport: Sink

    def direct(self) -> int: ...


class Outbox:
    """The sessions that were told something in this turn of the loop.

    `on_written` is called with how long the first thing that was told has waited until all was written, in
    seconds.
    """

    def __init__(self, on_written: Callable[[float], object] | None = None) -> None:
        self.on_written = on_written
        self._dirty: list[Member] = []
        self._since = 0.0

    def put(self, sent: bytes, sessions: Iterable[Member]) -> None:
        """Have the same frames written to each of these sessions.

        The loop is the price of a delivery, so it does no more than it must; see bench/results.md.
        """
        dirty = self._dirty
        if not dirty:
            asyncio.get_running_loop().call_soon(self.flush)
            self._since = time.perf_counter()
        for session in sessions:
            pending = session.pending
            if pending is None:
                session.pending = sent
                dirty.append(session)
            elif type(pending) is list:
                pending.append(sent)
            else:
                session.pending = [pending, sent]  # type: ignore[list-item]  # it is bytes

    def flush(self) -> None:
        """Write what is pending for every session."""
        dirty, self._dirty = self._dirty, []
        for session in dirty:
            pending = session.pending
            if pending is None:
                continue
            session.pending = None
            try:
                _write(session, b"".join(pending) if type(pending) is list else pending)  # type: ignore[arg-type]
            except Exception:
                # One that cannot be written to is no reason to leave out those after it.
                log.exception("a session could not be written to")
        if dirty and self.on_written is not None:
            self.on_written(time.perf_counter() - self._since)

    def flush_one(self, session: Member) -> None:
        """Write what is pending for one session now."""
        if session.pending is not None:
            _write(session, self.take(session))

    @staticmethod
    def take(session: Member) -> bytes:
        """Return what is pending for a session, which is then nothing."""
        pending, session.pending = session.pending, None
        if type(pending) is bytes:
            return pending
        return b"".join(pending or ())  # type: ignore[arg-type]  # it is a list


def _write(session: Member, data: bytes) -> None:
    """Write to the socket itself while nothing waits before it: that is a tenth of the price of a delivery.

    What the kernel has no room for, and all that follows, is the transport's, until it has nothing left.
    """
    fd = session.fd
    if fd < 0:
        fd = session.direct()
    written = 0
    if fd >= 0:
        try:  # noqa: SIM105  # a context manager would cost a tenth of the write
            written = os.write(fd, data)
        except OSError:
            pass  # no room, or no connection any more: the transport finds out which
        if written == len(data):
            return
        session.fd = -1
    session.transport.write(data[written:] if written else data)
