"""`python -m bench.presence`: what presence costs a gateway and Redis while connections come and go.

The connections are spread over gateways and rooms, and watch their room, or a share of them does. One of the
gateways is real; the others are their announcements, made here. Connections leave and new ones come, with
presence and without it in turns: the difference is what presence costs, events to browsers included.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.accounting import Reading
from bench.arena import Arena, arena
from bench.contestants import GATEWAY, Contestant, Place
from bench.past_events import Client
from bench.preparation import pinned_cores
from queuecast_bus import BusManager, BusSettings
from queuecast_gateway.presence.announcements import Announcements
from queuecast_gateway.presence.own_part import OwnPart, key_of
from queuecast_gateway.presence.totals import Totals
from queuecast_gateway.presence.tracker import TICK_SECONDS
from queuecast_local import redis_server

PATIENCE_SECONDS = 120.0
TOGETHER = 50
"""How many connections are opened at once."""


class Shares(NamedTuple):
    """Shares of a core."""

    gateway: float
    redis: float


def with_presence(contestant: Contestant) -> Contestant:
    """Return the gateway with presence in every room."""

    def environment(place: Place) -> dict[str, str]:
        return {**contestant.environment(place), "QUEUECAST_PRESENCE_ROOMS": "*"}

    return replace(contestant, environment=environment)


class Local:
    """The connections of the real gateway."""

    def __init__(self, port: int, rooms: int, watching: float) -> None:
        self._port = port
        self._rooms = rooms
        self._watching = watching
        self._clients: list[Client] = []

    async def open(self, number: int) -> None:
        """Open so many connections."""
        for start in range(0, number, TOGETHER):
            await asyncio.gather(*(self._open() for _ in range(min(TOGETHER, number - start))))

    async def _open(self) -> None:
        _, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", self._port)
        await asyncio.wait_for(client.ready, PATIENCE_SECONDS)
        room = random.randrange(self._rooms)
        option = ',{"presence":true}' if random.random() < self._watching else ""
        answer = await asyncio.wait_for(client.ask(f'["subscribe","room-{room}"{option}]'), PATIENCE_SECONDS)
        if b'"ok":true' not in answer:
            raise RuntimeError(f"{answer!r}")
        self._clients.append(client)

    async def step(self) -> None:
        """Have one connection leave and another one come."""
        at = random.randrange(len(self._clients))
        self._clients[at], self._clients[-1] = self._clients[-1], self._clients[at]
        self._clients.pop().transport.abort()
        await self._open()

    def close(self) -> None:
        for client in self._clients:
            client.transport.abort()


class Other:
    """The announcements of another gateway with as many sessions, which come and go as well."""

    def __init__(self, bus: BusManager, rooms: int, number: int) -> None:
        self._announcements = Announcements(bus, "other")
        self._own = OwnPart(rooms, 1_000, lambda _: None)
        self._totals = Totals()
        self._rooms = rooms
        self._sessions: list[tuple[str, str]] = []
        self._next = 0
        for _ in range(number):
            self._enter()

    def _enter(self) -> None:
        self._next += 1
        session = key_of("/", f"room-{random.randrange(self._rooms)}"), f"session-{self._next}"
        self._own.enter(*session, "", list)
        self._sessions.append(session)

    def step(self) -> None:
        at = random.randrange(len(self._sessions))
        self._own.leave(*self._sessions[at])
        self._sessions[at] = self._sessions[-1]
        self._sessions.pop()
        self._enter()

    async def run(self) -> None:
        """Announce, for ever."""
        while True:
            await self._announcements.exchange(self._own, self._totals)
            await asyncio.sleep(TICK_SECONDS)


@asynccontextmanager
async def others(place: Arena, options: Any, number: int) -> AsyncIterator[list[Other]]:
    """Run the other gateways until the context ends."""
    url = f"redis://127.0.0.1:{place.place.redis_port}/0"
    buses = [
        BusManager(BusSettings.model_validate({"redis_url": url}), write_only=True)
        for _ in range(options.gateways - 1)
    ]
    made = [Other(bus, options.rooms, number) for bus in buses]
    running = [asyncio.create_task(other.run()) for other in made]
    try:
        yield made
        for task in running:
            if task.done():
                task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for bus in buses:
            await bus.aclose()


async def measure(place: Arena, options: Any, *, is_on: bool) -> Shares:
    """Return the shares of a core while connections come and go."""
    number = options.clients // options.gateways
    local = Local(place.place.port, options.rooms, options.watching if is_on else 0)
    try:
        await local.open(number)
        async with others(place, options, number if is_on else 0) as made:
            await asyncio.sleep(3 * TICK_SECONDS)
            await place.calm()
            spent = await churn(place, options, local, made if is_on else [])
        return Shares(spent.server_ns / spent.clock_ns, spent.redis_ns / spent.clock_ns)
    finally:
        local.close()


async def churn(place: Arena, options: Any, local: Local, made: list[Other]) -> Reading:
    """Have connections come and go for a while; return what that took."""
    each = options.rate / options.gateways
    steps = round(each * options.seconds)
    coming: list[asyncio.Task[None]] = []
    before, began = place.read(), time.monotonic()
    for step in range(steps):
        for other in made:
            other.step()
        coming.append(asyncio.create_task(local.step()))
        await asyncio.sleep(max(0.0, began + (step + 1) / each - time.monotonic()))
    await asyncio.gather(*coming)
    spent = place.read() - before
    late = spent.clock_ns / 1e9 - options.seconds
    if late > options.seconds / 10:
        sys.stderr.write(f"the connections came {late:.1f} s late: this machine does too much else\n")
    return spent


async def run(options: Any) -> None:
    """Measure in rounds, and print the medians of both and of the differences."""
    cores = pinned_cores()
    redis = redis_server.find()
    found: dict[bool, list[Shares]] = {False: [], True: []}
    with tempfile.TemporaryDirectory(prefix="queuecast-bench-") as workshop:
        for _ in range(options.rounds):
            for is_on, contestant in ((False, GATEWAY), (True, with_presence(GATEWAY))):
                async with arena(contestant, redis, cores, Path(workshop)) as place:
                    found[is_on].append(await measure(place, options, is_on=is_on))
    sys.stdout.write(
        f"{options.clients:,} connections on {options.gateways} gateways, in {options.rooms:,} rooms; "
        f"{options.watching:.0%} watch; {options.rate:g} a second leave and as many come\n"
    )
    for part in Shares._fields:
        off, on = ([100 * getattr(each, part) for each in found[is_on]] for is_on in (False, True))
        costs = sorted(with_it - without for without, with_it in zip(off, on, strict=True))
        sys.stdout.write(
            f"{part}: {median(off):.2f} % of a core without presence, {median(on):.2f} % with it: "
            f"{median(costs):+.2f} ({costs[0]:+.2f} … {costs[-1]:+.2f})\n"
        )


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(prog="python -m bench.presence", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=10_000, help="on all gateways")
    parser.add_argument("--gateways", type=int, default=2)
    parser.add_argument("--rooms", type=int, default=1_000)
    parser.add_argument("--watching", type=float, default=1, help="the share that watches its room")
    parser.add_argument("--rate", type=float, default=200, help="connections that leave, and come, a second")
    parser.add_argument("--seconds", type=float, default=20, help="in each round")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
