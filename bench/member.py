"""One client: a `Greeting` until the server has answered its CONNECT, then a `Member`.

A member costs one call per chunk of bytes and no task, so that one core receives more than any server here
can send.
"""

import asyncio
import socket
import struct
from typing import cast

from bench.addressed import Page
from bench.dialects import Dialect, Session
from bench.events import MOMENT_DIGITS, NUMBER_DIGITS, moment_ns
from bench.ledger import Ledger
from bench.wire import CLOSE, LONG, PING, SHORT, frames

GREETING_SECONDS = 30.0
OFFSET = b'42["queuecast:offset"'
NUMBER = b'"seq":'
MOMENT = b',"at":'


class Greeting(asyncio.Protocol):
    """A connection until the server has answered CONNECT; then `done` has its session."""

    def __init__(self, dialect: Dialect, session: Session | None = None, offset: str = "") -> None:
        self.transport: asyncio.Transport
        self.done: asyncio.Future[Session] = asyncio.get_running_loop().create_future()
        self.dialect = dialect
        self.early: list[bytes] = []
        """The events that came before the answer to CONNECT, or with it: those that were missed."""
        self.rest = b""
        self._connect = (session, offset)
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self.dialect.request)

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
            if self.dialect.first:
                self.transport.write(self.dialect.first)
        whole = 0
        for _, payload, whole in frames(self.rest):  # noqa: B007  # the last value is used below
            for message in self.dialect.messages(payload):
                self._hear(message)
        self.rest = self.rest[whole:]

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"the server hung up before CONNECT was answered: {exc}")

    def _hear(self, message: bytes) -> None:
        dialect = self.dialect
        if dialect.opened(message):
            self.transport.write(dialect.connect(*self._connect))
        elif dialect.is_ping(message):
            self.transport.write(dialect.pong)
        elif not self.done.done() and (session := dialect.session(message)) is not None:
            self.done.set_result(session)
        elif dialect.is_event(message):
            self.early.append(message)

    def _fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError(why))


async def greet(port: int, dialect: Dialect, session: Session | None = None, offset: str = "") -> Greeting:
    """Connect, up to the answer to CONNECT, perhaps to recover a session. Raises `OSError`."""
    loop = asyncio.get_running_loop()
    _, greeting = await loop.create_connection(lambda: Greeting(dialect, session, offset), "127.0.0.1", port)
    try:
        await asyncio.wait_for(greeting.done, GREETING_SECONDS)
    except TimeoutError as exc:
        greeting.transport.abort()
        raise ConnectionError(f"CONNECT was not answered in {GREETING_SECONDS:.0f} s") from exc
    return greeting


class Member(asyncio.Protocol):
    """A connected client. `heard` counts the expected events that have come.

    `page` is set while the client expects events of rooms instead.
    """

    __slots__ = (
        "_answers",
        "_dialect",
        "_ledger",
        "_rest",
        "_sampled",
        "_transport",
        "heard",
        "page",
        "session",
    )

    def __init__(self, ledger: Ledger, greeting: Greeting, *, sampled: bool) -> None:
        self.session = greeting.done.result()
        self.heard = 0
        self.page: Page | None = None
        self._answers: tuple[asyncio.Future[None], int] | None = None
        self._dialect = greeting.dialect
        self._ledger: Ledger | None = ledger
        self._rest = b""
        self._sampled = sampled
        self._transport = greeting.transport
        self._transport.set_protocol(self)
        for message in greeting.early:
            self._message(ledger, message)
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
                self.heard = heard
                self._other(ledger, data[position] & 0x0F, data[start:stop])
                heard = self.heard
            position = stop
        if position < end:
            self._rest = data[position:]
        self.heard = heard

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ledger is not None:
            self._ledger.note(f"a client was cut off: {exc}")
        if self._answers is not None and not self._answers[0].done():
            self._answers[0].set_exception(ConnectionError("a client was cut off while it subscribed"))

    def subscribe(self, rooms: list[str]) -> asyncio.Future[None]:
        """Join rooms; the future is done when the server has confirmed all of them, or raises `OSError`."""
        frame, answers = self._dialect.subscribe(rooms)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answers = (done, answers)
        self._transport.write(frame)
        return done

    def leave(self) -> None:
        """Reset the connection, so that no port stays in TIME_WAIT."""
        self._ledger = None
        raw = self._transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _other(self, ledger: Ledger, opcode: int, payload: bytes) -> None:
        if opcode == CLOSE:
            ledger.note(f"the server closed a client's connection: {payload[2:62]!r}")
        elif opcode != PING:
            for message in self._dialect.messages(payload):
                self._message(ledger, message)

    def _message(self, ledger: Ledger, message: bytes) -> None:
        """Take a message that does not come alone in its frame, or is not the next expected event."""
        if self._dialect.is_ping(message):
            self._transport.write(self._dialect.pong)
        elif message.startswith(ledger.heads[self.heard]):
            self.heard += 1
            if self._sampled:
                at = ledger.head_length
                ledger.latencies_ns.append(ledger.now_ns() - moment_ns(message[at : at + MOMENT_DIGITS]))
        elif self.page is not None and ledger.addressed is not None and (at := message.find(NUMBER)) >= 0:
            at += len(NUMBER)
            ledger.addressed.take(self.page, int(message[at : at + NUMBER_DIGITS]))
            if self._sampled:
                at += NUMBER_DIGITS + len(MOMENT)
                ledger.latencies_ns.append(ledger.now_ns() - moment_ns(message[at : at + MOMENT_DIGITS]))
        elif self._dialect.answered(message) is not None:
            self._answered(ledger, message)
        elif b'"mark"' in message:
            ledger.mark(self.session.sid)
        elif b'"warm"' in message:
            ledger.warmed(message)
        elif not message.startswith(OFFSET):  # the gateway's offset for recovery
            ledger.note(f"a client heard {message[:60]!r} after {self.heard} expected events")

    def _answered(self, ledger: Ledger, message: bytes) -> None:
        if self._answers is None:
            ledger.note(f"a client heard {message[:60]!r}, but had asked nothing")
            return
        done, left = self._answers
        if self._dialect.answered(message) is False and not done.done():
            done.set_exception(ConnectionError(f"a client may not subscribe: {message[:200]!r}"))
        self._answers = (done, left - 1) if left > 1 else None
        if left == 1 and not done.done():
            done.set_result(None)


class LineMember(Member):
    """A client of a server that puts several messages into one frame, one in each line."""

    __slots__ = ()

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
            elif length == LONG:
                start += 8
                if start > end:
                    break
                length = int.from_bytes(data[start - 8 : start], "big")
            stop = start + length
            if stop > end:
                break
            opcode = data[position] & 0x0F
            position = stop
            while start < stop:
                line_end = data.find(b"\n", start, stop)
                if line_end < 0:
                    line_end = stop
                if data.startswith(heads[heard], start):
                    heard += 1
                    if self._sampled:
                        at = start + ledger.head_length
                        sent_ns = moment_ns(data[at : at + MOMENT_DIGITS])
                        ledger.latencies_ns.append(ledger.now_ns() - sent_ns)
                else:
                    self.heard = heard
                    self._other(ledger, opcode, data[start:line_end])
                    heard = self.heard
                start = line_end + 1
        if position < end:
            self._rest = data[position:]
        self.heard = heard
