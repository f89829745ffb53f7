"""`python -m bench.past_events`: what `subscribe` with `{last: 20}` costs a gateway beside a plain one.

Clients on WebSockets subscribe to one room, all at once, and leave it; in turns plainly and with the room's
last events, which the gateway has in memory. Only the ratio means anything on a machine that does other work.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, cast

from bench.arena import Arena, arena
from bench.contestants import GATEWAY
from bench.events import PADDING, Event
from bench.preparation import pinned_cores
from bench.wire import PING, REQUEST, frames, masked
from queuecast_local import redis_server

ROOM = "sku:7"
PATIENCE_SECONDS = 60.0


class Client(asyncio.Protocol):
    """Says packets, and waits for the acknowledgement of each."""

    def __init__(self) -> None:
        self.ready = asyncio.get_running_loop().create_future()
        self.answered: asyncio.Future[bytes] = self.ready
        self.transport: asyncio.Transport
        self._rest = b""
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(REQUEST)

    def ask(self, packet: str) -> asyncio.Future[bytes]:
        """Send an event with the acknowledgement id 1; return its answer to come."""
        self.answered = asyncio.get_running_loop().create_future()
        self.transport.write(masked(f"421{packet}".encode()))
        return self.answered

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        if not self._upgraded:
            _, end, rest = data.partition(b"\r\n\r\n")
            if not end:
                self._rest = data
                return
            self._upgraded, data = True, rest
        at = 0
        for opcode, payload, end_of_frame in frames(data):
            at = end_of_frame
            if payload[:1] == b"0":
                self.transport.write(masked(b"40"))
            elif payload == b"2" or opcode == PING:
                self.transport.write(masked(b"3"))
            elif payload[:2] == b"40" and not self.ready.done():
                self.ready.set_result(b"")
            elif payload[:2] == b"43" and not self.answered.done():
                self.answered.set_result(payload)
        self._rest = data[at:]


async def all_ask(clients: Sequence[Client], packet: str) -> list[bytes]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return list(await asyncio.gather(*(client.ask(packet) for client in clients)))


async def measure(place: Arena, options: Any) -> dict[str, float]:
    """Return the CPU in µs of a `subscribe`, plainly and with the last events."""
    loop = asyncio.get_running_loop()
    clients: list[Client] = []
    for _ in range(options.clients + 1):
        _, client = await loop.create_connection(Client, "127.0.0.1", place.place.port)
        await asyncio.wait_for(client.ready, PATIENCE_SECONDS)
        clients.append(client)
    *clients, first = clients
    try:
        # Somebody is in the room, so that its events stay in memory.
        await first.ask(f'["subscribe","{ROOM}"]')
        for number in range(options.last):
            await place.publisher.publish([Event("price", {"n": number, "text": PADDING}, ROOM)])
        ways = {
            "plain": f'["subscribe","{ROOM}"]',
            "last": f'["subscribe","{ROOM}",{{"last":{options.last}}}]',
        }
        found: dict[str, list[float]] = {way: [] for way in ways}
        for turn in range(options.turns + 1):
            for way, packet in ways.items():
                await place.calm()
                before = place.read()
                answers = await all_ask(clients, packet)
                spent = place.read() - before
                expected = options.last if way == "last" else 0
                if any(answer.count(b'"event":') != expected for answer in answers):
                    raise RuntimeError(f"{way}: {answers[0][:300]!r}")
                if turn:  # the first turn warms up
                    found[way].append(spent.server_ns / 1e3 / len(clients))
                await all_ask(clients, f'["unsubscribe","{ROOM}"]')
        return {way: median(each) for way, each in found.items()}
    finally:
        for client in (*clients, first):
            client.transport.abort()


async def run(options: Any) -> None:
    """Measure in rounds, and print the medians and their ratio."""
    cores = pinned_cores()
    redis = redis_server.find()
    found: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="queuecast-bench-") as workshop:
        for _ in range(options.rounds):
            async with arena(GATEWAY, redis, cores, Path(workshop)) as place:
                found.append(await measure(place, options))
    plain, last = (median(each[way] for each in found) for way in ("plain", "last"))
    ratios = sorted(each["last"] / each["plain"] for each in found)
    sys.stdout.write(
        f"CPU of a subscribe: {plain:.1f} µs; with the last {options.last} events of 150 bytes: {last:.1f} "
        f"µs; {median(ratios):.2f} × ({ratios[0]:.2f} … {ratios[-1]:.2f})\n"
    )


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(prog="python -m bench.past_events", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--turns", type=int, default=10, help="in each round")
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--last", type=int, default=20)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
