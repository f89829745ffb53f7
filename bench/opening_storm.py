"""`python -m bench.opening_storm`: how often a gateway reads Redis when thousands of pages open at once.

The events are older than the gateway's memory of their rooms, so Redis has to be read. Pages on WebSockets
subscribe all at once, each to one of some rooms: with the last events, with those since an offset, with the
latest of each key. Reads are counted by the gateway (`past_reads`), and at Redis by commands: an XRANGE reads
one event of the stream, an HGETALL the latest of a room. The counts are the same on any machine; the times
are not.
"""

import argparse
import asyncio
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import redis
from prometheus_client.parser import text_string_to_metric_families

from bench.arena import Arena, arena
from bench.contestants import GATEWAY, Contestant, Place
from bench.events import PADDING
from bench.past_events import Client
from bench.preparation import pinned_cores
from queuecast_bus import BusManager, BusSettings, Record
from queuecast_local import redis_server

PATIENCE_SECONDS = 120.0
TOGETHER = 50
"""How many connections are opened at once."""

KEYS = 10
"""Keys of the events of a room."""

SETTINGS = {
    # All pages have one address here.
    "QUEUECAST_MAX_PAST_BYTES_PER_ADDRESS": "0",
    "QUEUECAST_KEEP_LATEST_SECONDS": "600",
}
READS = ("cmdstat_xrange", "cmdstat_hgetall")


class Storm(NamedTuple):
    """What a storm took: reads for past events by kind, commands of Redis, seconds, and CPU in µs a page."""

    reads: Counter[str]
    commands: Counter[str]
    seconds: float
    cpu_us: float


def with_latest(contestant: Contestant) -> Contestant:
    """Return the gateway with the settings that this needs."""

    def environment(place: Place) -> dict[str, str]:
        return {**contestant.environment(place), **SETTINGS}

    return replace(contestant, environment=environment)


def room_of(way: str, number: int) -> str:
    """Return the name of a room. Each way has rooms of its own, whose events nobody has asked for yet."""
    return f"{way}-{number}"


def past_reads(place: Place) -> Counter[str]:
    """Return how often the gateway has read Redis for past events, by what for."""
    with urllib.request.urlopen(f"http://127.0.0.1:{place.admin_port}/metrics", timeout=30) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    return Counter(
        {
            sample.labels["call"]: int(sample.value)
            for family in families
            for sample in family.samples
            if sample.name == "queuecast_gateway_past_reads_total"
        }
    )


def commands(client: Any) -> Counter[str]:
    """Return how often Redis was asked to read, by command."""
    stats = client.info("commandstats")
    return Counter({name.removeprefix("cmdstat_"): stats.get(name, {}).get("calls", 0) for name in READS})


async def publish(place: Arena, ways: list[str], options: Any) -> str:
    """Store the rooms' events while nobody is there; return the offset before the first one."""
    settings = {"redis_url": f"redis://127.0.0.1:{place.place.redis_port}/0", "keep_latest_seconds": 600}
    bus = BusManager(BusSettings.model_validate(settings), write_only=True)
    try:
        (first,) = await bus.publish([(Record("price", b"[0]", rooms=("nobody",)), None)])
        for number in range(options.last):
            text = b'[{"n":%d,"text":"%b"}]' % (number, PADDING.encode())
            batch = [
                (Record("price", text, rooms=(room_of(way, room),), key=f"{number % KEYS}"), None)
                for way in ways
                for room in range(options.rooms)
            ]
            await bus.publish(batch)
        return first.offset
    finally:
        await bus.aclose()


async def storm(place: Arena, clients: list[Client], way: str, option: str, options: Any) -> Storm:
    """Have all pages subscribe at once, check their answers, and have them leave again."""
    expected = {"latest": KEYS}.get(way, options.last)
    with redis.Redis(port=place.place.redis_port) as client:
        await place.calm()
        reads, asked = past_reads(place.place), commands(client)
        before, began = place.read(), time.monotonic()
        rooms = [room_of(way, number % options.rooms) for number in range(len(clients))]
        async with asyncio.timeout(PATIENCE_SECONDS):
            answers = await asyncio.gather(
                *(
                    each.ask(f'["subscribe","{room}",{option}]')
                    for each, room in zip(clients, rooms, strict=True)
                )
            )
        seconds, spent = time.monotonic() - began, place.read() - before
        if any(answer.count(b'"event":') != expected for answer in answers):
            raise RuntimeError(f"{way}: {answers[0][:300]!r}")
        found = Storm(
            past_reads(place.place) - reads,
            commands(client) - asked,
            seconds,
            spent.server_ns / 1e3 / len(clients),
        )
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(
            *(each.ask(f'["unsubscribe","{room}"]') for each, room in zip(clients, rooms, strict=True))
        )
    return found


async def opened(place: Arena, number: int) -> list[Client]:
    """Open so many pages."""
    clients: list[Client] = []

    async def open_one() -> None:
        _, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", place.place.port)
        await asyncio.wait_for(client.ready, PATIENCE_SECONDS)
        clients.append(client)

    for start in range(0, number, TOGETHER):
        await asyncio.gather(*(open_one() for _ in range(min(TOGETHER, number - start))))
    return clients


async def run(options: Any) -> None:
    """Run a storm of each kind, and print what it took."""
    cores = pinned_cores()
    with tempfile.TemporaryDirectory(prefix="queuecast-bench-") as workshop:
        async with arena(with_latest(GATEWAY), redis_server.find(), cores, Path(workshop)) as place:
            ways = ["last", "since", "latest"]
            offset = await publish(place, ways, options)
            clients = await opened(place, options.clients)
            option = {
                "last": f'{{"last":{options.last}}}',
                "since": f'{{"since":"{offset}"}}',
                "latest": '{"latest":true}',
            }
            rooms = f"{options.rooms} rooms of {options.last} events"
            sys.stdout.write(f"{options.clients:,} pages subscribe at once, {rooms}\n")
            for way in ways:
                took = await storm(place, clients, way, option[way], options)
                told = ", ".join(f"{count} for {of}" for of, count in sorted(took.reads.items())) or "none"
                asked = ", ".join(f"{count} {name.upper()}" for name, count in sorted(took.commands.items()))
                sys.stdout.write(
                    f"{option[way]}: reads of past events: {told}; at Redis: {asked or 'none'}; "
                    f"all answered after {took.seconds:.1f} s, {took.cpu_us:.0f} µs of CPU a page\n"
                )
            for client in clients:
                client.transport.abort()


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(prog="python -m bench.opening_storm", description=__doc__)
    parser.add_argument("--clients", type=int, default=5_000)
    parser.add_argument("--rooms", type=int, default=10)
    parser.add_argument("--last", type=int, default=20, help="events of each room")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
