"""The rows of the table: what is done to a server, and the resulting figures."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bench.accounting import Reading, resident_kib
from bench.arena import Arena
from bench.crowd import Crowd
from bench.events import FIRST, Event, tick, tick_heads
from bench.publishers import BATCH

SETTLE_SECONDS = 2.0
WARM_EVENTS = 100
WARM_SOCKETS = 200
WARM_CONNECTS = 1_000
PROBE_EVENTS = 20
PROBE_RATE = 50
RATES = (100, 50, 20, 10, 5, 2)
"""Events a second: the steady row's rate, and lower ones for a server that cannot keep up."""

HOPELESS, EASY = 3.0, 0.7
"""Shares of a core: a server that would need more than the first gets a lower rate than the full one, at
which it needs less than the second."""

LAG_SECONDS = 0.5
"""A server that is further behind at the end has not kept up."""

SLOW_BURST_SECONDS = 5.0
"""A server that takes longer for one burst does not get the others."""

WINDOW = 10 * BATCH
"""The records that a stopped server then has to catch up with."""

WARM_WINDOWS = 2


@dataclass(frozen=True, slots=True)
class Load:
    """The amount of work for each row."""

    rounds: int = 4
    sockets: int = 1_000
    steady_seconds: int = 10
    burst_events: int = 200
    bursts: int = 5
    idle_sockets: int = 9_000
    connects: int = 2_000
    strange_records: int = 20_000
    quiet_sockets: int = 100


QUICK = Load(rounds=1, steady_seconds=3, bursts=2, idle_sockets=2_000, connects=500, strange_records=5_000)


@dataclass(frozen=True, slots=True)
class Figure:
    """One number, and what everything cost while it was measured."""

    name: str
    value: float
    spent: Reading
    note: str = ""


Measure = Callable[[Arena, Load], Awaitable[list[Figure]]]


async def warm(arena: Arena) -> None:
    """Let the server compile and cache whatever it does."""
    async with arena.crowd(WARM_SOCKETS) as crowd:
        await _steadily(arena, crowd, FIRST, WARM_EVENTS, RATES[0])


async def steady(arena: Arena, load: Load) -> list[Figure]:
    """Measure CPU per delivery, and the latencies, at a steady rate."""
    async with arena.crowd(load.sockets) as crowd:
        probe = await _steadily(arena, crowd, FIRST, PROBE_EVENTS, PROBE_RATE)
        cpu_seconds = probe.server_ns / 1e9 / PROBE_EVENTS
        rate = RATES[0]
        if rate * cpu_seconds > HOPELESS:
            easy = [lower for lower in RATES[1:] if lower * cpu_seconds < EASY]
            rate = easy[0] if easy else RATES[-1]
        events = rate * load.steady_seconds
        spent = await _steadily(arena, crowd, FIRST + PROBE_EVENTS, events, rate)
        behind = spent.clock_ns / 1e9 - load.steady_seconds
        note = "" if rate == RATES[0] else f"cannot keep up, at {rate} events/s"
        if behind > LAG_SECONDS:
            note = f"fell {behind:.1f} s behind at {rate} events/s"
        centiles = statistics.quantiles(crowd.ledger.latencies_ns, n=100)
        return [
            Figure("steady", spent.server_ns / 1e3 / (events * load.sockets), spent, note),
            Figure("p50", centiles[49] / 1e6, spent, note),
            Figure("p99", centiles[98] / 1e6, spent, note),
            Figure("max", max(crowd.ledger.latencies_ns) / 1e6, spent, note),
        ]


async def burst(arena: Arena, load: Load) -> list[Figure]:
    """Measure CPU per delivery when many events are published at once."""
    async with arena.crowd(load.sockets) as crowd:
        spent: list[Reading] = []
        while len(spent) < load.bursts and not any(one.clock_ns > SLOW_BURST_SECONDS * 1e9 for one in spent):
            first = FIRST + len(spent) * load.burst_events
            crowd.expect(tick_heads(first, load.burst_events))
            await arena.calm()
            before = arena.read()
            now_ns = crowd.ledger.now_ns()
            await arena.publisher.publish([tick(first + n, now_ns) for n in range(load.burst_events)])
            await crowd.heard_all()
            spent.append(arena.read() - before)
        middle = sorted(spent, key=lambda one: one.server_ns)[len(spent) // 2]
        note = "" if len(spent) == load.bursts else f"{len(spent)} of {load.bursts} bursts, since it is slow"
        return [Figure("burst", middle.server_ns / 1e3 / (load.burst_events * load.sockets), middle, note)]


async def rss(arena: Arena, load: Load) -> list[Figure]:
    """Measure resident memory per idle connection, on a server that never had more connections."""
    async with arena.crowd(load.quiet_sockets) as crowd:
        await asyncio.sleep(SETTLE_SECONDS)
        before_kib, before = resident_kib(arena.server.pid), arena.read()
        await crowd.open(load.idle_sockets)
        await arena.calm()
        await asyncio.sleep(SETTLE_SECONDS)
        grown_kib = resident_kib(arena.server.pid) - before_kib
        return [Figure("rss", grown_kib / load.idle_sockets, arena.read() - before)]


async def connect(arena: Arena, load: Load) -> list[Figure]:
    """Measure CPU per connection, from TCP's accept to the answer to Socket.IO's CONNECT.

    It needs a fresh server, or the garbage of other rows would be collected during this one.
    """
    async with arena.crowd(WARM_CONNECTS) as crowd:
        before = arena.read()
        await crowd.open(load.connects)
        spent = arena.read() - before
        return [Figure("connect", spent.server_ns / 1e3 / load.connects, spent)]


async def nobody(arena: Arena, load: Load) -> list[Figure]:
    """Measure CPU per record for a room without members.

    The server is stopped while a window is published and then has to catch up. So each server gets the same
    pattern, however fast its publisher is: as much work as it can take, and a bounded backlog. The window
    ends with a mark for one client's own room.
    """
    async with arena.crowd(load.quiet_sockets) as crowd:
        windows = load.strange_records // WINDOW
        crowd.ledger.mark_room = crowd.members[0].sid
        before = arena.read()
        for number in range(1, windows + WARM_WINDOWS + 1):
            numbers = range(WINDOW)
            events = [Event("tick", tick(FIRST + n, 0).argument, f"nobody:{n}") for n in numbers]
            with arena.stopped():
                for start in range(0, WINDOW, BATCH):
                    await arena.publisher.publish(events[start : start + BATCH])
                await arena.publisher.publish([Event("mark", {}, crowd.ledger.mark_room)])
            await crowd.heard_marks(number)
            if number == WARM_WINDOWS:
                before = arena.read()
        spent = arena.read() - before
        return [Figure("nobody", spent.server_ns / 1e3 / (windows * WINDOW), spent)]


FRESH = ("connect", "rss")
"""Rows that need a fresh server."""

MEASURES: dict[str, Measure] = {
    "steady": steady,
    "burst": burst,
    "rss": rss,
    "connect": connect,
    "nobody": nobody,
}


async def _steadily(arena: Arena, crowd: Crowd, first: int, events: int, rate: int) -> Reading:
    """Publish at a fixed rate, however late the server is, until all is received; return the cost."""
    crowd.expect(tick_heads(first, events))
    await arena.calm()
    before, start = arena.read(), time.monotonic()
    for n in range(events):
        await asyncio.sleep(start + n / rate - time.monotonic())
        await arena.publisher.publish([tick(first + n, crowd.ledger.now_ns())])
    await crowd.heard_all()
    return arena.read() - before
