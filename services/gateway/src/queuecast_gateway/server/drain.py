"""Draining: connections are closed one after another, and their clients reconnect, mostly to other replicas.

They are closed at Engine.IO level: after a Socket.IO disconnect a client does not reconnect by itself.
"""

import asyncio
import random
from collections.abc import Callable, Collection

from queuecast_gateway.engine.frames import SERVICE_RESTART
from queuecast_gateway.engine.session import Session

LEAVING = "leaving"
"""The reason of a disconnect that we want, and after which the client should reconnect at once."""


def end_for_reconnect(session: Session) -> None:
    """End a connection so that its client reconnects by itself."""
    session.end(LEAVING, code=SERVICE_RESTART, text="come back")


async def drain(
    sessions: Collection[Session], seconds: float, end: Callable[[Session], None] = end_for_reconnect
) -> None:
    """End connections evenly over a time, in random order and at random moments, so that replicas differ."""
    remaining = list(sessions)
    random.shuffle(remaining)
    began = asyncio.get_running_loop().time()
    for index, session in enumerate(remaining):
        due = began + seconds * (index + random.random()) / len(remaining)
        rest = due - asyncio.get_running_loop().time()
        if rest > 0:
            await asyncio.sleep(rest)
        elif index % 50 == 49:
            await asyncio.sleep(0)  # let other tasks run
        end(session)


class Lifetimes:
    """How long each connection may last, so that load spreads again after a scale-out.

    Each lifetime is random, up to a quarter more or less than `seconds`; 0 is for ever.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: dict[str, float] = {}

    def begin(self, sid: str, now: float) -> None:
        """A connection begins."""
        if self._seconds:
            self._ends[sid] = now + self._seconds * random.uniform(0.75, 1.25)

    def over(self, sid: str, now: float) -> bool:
        """Say whether the lifetime of a connection is over."""
        return now >= self._ends.get(sid, now + 1)

    def end(self, sid: str) -> None:
        """A connection has ended."""
        self._ends.pop(sid, None)
