"""Publishing at a fixed rate until everybody has received everything."""

import asyncio
import statistics
import time
from collections.abc import Sequence

from bench.accounting import Reading
from bench.arena import Arena
from bench.crowd import Crowd, room_name
from bench.events import tick


async def steadily(
    arena: Arena, crowd: Crowd, first: int, events: int, rate: int, *, size: int = 0
) -> Reading:
    """Publish ticks for everyone, however late the server is; return what it cost."""
    crowd.expect(first, events)
    await arena.calm()
    before, start = arena.read(), time.monotonic()
    for n in range(events):
        await asyncio.sleep(start + n / rate - time.monotonic())
        await arena.publisher.publish([tick(first + n, crowd.ledger.now_ns(), size=size)])
    await crowd.heard_all()
    return arena.read() - before


async def to_rooms(arena: Arena, crowd: Crowd, first: int, events: int, rate: int) -> Reading:
    """Publish ticks, each for the members of one room; return what it cost."""
    books = crowd.ledger.addressed
    assert books is not None  # noqa: S101  # the crowd has joined rooms
    crowd.ledger.latencies_ns.clear()
    due = books.heard + books.expected(first, events)
    before, start = arena.read(), time.monotonic()
    for n in range(first, first + events):
        await asyncio.sleep(start + (n - first) / rate - time.monotonic())
        room = room_name(books.room_of(n))
        await arena.publisher.publish([tick(n, crowd.ledger.now_ns(), room=room)])
    await crowd.heard_addressed(due)
    return arena.read() - before


def centiles(latencies_ns: Sequence[int]) -> tuple[float, float, float]:
    """Return the median, the 99th centile and the longest of some latencies, in milliseconds."""
    cuts = statistics.quantiles(latencies_ns, n=100)
    return cuts[49] / 1e6, cuts[98] / 1e6, max(latencies_ns) / 1e6
