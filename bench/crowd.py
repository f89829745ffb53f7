"""The load generator: a crowd of raw WebSocket clients that check what they receive."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from bench.ledger import Ledger, WrongCount
from bench.member import Member, greet

OPENING = 32
"""How many clients connect at the same time."""

SAMPLED = 50
"""How many members record each event's latency, evenly spread over the order in which they connected."""

ANSWER_SECONDS = 60.0
"""How long it may take until every client has received what was published."""


class Crowd:
    """The clients that are connected to one server."""

    def __init__(self, port: int) -> None:
        self.members: list[Member] = []
        self.ledger = Ledger()
        self._port = port

    async def open(self, count: int) -> None:
        """Connect more clients, a few at a time. Raises `OSError` if one is refused."""
        left = iter(range(count))
        every = max(1, count // SAMPLED)

        async def connect_some() -> None:
            for index in left:
                greeting = await greet(self._port)
                self.members.append(Member(self.ledger, greeting, sampled=index % every == 0))

        async with asyncio.TaskGroup() as tasks:
            for _ in range(OPENING):
                tasks.create_task(connect_some())

    def expect(self, heads: Sequence[bytes]) -> None:
        """From now on, each member must receive the events that begin like this, once each and in order."""
        self.ledger.expect(heads)
        for member in self.members:
            member.heard = 0

    async def heard_all(self) -> None:
        """Wait until every member has received everything. Raises `WrongCount`."""
        deadline = time.monotonic() + ANSWER_SECONDS
        expected = (len(self.ledger.heads) - 1) * len(self.members)
        while (heard := sum(member.heard for member in self.members)) < expected:
            self.ledger.check()
            if time.monotonic() > deadline:
                raise WrongCount(f"{heard} of {expected} deliveries came in {ANSWER_SECONDS:.0f} s")
            await asyncio.sleep(0.02)
        self.ledger.check()

    async def heard_marks(self, count: int) -> None:
        """Wait until this many marks have come since the beginning. Raises `WrongCount`."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while self.ledger.marks < count:
            self.ledger.check()
            if time.monotonic() > deadline:
                raise WrongCount(f"{self.ledger.marks} of {count} marks came in {ANSWER_SECONDS:.0f} s")
            await asyncio.sleep(0.001)
        if self.ledger.marks > count:
            self.ledger.note(f"{self.ledger.marks} marks came where {count} were sent")
        self.ledger.check()

    def close(self) -> None:
        """Drop all connections at once."""
        for member in self.members:
            member.leave()
        self.members.clear()


@asynccontextmanager
async def crowd_of(port: int, count: int) -> AsyncIterator[Crowd]:
    """A crowd that is connected within the context; at the end, check that it received nothing wrong."""
    crowd = Crowd(port)
    try:
        await crowd.open(count)
        yield crowd
        crowd.ledger.check()
    finally:
        crowd.close()
