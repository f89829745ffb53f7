"""Collects what is sent to sessions, and writes once per session and iteration of the loop.

Each session gets its frames in the order of the calls: events of the bus, direct emits, acknowledgements and
pings.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Collection, Iterator
from typing import Protocol

log = logging.getLogger(__name__)

MIN_SHARING = 128
"""Fewer sessions do not share joined buffers: they would save less than the search for them costs."""

MAX_SHARED = 8
"""How many joined buffers the sessions of one piece share. If they need more, few have the same."""

MAX_SHARED_BYTES = 65_536
"""A longer buffer is not joined piece by piece, which copies it each time."""


class Sink(Protocol):
    """Takes a session's bytes: its TCP connection, or its next long-polling answer."""

    def write(self, data: bytes) -> None: ...


class Recipient(Protocol):
    """The part of a session that the outbox uses. `pending` is what this iteration has brought so far.

    `fd` is its socket's descriptor while that may be written to directly, else negative; `direct` finds out.
    """

    fd: int
    pending: bytes | list[bytes] | None
    transport: Sink

    def direct(self) -> int: ...


class Outbox:
    """The sessions that have something to send in this iteration of the loop.

    `on_written` is called with the seconds from the first `put` until everything was written.
    """

    def __init__(self, on_written: Callable[[float], object] | None = None) -> None:
        self.on_written = on_written
        self._dirty: list[Recipient] = []
        self._since = 0.0

    def put(self, sent: bytes, sessions: Collection[Recipient]) -> None:
        """Write the same frames to each of these sessions, at the end of this iteration.

        This loop is the cost of a delivery, so it does no more than it must; see bench/results.md. Sessions
        for which the same pieces are pending share one joined buffer: a seventh to a fifth of a delivery less
        where clients of the same rooms get events of several, see bench/README.md. Where hardly two sessions
        have the same, each has a list of its own.
        """
        dirty = self._dirty
        if not dirty:
            asyncio.get_running_loop().call_soon(self.flush)
            self._since = time.perf_counter()
        left = iter(sessions)
        if len(sessions) >= MIN_SHARING:
            self._put_shared(sent, left)
        for session in left:
            pending = session.pending
            if pending is None:
                session.pending = sent
                dirty.append(session)
            elif type(pending) is list:
                pending.append(sent)
            else:
                session.pending = [pending, sent]  # type: ignore[list-item]  # it is bytes

    def _put_shared(self, sent: bytes, left: Iterator[Recipient]) -> None:
        """Write frames to sessions until too few of them have the same pending."""
        dirty = self._dirty
        before = joined = None
        shared: dict[int, bytes] = {}
        kept: list[bytes] = []  # what `shared` has the identities of
        for session in left:
            pending = session.pending
            if pending is None:
                session.pending = sent
                dirty.append(session)
            elif pending is before:
                session.pending = joined
            elif type(pending) is list:
                pending.append(sent)
            else:
                joined = shared.get(id(pending))
                if joined is None:
                    if len(shared) == MAX_SHARED or len(pending) > MAX_SHARED_BYTES:
                        session.pending = [pending, sent]  # type: ignore[list-item]  # it is bytes
                        return
                    joined = shared[id(pending)] = pending + sent  # type: ignore[operator]  # it is bytes
                    kept.append(pending)  # type: ignore[arg-type]  # it is bytes
                session.pending, before = joined, pending

    def flush(self) -> int:
        """Write what is pending for every session; return how many those were."""
        dirty, self._dirty = self._dirty, []
        for session in dirty:
            pending = session.pending
            if pending is None:
                continue
            session.pending = None
            try:
                _write(session, b"".join(pending) if type(pending) is list else pending)  # type: ignore[arg-type]
            except Exception:
                # A session that cannot be written to must not stop the write to those after it.
                log.exception("could not write to a session")
        if dirty and self.on_written is not None:
            self.on_written(time.perf_counter() - self._since)
        return len(dirty)

    def flush_one(self, session: Recipient) -> None:
        """Write what is pending for one session now."""
        if session.pending is not None:
            _write(session, self.take(session))

    @staticmethod
    def take(session: Recipient) -> bytes:
        """Take and return what is pending for a session."""
        pending, session.pending = session.pending, None
        if type(pending) is bytes:
            return pending
        return b"".join(pending or ())  # type: ignore[arg-type]  # it is a list


def _write(session: Recipient, data: bytes) -> None:
    """Write to the socket directly if its transport is empty: this costs a tenth of a delivery less.

    What the kernel does not take, and all that follows, goes to the transport until that is empty again.
    """
    fd = session.fd
    if fd < 0:
        fd = session.direct()
    written = 0
    if fd >= 0:
        try:  # noqa: SIM105  # a context manager would cost a tenth of the write
            written = os.write(fd, data)
        except OSError:
            pass  # the buffer is full, or the connection is lost: the transport finds out which
        if written == len(data):
            return
        session.fd = -1
    session.transport.write(data[written:] if written else data)
