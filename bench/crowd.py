"""The load generator: a crowd of raw WebSocket clients that check what they receive."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from bench.addressed import Addressed
from bench.dialects import CENTRIFUGO, OWN, Dialect, Session
from bench.ledger import Ledger, WrongCount
from bench.member import LineMember, Member, greet

OPENING = 32
"""How many clients connect at the same time."""

SAMPLED = 50
"""How many members record each event's latency, evenly spread over the order in which they connected."""

ANSWER_SECONDS = 60.0
"""How long it may take until every client has received what was published."""


class Crowd:
    """The clients that are connected to one server, or to several in turn."""

    def __init__(self, ports: Sequence[int], dialect: Dialect) -> None:
        self.members: list[Member] = []
        self.ledger = Ledger()
        self._ports = ports
        self._dialect = dialect
        self._member = LineMember if dialect is CENTRIFUGO else Member

    async def open(self, count: int, sessions: Sequence[Session] = (), opening: int = OPENING) -> None:
        """Connect more clients, some at a time, perhaps with sessions to recover. Raises `OSError`."""
        left = iter(range(count))
        every = max(1, count // SAMPLED)
        offset = self.ledger.offset

        async def connect_some() -> None:
            for index in left:
                session = sessions[index] if sessions else None
                port = self._ports[index % len(self._ports)]
                greeting = await greet(port, self._dialect, session, offset)
                self.members.append(self._member(self.ledger, greeting, sampled=index % every == 0))

        async with asyncio.TaskGroup() as tasks:
            for _ in range(opening):
                tasks.create_task(connect_some())

    def expect(self, first: int, count: int) -> None:
        """From now on, each member must receive these ticks, once each and in order."""
        self.ledger.expect(self._dialect.heads(first, count))
        for member in self.members:
            member.heard = 0

    async def heard_all(self) -> None:
        """Wait until every member has received everything. Raises `WrongCount`."""
        expected = (len(self.ledger.heads) - 1) * len(self.members)
        await self._reach(expected, "deliveries", lambda: sum(member.heard for member in self.members), 0.02)

    async def heard_warm(self, count: int) -> None:
        """Wait until warm events have come this many times since the beginning. Raises `WrongCount`."""
        await self._reach(count, "warm events", lambda: self.ledger.warm, 0.005)

    async def heard_marks(self, count: int) -> None:
        """Wait until this many marks have come since the beginning. Raises `WrongCount`."""
        await self._reach(count, "marks", lambda: self.ledger.marks, 0.001)

    async def heard_addressed(self, count: int, seconds: float = ANSWER_SECONDS) -> None:
        """Wait until the events of rooms have come this many times. Raises `WrongCount`."""
        books = self.ledger.addressed
        await self._reach(count, "deliveries", lambda: books.heard if books else 0, 0.005, seconds)

    async def own_room(self) -> str:
        """Return the name of a room that only the first member is in, whose marks are expected."""
        self.ledger.mark_sid = self.members[0].session.sid
        if self._dialect is not CENTRIFUGO:
            return self.ledger.mark_sid
        # Its clients do not learn their ids here: only one of them is in this room.
        await self.members[0].subscribe([OWN])
        return OWN

    async def join(self, rooms: int, each: int, *, ordered: bool = True) -> None:
        """Let the members join rooms, `each` of them as many, evenly; expect events of these rooms alone."""
        self.ledger.addressed = books = Addressed(rooms, ordered=ordered)
        waiting: list[Member] = []
        for index, member in enumerate(self.members):
            mine = frozenset((index * each + place) % rooms for place in range(each))
            member.page = books.join(mine)
            waiting.append(member)
        left = iter(waiting)

        async def join_some() -> None:
            for member in left:
                if member.page is not None:
                    await asyncio.wait_for(
                        member.subscribe([room_name(room) for room in sorted(member.page.rooms)]),
                        ANSWER_SECONDS,
                    )

        async with asyncio.TaskGroup() as tasks:
            for _ in range(OPENING):
                tasks.create_task(join_some())

    def close(self) -> None:
        """Drop all connections at once."""
        for member in self.members:
            member.leave()
        self.members.clear()

    async def _reach(
        self,
        count: int,
        what: str,
        heard: Callable[[], int],
        pause_seconds: float,
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        deadline = time.monotonic() + seconds
        while heard() < count:
            self.ledger.check()
            if time.monotonic() > deadline:
                raise WrongCount(f"{heard()} of {count} {what} came in {seconds:.0f} s")
            await asyncio.sleep(pause_seconds)
        if heard() > count:
            self.ledger.note(f"{heard()} {what} came where {count} were expected")
        self.ledger.check()


def room_name(room: int) -> str:
    """Return the name of a room."""
    return f"sku-{room}"


@asynccontextmanager
async def crowd_of(ports: Sequence[int], count: int, dialect: Dialect) -> AsyncIterator[Crowd]:
    """A crowd that is connected within the context; at the end, check that it received nothing wrong."""
    crowd = Crowd(ports, dialect)
    try:
        await crowd.open(count)
        yield crowd
        crowd.ledger.check()
    finally:
        crowd.close()
