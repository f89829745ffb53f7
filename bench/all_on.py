"""`python -m bench.all_on`: what a delivery costs with everything on that is off by default.

Two gateways run at the same time on one core, each with a Redis and clients of its own: one with the
defaults, one with presence, acknowledgements, the newest of each key, volatile events and the HTTP API. They
have the same load in short turns, as in the rows `steady` and `burst` of `make bench`: the ratio of their CPU
times is what the bench is about, and what else the machine does concerns both.
"""

import argparse
import asyncio
import gc
import secrets
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import uvloop

from bench.arena import Arena, arena, free_port
from bench.contestants import GATEWAY, Contestant, Place
from bench.crowd import Crowd
from bench.events import FIRST
from bench.measures import one_burst
from bench.pace import steadily
from bench.preparation import pinned_cores
from queuecast_local import redis_server

ON = {
    "QUEUECAST_PRESENCE_ROOMS": "*",
    "QUEUECAST_PRESENCE_NAMESPACES": "true",
    "QUEUECAST_ACKS": "true",
    "QUEUECAST_KEEP_LATEST_SECONDS": "600",
    "QUEUECAST_RELAY_EVENTS": "item_removed,cursor",
    "QUEUECAST_VOLATILE_RELAY_EVENTS": "cursor",
}
WARM_TURNS = 1


class Side(NamedTuple):
    """One of the two gateways, with its clients."""

    place: Arena
    crowd: Crowd


def with_all_on(contestant: Contestant) -> Contestant:
    """Return the gateway with everything on."""

    def environment(place: Place) -> dict[str, str]:
        tokens = place.workshop / "tokens"
        tokens.write_text(f"bench publish {secrets.token_hex(24)}\n")
        api = {"QUEUECAST_API_PORT": f"{free_port()}", "QUEUECAST_API_TOKEN_FILE": f"{tokens}"}
        return {**contestant.environment(place), **ON, **api}

    return replace(contestant, environment=environment)


async def cost(side: Side, row: str, first: int, options: Any) -> tuple[float, int]:
    """Return the CPU of a delivery in µs, and the number of events."""
    if row == "steady":
        events = round(options.rate * options.seconds)
        spent = await steadily(side.place, side.crowd, first, events, options.rate)
    else:
        events = options.burst
        spent = await one_burst(side.place, side.crowd, first, events)
    return spent.server_ns / 1e3 / (events * options.clients), events


async def run(options: Any) -> None:
    """Measure in turns, and print the medians and the ratios."""
    cores = pinned_cores()
    redis = redis_server.find()
    found: dict[str, list[tuple[float, float]]] = {"steady": [], "burst": []}
    async with AsyncExitStack() as parts:
        workshop = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="queuecast-bench-")))
        sides = []
        for contestant in (GATEWAY, with_all_on(GATEWAY)):
            place = await parts.enter_async_context(arena(contestant, redis, cores, workshop))
            sides.append(Side(place, await parts.enter_async_context(place.crowd(options.clients))))
        first = FIRST
        for turn in range(options.turns + WARM_TURNS):
            for row, costs in found.items():
                pair, events = [0.0, 0.0], 0
                for at in (0, 1) if turn % 2 else (1, 0):
                    pair[at], events = await cost(sides[at], row, first, options)
                first += events
                if turn >= WARM_TURNS:
                    costs.append((pair[0], pair[1]))
    for row, costs in found.items():
        off, on = (median(each[at] for each in costs) for at in (0, 1))
        ratios = sorted(each[1] / each[0] for each in costs)
        middle = ratios[len(ratios) // 4 : -(len(ratios) // 4) or None]
        sys.stdout.write(
            f"{row}: {off:.2f} µs of CPU for a delivery with the defaults, {on:.2f} µs with all on; "
            f"{median(ratios):.3f} × (half of the turns: {middle[0]:.3f} … {middle[-1]:.3f})\n"
        )


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(prog="python -m bench.all_on", description=__doc__)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--clients", type=int, default=1_000, help="of each gateway")
    parser.add_argument("--rate", type=int, default=100, help="events a second in the steady row")
    parser.add_argument("--seconds", type=float, default=2, help="of the steady row in each turn")
    parser.add_argument("--burst", type=int, default=200, help="events of a burst")
    gc.disable()  # as `make bench` does: a collection would fall into one turn
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
