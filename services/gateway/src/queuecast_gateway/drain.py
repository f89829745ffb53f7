"""Leaving without anyone noticing: connections are closed one after another, and come back elsewhere.

They are closed below Socket.IO, whose clients stay away after a disconnect of its own.
"""

import asyncio
import random
from collections.abc import Callable, Collection

from queuecast_gateway.engine.frames import SERVICE_RESTART
from queuecast_gateway.engine.session import Session

LEAVING = "leaving"
"""The reason of a disconnect that is our will, and that a client is to come back from at once."""


def part(session: Session) -> None:
    """End a connection so that its client comes back by itself."""
    session.end(LEAVING, code=SERVICE_RESTART, text="come back")


async def drain(sessions: Collection[Session], seconds: float, end: Callable[[Session], None] = part) -> None:
    """End connections evenly over a time, in no order, at moments that no two replicas share."""
    waiting = list(sessions)
    random.shuffle(waiting)
    began = asyncio.get_running_loop().time()
    for index, session in enumerate(waiting):
        due = began + seconds * (index + random.random()) / len(waiting)
        rest = due - asyncio.get_running_loop().time()
        if rest > 0:
            await asyncio.sleep(rest)
        elif index % 50 == 49:
            await asyncio.sleep(0)  # the others have their turn
        end(session)


class Lifetimes:
    """How long connections may last, so that load spreads again after a scale-out.

    The longest is a quarter more than `seconds`, the shortest a quarter less; 0 is for ever.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: dict[str, float] = {}

    def begin(self, sid: str, now: float) -> None:
        """A connection begins."""
        if self._seconds:
            self._ends[sid] = now + self._seconds * random.uniform(0.75, 1.25)

    def over(self, sid: str, now: float) -> bool:
        """Say whether a connection has lasted long enough."""
        return now >= self._ends.get(sid, now + 1)

    def end(self, sid: str) -> None:
        """A connection has ended."""
        self._ends.pop(sid, None)
