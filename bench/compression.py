"""`python -m bench.compression`: what compression costs a server, and how many bytes it saves.

JSON events of about 1.1 kB, each for every client, to clients that offer permessage-deflate as Chromium does:
this gateway without compression and with it, and Node's Socket.IO server with `perMessageDeflate`. They take
turns, round by round, on the same core. Only the ratios mean anything on a machine that does other work.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
import zlib
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, cast

from bench.arena import Arena, arena
from bench.contestants import GATEWAY, NODE, Contestant
from bench.events import Event
from bench.preparation import pinned_cores
from bench.wire import REQUEST, SHORT, masked
from queuecast_local import redis_server

OFFER = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
LARGE = 900
"""An event has more bytes than this, and nothing else has."""

COMPRESSED = 0x40
EMPTY_BLOCK = bytes.fromhex("0000ffff")
"""What a compressed message leaves out at its end: https://www.rfc-editor.org/rfc/rfc7692#section-7.2.2"""
WORDS = [
    "lamp",
    "pear",
    "wood",
    "hand",
    "made",
    "shop",
    "Saturday",
    "oak",
    "linen",
    "kettle",
    "order",
    "shipped",
    "paid",
    "city",
    "warehouse",
]
PATIENCE_SECONDS = 60.0

PLAIN = replace(
    GATEWAY,
    name="plain",
    title="this gateway, compression off",
    environment=lambda place: {**GATEWAY.environment(place), "QUEUECAST_COMPRESS_BYTES": "0"},
)
DEFLATING_NODE = replace(
    NODE,
    name="node",
    title="Node Socket.IO, perMessageDeflate of ws",
    command=lambda place: (*NODE.command(place), "512"),  # the gateway's default
)


class Client(asyncio.Protocol):
    """Counts the events that come, and their bytes."""

    def __init__(self) -> None:
        self.ready = asyncio.get_running_loop().create_future()
        self.events = self.bytes = self.compressed = 0
        self.transport: asyncio.Transport
        self._rest = b""
        self._upgraded = False
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._keeps_context = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(REQUEST.removesuffix(b"\r\n") + OFFER)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        if not self._upgraded:
            head, end, rest = data.partition(b"\r\n\r\n")
            if not end:
                self._rest = data
                return
            self._upgraded, data = True, rest
            self._keeps_context = b"server_no_context_takeover" not in head
        at = 0
        while at + 2 <= len(data):
            length, start = data[at + 1], at + 2
            if length == SHORT:
                length, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            if start + length > len(data):
                break
            payload = data[start : start + length]
            is_compressed = bool(data[at] & COMPRESSED)
            if is_compressed:
                payload = self._inflated(payload)
            if len(payload) > LARGE:
                self.events += 1
                self.bytes += start - at + length
                self.compressed += is_compressed
            elif payload[:1] == b"0":
                self.transport.write(masked(b"40"))
            elif payload == b"2":
                self.transport.write(masked(b"3"))
            elif payload[:2] == b"40" and not self.ready.done():
                self.ready.set_result(None)
            at = start + length
        self._rest = data[at:]

    def _inflated(self, payload: bytes) -> bytes:
        if not self._keeps_context:
            self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        return self._inflater.decompress(payload + EMPTY_BLOCK)


def event(number: int) -> Event:
    """Return an order of about 1.1 kB, each another one."""
    drawn = random.Random(number)  # the same in every run
    lines = [
        {
            "sku": f"sku-{drawn.randrange(10**6)}",
            "title": " ".join(drawn.choices(WORDS, k=4)),
            "count": drawn.randrange(1, 9),
            "price": round(drawn.random() * 100, 2),
        }
        for _ in range(13)
    ]
    return Event("order", {"id": f"{drawn.getrandbits(128):032x}", "number": number, "lines": lines})


async def measure(place: Arena, clients: int, events: int, rate: int) -> tuple[float, float, int]:
    """Return CPU in µs and bytes for each delivery, and how many of the events came compressed."""
    crowd = []
    for _ in range(clients):
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(Client, "127.0.0.1", place.place.port)
        await asyncio.wait_for(client.ready, PATIENCE_SECONDS)
        crowd.append(client)
    try:
        # The first events warm the server up, and show that it has subscribed.
        number = 0
        while not all(client.events for client in crowd):
            number += 1
            await place.publisher.publish([event(number)])
            await asyncio.sleep(0.3)
        await asyncio.sleep(1)
        for client in crowd:
            client.events = client.bytes = client.compressed = 0
        before, start = place.read(), time.monotonic()
        for index in range(events):
            await asyncio.sleep(start + index / rate - time.monotonic())
            await place.publisher.publish([event(1_000 + index)])
        deadline = time.monotonic() + PATIENCE_SECONDS
        while min(client.events for client in crowd) < events and time.monotonic() < deadline:  # noqa: ASYNC110  # as the crowd does
            await asyncio.sleep(0.02)
        spent = place.read() - before
        heard = {client.events for client in crowd}
        if heard != {events}:
            raise RuntimeError(f"{events} events were sent, clients heard {sorted(heard)}")
        deliveries = events * clients
        return (
            spent.server_ns / 1e3 / deliveries,
            sum(client.bytes for client in crowd) / deliveries,
            min(client.compressed for client in crowd),
        )
    finally:
        for client in crowd:
            client.transport.abort()


async def run(options: Any) -> None:
    """Measure all servers in turns, and print the medians and their ratios."""
    cores = pinned_cores()
    redis = redis_server.find()
    contestants: list[Contestant] = [PLAIN, GATEWAY]
    if why := DEFLATING_NODE.missing():
        sys.stdout.write(f"{DEFLATING_NODE.title} is left out: {why}\n")
    else:
        contestants.append(DEFLATING_NODE)
    found: dict[str, list[tuple[float, float, int]]] = {one.name: [] for one in contestants}
    with tempfile.TemporaryDirectory(prefix="queuecast-bench-") as workshop:
        for _ in range(options.rounds):
            for one in contestants:
                async with arena(one, redis, cores, Path(workshop)) as place:
                    found[one.name].append(
                        await measure(place, options.clients, options.events, options.rate)
                    )
    base_cpu, base_bytes = (median(each[at] for each in found[PLAIN.name]) for at in (0, 1))
    for one in contestants:
        cpu, size = (median(each[at] for each in found[one.name]) for at in (0, 1))
        spread = sorted(each[0] for each in found[one.name])
        sys.stdout.write(
            f"{one.title}: {cpu:.2f} µs of CPU ({spread[0]:.2f} … {spread[-1]:.2f}), {size:.0f} bytes per "
            f"delivery; {cpu / base_cpu:.2f} × CPU, {size / base_bytes:.2f} × bytes of uncompressed; "
            f"{found[one.name][0][2]} of {options.events} events compressed\n"
        )
    if DEFLATING_NODE in contestants:
        ours, node = (median(each[0] for each in found[one.name]) for one in (GATEWAY, DEFLATING_NODE))
        sys.stdout.write(f"{GATEWAY.title}: {ours / node:.2f} × the CPU of {DEFLATING_NODE.title}\n")


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(prog="python -m bench.compression", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--events", type=int, default=100)
    parser.add_argument("--rate", type=int, default=20, help="events per second")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
