"""Long-polling sessions that the server closed between two polls: the next GET gets what it still holds.

A WebSocket gets its CLOSE frame at once. Long-polling can only answer a GET, and between two polls there is
none. So the last packets of the session wait here for a moment; nothing else of the session is kept.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from queuecast_gateway.engine import packets
from queuecast_gateway.engine.timer_wheel import TimerWheel

ANSWER_SECONDS = 5.0
"""How long the answer to the next GET is kept."""

MAX_CLOSING = 1_000
"""Sessions that may wait for their GET. Beyond that the oldest is forgotten, and its client learns that its
session id is unknown, as after `ANSWER_SECONDS`."""


class _Answer(NamedTuple):
    frames: bytes
    due: int
    forget: Callable[[], None]


class PendingCloses:
    """The last packets of closed sessions, at most `max_bytes` of them."""

    def __init__(self, wheel: TimerWheel, max_bytes: int) -> None:
        self.held_bytes = 0
        self._wheel = wheel
        self._max_bytes = max_bytes
        self._answers: dict[str, _Answer] = {}
        self._settled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._answers)

    def keep(self, sid: str, unsent: bytes, last: bytes = b"") -> None:
        """Keep the answer to a session's next GET: what it has not been sent yet, and the `last` packet.

        If that is too much, only the last packet is kept. A client that reconnects gets the rest by its
        offset.
        """
        fits = len(unsent) + len(last) <= self._max_bytes
        if answer := (unsent if fits else b"") + last:
            self._keep(sid, answer)

    def _keep(self, sid: str, answer: bytes) -> None:
        self._remove(sid)
        forget = partial(self.forget, sid)
        self._answers[sid] = _Answer(answer, self._wheel.after(ANSWER_SECONDS, forget), forget)
        self.held_bytes += len(answer)
        while len(self._answers) > MAX_CLOSING or self.held_bytes > self._max_bytes:
            self.forget(next(iter(self._answers)))
        self._settled.clear()

    def take(self, sid: str) -> bytes | None:
        """Return the answer to a session's next GET, None if there is none."""
        kept = self._answers.get(sid)
        if kept is None:
            return None
        answer, rest = packets.first_answer(kept.frames)
        if rest:
            self._keep(sid, rest)
        else:
            self.forget(sid)
        return answer

    def forget(self, sid: str) -> None:
        """Answer no GET of this session any more."""
        self._remove(sid)
        if not self._answers:
            self._settled.set()

    def _remove(self, sid: str) -> None:
        kept = self._answers.pop(sid, None)
        if kept is not None:
            self._wheel.cancel(kept.due, kept.forget)
            self.held_bytes -= len(kept.frames)

    async def settled(self) -> None:
        """Wait until every answer was taken or forgotten, for `ANSWER_SECONDS` at most."""
        if self._answers:
            await self._settled.wait()
