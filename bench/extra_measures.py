"""The rows beside the main ones: sizes, rooms, storms, recovery, a shared core, the start."""

import asyncio
import time
from collections.abc import Awaitable

from bench.accounting import Reading, resident_kib
from bench.arena import Arena
from bench.crowd import Crowd
from bench.events import FIRST, Event, tick
from bench.load import Figure, Load
from bench.measures import LAG_SECONDS, RATES, Measure, for_nobody
from bench.pace import centiles, steadily, to_rooms

SIZES = {1_000: 50, 10_000: 10}
"""The bytes of an event, and how many of them are published in a second."""

ROOM_RATE = 200
ROOMS_EACH = 100
"""In how many rooms each client is: as many as this gateway allows by default."""

SPREAD_ROOMS = 100_000

STORM_RATE = 20
"""Few enough that every server has time left for the storm."""

STORM_AT_ONCE = 256
MISSED_EVENTS = 13
"""About 2 KiB."""


async def kilobytes(arena: Arena, load: Load) -> list[Figure]:
    """Measure CPU per delivery of larger events."""
    figures, first = [], FIRST
    async with arena.crowd(load.sockets) as crowd:
        for size, rate in SIZES.items():
            events = max(2, round(rate * load.other_seconds))
            spent = await steadily(arena, crowd, first, events, rate, size=size)
            behind = spent.clock_ns / 1e9 - events / rate
            note = f"fell {behind:.1f} s behind" if behind > LAG_SECONDS else ""
            value = spent.server_ns / 1e3 / (events * load.sockets)
            figures.append(Figure(f"bytes_{size}", value, spent, note))
            first += events
    return figures


async def rooms(arena: Arena, load: Load) -> list[Figure]:
    """Measure CPU per delivery of events for random rooms, each with a few members."""
    clients = load.rooms * load.room_members // ROOMS_EACH
    async with arena.crowd(clients) as crowd:
        await crowd.join(load.rooms, ROOMS_EACH)
        await arena.calm()
        events = round(ROOM_RATE * load.other_seconds)
        await to_rooms(arena, crowd, FIRST, events // 2, ROOM_RATE)
        await arena.calm()
        spent = await to_rooms(arena, crowd, FIRST + events, events, ROOM_RATE)
        _, p99, _ = centiles(crowd.ledger.latencies_ns)
        return [
            Figure("rooms", spent.server_ns / 1e3 / (events * load.room_members), spent),
            Figure("rooms_p99", p99, spent),
        ]


async def spread(arena: Arena, load: Load) -> list[Figure]:
    """Measure CPU per record for rooms without members, of which there are very many."""
    return await for_nobody(arena, load, "spread", SPREAD_ROOMS)


async def storm(arena: Arena, load: Load) -> list[Figure]:
    """Measure the latencies of those who are connected while many others connect, beside the calm ones."""
    async with arena.crowd(load.sockets) as crowd:
        await crowd.join(1, 1)
        await arena.calm()
        events = max(5, round(STORM_RATE * load.other_seconds))
        calm = await to_rooms(arena, crowd, FIRST, events, STORM_RATE)
        _, calm_p99, _ = centiles(crowd.ledger.latencies_ns)
        others = Crowd((arena.place.port,), arena.contestant.dialect)
        await arena.calm()
        coming = asyncio.create_task(_timed(others.open(load.storm_connects, opening=STORM_AT_ONCE)))
        try:
            first, latencies, spent = FIRST + events, list[int](), calm
            while not latencies or not coming.done():
                spent = await to_rooms(arena, crowd, first, STORM_RATE // 4, STORM_RATE)
                latencies += crowd.ledger.latencies_ns
                first += STORM_RATE // 4
            seconds = await coming
        finally:
            coming.cancel()
            others.close()
        _, p99, longest = centiles(latencies)
        return [
            Figure("calm_p99", calm_p99, calm),
            Figure("storm_p99", p99, spent),
            Figure("storm_max", longest, spent),
            Figure("storm_ratio", p99 / calm_p99, spent),
            Figure("storm_rate", load.storm_connects / seconds, spent),
        ]


async def _timed(work: Awaitable[None]) -> float:
    began = time.monotonic()
    await work
    return time.monotonic() - began


async def recovered(arena: Arena, load: Load) -> list[Figure]:
    """Measure CPU per connect that recovers a session with some missed events, beside a plain one."""
    async with arena.crowd(load.recovered) as crowd:
        await _come_back(arena, crowd, FIRST)  # to warm up
        spent = await _come_back(arena, crowd, FIRST + MISSED_EVENTS)
        fresh = Crowd((arena.place.port,), arena.contestant.dialect)
        try:
            before = arena.read()
            await fresh.open(load.recovered)
            plain = arena.read() - before
        finally:
            fresh.close()
        return [
            Figure("recovered", spent.server_ns / 1e3 / load.recovered, spent),
            Figure("recovered_ratio", spent.server_ns / plain.server_ns, spent),
        ]


async def _come_back(arena: Arena, crowd: Crowd, first: int) -> Reading:
    """Drop all connections, publish, and connect again with the sessions; return what that last step cost."""
    known = crowd.ledger.warm
    await arena.publisher.publish([Event("warm", {})])  # its offset is the last one that the clients know
    await crowd.heard_warm(known + len(crowd.members))
    sessions = [member.session for member in crowd.members]
    crowd.close()
    await arena.calm()
    crowd.expect(first, MISSED_EVENTS)
    missed = [tick(number, crowd.ledger.now_ns()) for number in range(first, first + MISSED_EVENTS)]
    await arena.publisher.publish(missed)
    await arena.calm()
    before = arena.read()
    await crowd.open(len(sessions), sessions)
    await crowd.heard_all()
    return arena.read() - before


async def shared(arena: Arena, load: Load) -> list[Figure]:
    """Measure a server that shares its core with Redis: the CPU of both, and the latencies."""
    async with arena.crowd(load.sockets) as crowd:
        events = round(RATES[0] * load.other_seconds)
        spent = await steadily(arena, crowd, FIRST, events, RATES[0])
        p50, p99, _ = centiles(crowd.ledger.latencies_ns)
        value = (spent.server_ns + spent.redis_ns) / 1e3 / (events * load.sockets)
        behind = spent.clock_ns / 1e9 - events / RATES[0]
        note = f"fell {behind:.1f} s behind" if behind > LAG_SECONDS else ""
        return [
            Figure("shared", value, spent, note),
            Figure("shared_p50", p50, spent, note),
            Figure("shared_p99", p99, spent, note),
        ]


async def start(arena: Arena, load: Load) -> list[Figure]:
    """Measure the time from the server's start to its first client, and its memory without clients."""
    before = arena.read()
    await arena.calm()
    spent = arena.read() - before
    return [
        Figure("start", arena.start_seconds, spent),
        Figure("empty", resident_kib(arena.server.pid) / 1024, spent),
    ]


EXTRA: dict[str, Measure] = {
    "kilobytes": kilobytes,
    "rooms": rooms,
    "spread": spread,
    "storm": storm,
    "recovered": recovered,
    "shared": shared,
    "start": start,
}
