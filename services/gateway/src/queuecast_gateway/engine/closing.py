"""Long-polling sessions that the server has closed between two polls: the next GET says so.

A WebSocket gets its CLOSE frame at once. Long-polling can only answer a GET, and between two polls there is
none: the last packets of the session wait for it here, for a moment. Nothing else of the session is kept.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from queuecast_gateway.engine import packets
from queuecast_gateway.engine.heartbeat import Wheel
from queuecast_gateway.engine.leaving import CLOSING_SECONDS

MAX_CLOSING = 1_000
"""Sessions that wait for their GET; beyond that the oldest is forgotten, and its client is told that its
session id is unknown, as after `CLOSING_SECONDS`."""


class _Last(NamedTuple):
    answer: bytes
    due: int
    forget: Callable[[], None]


class Closing:
    """The last packets of closed sessions, at most `max_bytes` of them."""

    def __init__(self, wheel: Wheel, max_bytes: int) -> None:
        self.held_bytes = 0
        self._wheel = wheel
        self._max_bytes = max_bytes
        self._lasts: dict[str, _Last] = {}
        self._settled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._lasts)

    def keep(self, sid: str, last: bytes) -> None:
        """Keep what the next GET of a session is answered with: what it has not had yet, and a close packet.

        Of more than fits the close packet is kept. A client that comes back asks for the rest by its offset.
        """
        fits = len(last) + len(packets.CLOSE_FRAME) <= self._max_bytes
        answer = (last if fits else b"") + packets.CLOSE_FRAME
        forget = partial(self._forget, sid)
        self._lasts[sid] = _Last(answer, self._wheel.after(CLOSING_SECONDS, forget), forget)
        self.held_bytes += len(answer)
        while len(self._lasts) > MAX_CLOSING or self.held_bytes > self._max_bytes:
            self.take(next(iter(self._lasts)))
        self._settled.clear()

    def take(self, sid: str) -> bytes | None:
        """Return the answer for a session's next GET, once; None if there is none."""
        last = self._lasts.pop(sid, None)
        if last is None:
            return None
        self._wheel.cancel(last.due, last.forget)
        self.held_bytes -= len(last.answer)
        if not self._lasts:
            self._settled.set()
        return last.answer

    async def settled(self) -> None:
        """Wait until every answer was taken or forgotten: not longer than `CLOSING_SECONDS`."""
        if self._lasts:
            await self._settled.wait()

    def _forget(self, sid: str) -> None:
        self.take(sid)
