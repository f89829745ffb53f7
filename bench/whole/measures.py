"""What is done to a system: messages at two rates, and a backlog.

Every page must get each of its events, once.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bench.accounting import cores_ns, cpu_ns
from bench.arena import ArenaFailed
from bench.crowd import Crowd, crowd_of
from bench.events import FIRST
from bench.pace import centiles
from bench.whole.run import Running

DELETED_SECONDS = 30.0
"""How long after the last delivery all messages must have been deleted."""


@dataclass(frozen=True, slots=True)
class Load:
    """How much is measured."""

    rounds: int = 2
    pages: int = 1_000
    rooms: int = 125
    """An odd number, so that each room has pages on both gateways: neighbours are on different ones."""
    warm_messages: int = 300
    seconds: float = 10.0
    backlog: int = 100_000
    backlog_rounds: int = 1
    patience_seconds: float = 240.0


QUICK = Load(rounds=1, pages=200, rooms=25, warm_messages=100, seconds=3.0, backlog=5_000)
SMALL = Load(rounds=1, pages=40, rooms=5, warm_messages=20, seconds=1.0, backlog=500)
"""To see that all of it works. Its figures mean nothing."""

RATES = (100, 1_000)
"""Messages a second: the first to all pages, the second each to one room."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What one row of one system came to."""

    messages: int
    deliveries: int
    seconds: float
    cpu_ns: dict[str, int]
    p50_ms: float
    p99_ms: float
    max_ms: float
    outside_busy: float
    """The share of a core that the pages and the stub of SQS used."""
    others_busy: float
    behind_seconds: float = 0.0

    @property
    def cpu_us(self) -> float:
        """CPU of all processes per delivered event, in microseconds."""
        return sum(self.cpu_ns.values()) / 1e3 / self.deliveries

    @property
    def per_second(self) -> float:
        """Messages a second, from the first one sent to the last one delivered."""
        return self.messages / self.seconds


@dataclass
class Numbers:
    """The numbers of the messages, which go on from one row to the next."""

    next: int = field(default=FIRST)

    def take(self, count: int) -> int:
        first, self.next = self.next, self.next + count
        return first


async def at_rate(running: Running, load: Load, numbers: Numbers, rate: int) -> Figure:
    """Measure a steady rate. At the lower one each message is for all pages, else for one room."""
    rooms = 1 if rate == RATES[0] else load.rooms
    async with _pages(running, load, rooms) as pages:
        await _send(running, pages, numbers.take(load.warm_messages), load.warm_messages, rate, rooms, load)
        count = round(rate * load.seconds)
        return await _send(running, pages, numbers.take(count), count, rate, rooms, load)


async def backlog(running: Running, load: Load, numbers: Numbers) -> Figure:
    """Measure how fast a full queue is drained, each message for one room of several."""
    async with _pages(running, load, load.rooms) as pages:
        warm = load.warm_messages
        await _send(running, pages, numbers.take(warm), warm, RATES[1], load.rooms, load)
        first = numbers.take(load.backlog)
        return await _send(running, pages, first, load.backlog, 0, load.rooms, load)


@asynccontextmanager
async def _pages(running: Running, load: Load, rooms: int) -> AsyncIterator[Crowd]:
    """Pages on both gateways, each in one room."""
    async with crowd_of(running.ports, load.pages, running.system.gateway.dialect) as pages:
        pages.ledger.epoch_ns = 0  # messages have the time of the stub's clock, which is this one
        await pages.join(rooms, 1, ordered=False)
        yield pages


async def _send(
    running: Running, pages: Crowd, first: int, count: int, rate: int, rooms: int, load: Load
) -> Figure:
    """Send messages; return the cost until all pages had all of their events and all were deleted."""
    books, ledger = pages.ledger.addressed, pages.ledger
    assert books is not None  # noqa: S101  # the pages have joined
    ledger.latencies_ns.clear()
    deliveries = books.expected(first, count)
    due = books.heard + deliveries
    cores = range(os.cpu_count() or 1)
    before, began = running.cpu_ns(), time.monotonic()
    outside_ns, all_ns = _outside_ns(running), cores_ns(cores)
    await running.send(first, count, rate, rooms)
    await pages.heard_addressed(due, load.patience_seconds)
    seconds = time.monotonic() - began
    await _deleted(running, count)
    elapsed_ns = (time.monotonic() - began) * 1e9
    after = running.cpu_ns()
    spent = {name: after[name] - before[name] for name in after}
    outside = _outside_ns(running) - outside_ns
    others = cores_ns(cores) - all_ns - outside - sum(spent.values())
    ledger.check()
    return Figure(
        count,
        deliveries,
        seconds,
        spent,
        *centiles(ledger.latencies_ns),
        outside / elapsed_ns,
        max(0.0, others / elapsed_ns),
        max(0.0, seconds - count / rate) if rate else 0.0,
    )


def _outside_ns(running: Running) -> int:
    return cpu_ns(os.getpid()) + cpu_ns(running.stub.pid)


async def _deleted(running: Running, count: int) -> None:
    deadline = time.monotonic() + DELETED_SECONDS
    while (counts := await running.counts()) != (0, count):
        if time.monotonic() > deadline:
            raise ArenaFailed(f"{counts[1]} of {count} messages were deleted, {counts[0]} wait on the queue")
        await asyncio.sleep(0.05)
