"""One client: a `Greeting` until the server has answered Socket.IO's CONNECT, then a `Member`.

A member costs one call per chunk of bytes and no task, so that one core receives more than any server here
can send.
"""

import asyncio
import json
import socket
import struct
from typing import cast

from bench.events import MOMENT_DIGITS, moment_ns
from bench.ledger import Ledger
from bench.wire import CLOSE, PING, REQUEST, SHORT, frames, masked

GREETING_SECONDS = 30.0
PONG = masked(b"3")
OFFSET = b'42["queuecast:offset"'


class Greeting(asyncio.Protocol):
    """A connection until the server has answered CONNECT; then `done` has its session id."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.rest = b""
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        self.rest += data
        if not self._upgraded:
            head, end, rest = self.rest.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head.partition(b"\r\n")[0]:
                self._fail(f"the server answered {head[:60]!r}")
                return
            self._upgraded, self.rest = True, rest
        whole = 0
        for _, payload, whole in frames(self.rest):  # noqa: B007  # the last value is used below
            if payload.startswith(b"0{"):
                self.transport.write(masked(b"40"))
            elif payload == b"2":
                self.transport.write(PONG)
            elif payload.startswith(b"40{") and not self.done.done():
                self.done.set_result(json.loads(payload[2:])["sid"])
        self.rest = self.rest[whole:]

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"the server hung up before CONNECT was answered: {exc}")

    def _fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError(why))


async def greet(port: int) -> Greeting:
    """Connect, up to the answer to Socket.IO's CONNECT. Raises `OSError`."""
    loop = asyncio.get_running_loop()
    _, greeting = await loop.create_connection(Greeting, "127.0.0.1", port)
    try:
        await asyncio.wait_for(greeting.done, GREETING_SECONDS)
    except TimeoutError as exc:
        raise ConnectionError(f"CONNECT was not answered in {GREETING_SECONDS:.0f} s") from exc
    return greeting


class Member(asyncio.Protocol):
    """A connected client. `heard` counts the expected events that have come."""

    __slots__ = ("_ledger", "_rest", "_sampled", "_transport", "heard", "sid")

    def __init__(self, ledger: Ledger, greeting: Greeting, *, sampled: bool) -> None:
        self.sid = greeting.done.result()
        self.heard = 0
        self._ledger: Ledger | None = ledger
        self._rest = b""
        self._sampled = sampled
        self._transport = greeting.transport
        self._transport.set_protocol(self)
        if greeting.rest:
            self.data_received(greeting.rest)

    # 0.6 µs for a chunk of one event, 0.25 µs for each further one: no generator, no copy of a payload.
    def data_received(self, data: bytes) -> None:
        ledger = self._ledger
        if ledger is None:
            return
        if self._rest:
            data = self._rest + data
            self._rest = b""
        heads, heard = ledger.heads, self.heard
        position, end = 0, len(data)
        while position + 2 <= end:
            length, start = data[position + 1], position + 2
            if length == SHORT:
                start += 2
                if start > end:
                    break
                length = data[start - 2] << 8 | data[start - 1]
            stop = start + length
            if stop > end:
                break
            if data.startswith(heads[heard], start):
                heard += 1
                if self._sampled:
                    at = start + ledger.head_length
                    sent_ns = moment_ns(data[at : at + MOMENT_DIGITS])
                    ledger.latencies_ns.append(ledger.now_ns() - sent_ns)
            else:
                self._other(ledger, data[position] & 0x0F, data[start:stop])
            position = stop
        if position < end:
            self._rest = data[position:]
        self.heard = heard

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ledger is not None:
            self._ledger.note(f"a client was cut off: {exc}")

    def leave(self) -> None:
        """Reset the connection, so that no port stays in TIME_WAIT."""
        self._ledger = None
        raw = self._transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _other(self, ledger: Ledger, opcode: int, payload: bytes) -> None:
        if payload == b"2":
            self._transport.write(PONG)
        elif payload.startswith(b'42["mark"'):
            ledger.mark(self.sid)
        elif payload.startswith(b'42["warm"'):
            ledger.warm += 1
        elif payload.startswith(OFFSET):
            pass  # the gateway's offset for recovery
        elif opcode == CLOSE or opcode != PING:
            ledger.note(f"a client heard {payload[:60]!r} after {self.heard} expected events")
