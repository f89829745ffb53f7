"""The main rows of the table: what is done to a server, and the resulting figures."""

import asyncio
from collections.abc import Awaitable, Callable

from bench.accounting import Reading, resident_kib
from bench.addressed import STRIDE
from bench.arena import Arena
from bench.crowd import Crowd
from bench.events import FIRST, Event, tick
from bench.load import Figure, Load
from bench.pace import centiles, steadily
from bench.publishers import BATCH

WARM_EVENTS = 100
WARM_SOCKETS = 200
PROBE_EVENTS = 20
PROBE_RATE = 50
RATES = (100, 50, 20, 10, 5, 2)
"""Events a second: the steady row's rate, and lower ones for a server that cannot keep up."""

OTHER_RATES = (10, 400)
HOPELESS, EASY = 3.0, 0.7
"""Shares of a core: a server that would need more than the first gets a lower rate than the full one, at
which it needs less than the second."""

TRY_SECONDS = 0.5
"""A server that needs more than twice as long for the events of this time gets no higher rate."""

LAG_SECONDS = 0.5
"""A server that is further behind at the end has not kept up."""

SLOW_BURST_SECONDS = 5.0
"""A server that takes longer for one burst does not get the others."""

WINDOW = 10 * BATCH
"""The records that a stopped server then has to catch up with."""

WARM_WINDOWS = 2

Measure = Callable[[Arena, Load], Awaitable[list[Figure]]]


async def warm(arena: Arena, load: Load) -> None:
    """Let the server compile and cache whatever it does."""
    async with arena.crowd(min(WARM_SOCKETS, load.sockets)) as crowd:
        await steadily(arena, crowd, FIRST, min(WARM_EVENTS, 2 * load.sockets), RATES[0])


async def steady(arena: Arena, load: Load) -> list[Figure]:
    """Measure CPU per delivery, and the latencies, at a steady rate; and at a lower and a higher one."""
    async with arena.crowd(load.sockets) as crowd:
        probe = await steadily(arena, crowd, FIRST, PROBE_EVENTS, PROBE_RATE)
        cpu_seconds = probe.server_ns / 1e9 / PROBE_EVENTS
        rate = RATES[0]
        if rate * cpu_seconds > HOPELESS:
            easy = [lower for lower in RATES[1:] if lower * cpu_seconds < EASY]
            rate = easy[0] if easy else RATES[-1]
        events = round(rate * load.steady_seconds)
        first = FIRST + PROBE_EVENTS
        figures = await _at_rate(arena, crowd, load, first, events, rate, "")
        if rate != RATES[0]:
            return figures
        for other in OTHER_RATES:
            first += events
            if other > rate:
                # What a delivery costs falls with the rate in servers that join events: only a try tells.
                events = round(other * TRY_SECONDS)
                tried = await steadily(arena, crowd, first, events, other)
                first += events
                if tried.clock_ns / 1e9 > 2 * TRY_SECONDS:
                    continue
            events = max(2, round(other * load.other_seconds))
            figures += await _at_rate(arena, crowd, load, first, events, other, f"_{other}")
        return figures


async def _at_rate(
    arena: Arena, crowd: Crowd, load: Load, first: int, events: int, rate: int, suffix: str
) -> list[Figure]:
    spent = await steadily(arena, crowd, first, events, rate)
    behind = spent.clock_ns / 1e9 - events / rate
    note = f"cannot keep up, at {rate} events/s" if not suffix and rate != RATES[0] else ""
    if behind > LAG_SECONDS:
        note = f"fell {behind:.1f} s behind at {rate} events/s"
    values = (spent.server_ns / 1e3 / (events * load.sockets), *centiles(crowd.ledger.latencies_ns))
    names = ("steady", "p50", "p99", "max")
    return [Figure(name + suffix, value, spent, note) for name, value in zip(names, values, strict=True)]


async def burst(arena: Arena, load: Load) -> list[Figure]:
    """Measure CPU per delivery when many events are published at once."""
    async with arena.crowd(load.sockets) as crowd:
        spent: list[Reading] = []
        while len(spent) < load.bursts and not any(one.clock_ns > SLOW_BURST_SECONDS * 1e9 for one in spent):
            first = FIRST + len(spent) * load.burst_events
            spent.append(await one_burst(arena, crowd, first, load.burst_events))
        middle = sorted(spent, key=lambda one: one.server_ns)[len(spent) // 2]
        note = "" if len(spent) == load.bursts else f"{len(spent)} of {load.bursts} bursts, since it is slow"
        return [Figure("burst", middle.server_ns / 1e3 / (load.burst_events * load.sockets), middle, note)]


async def one_burst(arena: Arena, crowd: Crowd, first: int, events: int) -> Reading:
    """Publish ticks for everyone at once; return what they cost."""
    crowd.expect(first, events)
    await arena.calm()
    before = arena.read()
    now_ns = crowd.ledger.now_ns()
    await arena.publisher.publish([tick(first + n, now_ns) for n in range(events)])
    await crowd.heard_all()
    return arena.read() - before


async def rss(arena: Arena, load: Load) -> list[Figure]:
    """Measure resident memory per idle connection, on a server that never had more connections."""
    async with arena.crowd(load.quiet_sockets) as crowd:
        await asyncio.sleep(load.settle_seconds)
        before_kib, before = resident_kib(arena.server.pid), arena.read()
        await crowd.open(load.idle_sockets)
        await arena.calm()
        await asyncio.sleep(load.settle_seconds)
        grown_kib = resident_kib(arena.server.pid) - before_kib
        return [Figure("rss", grown_kib / load.idle_sockets, arena.read() - before)]


async def connect(arena: Arena, load: Load) -> list[Figure]:
    """Measure CPU per connection, from TCP's accept to the answer to CONNECT.

    It needs a fresh server, or the garbage of other rows would be collected during this one.
    """
    async with arena.crowd(load.warm_connects) as crowd:
        before = arena.read()
        await crowd.open(load.connects)
        spent = arena.read() - before
        return [Figure("connect", spent.server_ns / 1e3 / load.connects, spent)]


async def nobody(arena: Arena, load: Load) -> list[Figure]:
    """Measure CPU per record for rooms without members, as many as a server can know by heart."""
    return await for_nobody(arena, load, "nobody", WINDOW)


async def for_nobody(arena: Arena, load: Load, name: str, rooms: int) -> list[Figure]:
    """Measure CPU per record for one of some rooms without members.

    The server is stopped while a window is published and then has to catch up. So each server gets the same
    pattern, however fast its publisher is: as much work as it can take, and a bounded backlog. The window
    ends with a mark for one client's own room.
    """
    async with arena.crowd(load.quiet_sockets) as crowd:
        room = await crowd.own_room()
        before = arena.read()
        for number in range(1, load.strange_windows + WARM_WINDOWS + 1):
            numbers = range(number * WINDOW, (number + 1) * WINDOW)
            events = [
                Event("tick", tick(FIRST + n, 0).argument, f"nobody:{n * STRIDE % rooms}") for n in numbers
            ]
            with arena.stopped():
                for start in range(0, WINDOW, BATCH):
                    await arena.publisher.publish(events[start : start + BATCH])
                await arena.publisher.publish([Event("mark", {}, room)])
            await crowd.heard_marks(number)
            if number == WARM_WINDOWS:
                before = arena.read()
        spent = arena.read() - before
        return [Figure(name, spent.server_ns / 1e3 / (load.strange_windows * WINDOW), spent)]


MAIN: dict[str, Measure] = {
    "steady": steady,
    "burst": burst,
    "nobody": nobody,
    "connect": connect,
    "rss": rss,
}
