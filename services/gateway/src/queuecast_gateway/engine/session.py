"""One Engine.IO connection, from its handshake to its end, over either transport.

It stands in python-engineio's table of sockets, and is the asyncio protocol of its WebSocket. An idle one
costs this object and no task, no queue, no timer of its own.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine
from sys import getsizeof
from typing import Any, NamedTuple, Protocol

from queuecast_gateway.engine import frames, packets
from queuecast_gateway.engine.closing import Closing
from queuecast_gateway.engine.frames import Decoder, FrameError
from queuecast_gateway.engine.heartbeat import Wheel
from queuecast_gateway.engine.leaving import Leaving
from queuecast_gateway.engine.outbox import Outbox
from queuecast_gateway.engine.packets import BadPacket
from queuecast_gateway.faults import Fault
from queuecast_gateway.limits.pace import FLOOD, WITHIN, Pace, Rates, Verdict

log = logging.getLogger(__name__)

SLOW = 4008
"""The close code of a client that does not read what it is sent. 4000 to 4999 are for applications."""

FLOODED = 4029
"""The close code of a client that says too much."""

MAX_WAITING = 64
"""Messages that may wait for the one before them; at more, nothing is read until they are done."""

TURN_MESSAGES = 8
"""After so many of one connection the others have their turn. A handler that waits for nothing, as most do,
would go on through all that wait: 64 of the longest acknowledgements take 15 ms, for each connection anew."""


class Host(Protocol):
    """What a session needs of the server that it is one of; intervals are in seconds."""

    closing: Closing
    max_incoming_bytes: int
    max_message_bytes: int
    outbox: Outbox
    parting: set[Leaving]
    request_seconds: float
    ping_interval: float
    ping_timeout: float
    reason: Any
    rates: Rates | None
    wheel: Wheel

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]: ...
    async def heard(self, sid: str, data: str | bytes) -> None: ...
    async def ended(self, sid: str, reason: str) -> None: ...
    def ping(self, session: "Session") -> bytes: ...
    def left(self, session: "Session") -> None: ...
    def refused(self, sid: str, fault: Fault, why: str) -> None: ...


class End(NamedTuple):
    """The last entry of an inbox: the connection is over, for this reason."""

    reason: str


Entry = str | bytes | End


class Session(asyncio.Protocol):
    """An open connection. `transport` is where its frames go, whatever carries them.

    What it makes this process hold is bounded: what the client has not taken by `max_buffered_bytes` of its
    engine, and what has come of it and is not worked on by `max_incoming_bytes`. `head_bytes` is what is
    kept of its request, `polled` what is kept of a GET that waits, `posted` the bytes of a POST that is being
    read, None if there is none.
    """

    __slots__ = (
        "__weakref__", "_awaits_pong", "_decoder", "_due", "_inbox", "_inbox_bytes", "_message_due", "_pace",
        "_packet_bytes", "_packet_due", "_storage", "address", "closed", "engine", "fd", "head_bytes", "held",
        "pending", "polled", "polling", "posted", "sid", "transport", "work",
    )  # fmt: skip

    def __init__(self, engine: Host, sid: str, transport: Any, *, polling: bool) -> None:
        self.engine = engine
        self.sid = sid
        self.transport = transport
        self.polling = polling
        self.fd = -1
        self.pending: bytes | list[bytes] | None = None
        self.address = ""
        self.closed = False
        self.held = False
        self.work: asyncio.Task[None] | None = None
        self._decoder: Decoder | None = None
        self._inbox: deque[Entry] | None = None
        self._inbox_bytes = 0
        self._message_due = self._packet_due = 0
        self._packet_bytes = 0
        self.head_bytes = self.polled = 0
        self.posted: int | None = None
        self._storage: dict[str, Any] | None = None
        self._awaits_pong = False
        self._pace: Pace | None = None
        self._due = engine.wheel.after(engine.wheel.spread(engine.ping_interval), self._ping)

    # What python-engineio and python-socketio ask of a socket

    connected = True
    closing = False
    upgrading = False

    @property
    def upgraded(self) -> bool:
        return not self.polling

    @property
    def session(self) -> dict[str, Any]:
        """What the application keeps with the connection."""
        if self._storage is None:
            self._storage = {}
        return self._storage

    @session.setter
    def session(self, storage: dict[str, Any]) -> None:
        self._storage = storage

    async def send(self, packet: Any) -> None:
        """Send a packet of python-engineio's."""
        encoded = packet.encode()
        opcode = frames.BINARY if isinstance(encoded, bytes | bytearray) else frames.TEXT
        self.write(frames.encode(opcode, encoded.encode() if isinstance(encoded, str) else bytes(encoded)))

    async def close(self, wait: bool = True, abort: bool = False, reason: str | None = None) -> None:
        """End the connection; the parameters are python-engineio's, and waiting is never needed."""
        self.end(reason or self.engine.reason.SERVER_DISCONNECT)

    # Outgoing

    def write(self, sent: bytes) -> None:
        """Have frames written at the end of this turn of the loop."""
        if not self.closed:
            self.engine.outbox.put(sent, (self,))

    def direct(self) -> int:
        """Return the socket's descriptor once nothing waits to be written before; else a negative number.

        It is valid until `connection_lost`, and after `end` nothing is pending that would be written to it.
        """
        if not self.polling and not self.transport.get_write_buffer_size():
            self.fd = self.transport.get_extra_info("socket").fileno()
        return self.fd

    @property
    def buffered(self) -> int:
        """How many bytes wait for the client to take them."""
        size: int = self.transport.get_write_buffer_size()
        return size

    @property
    def incoming(self) -> int:
        """How many bytes have come that are not worked on yet, or not complete."""
        partial = self._decoder.size if self._decoder is not None else 0
        requests = self.head_bytes + self.polled + (self.posted or 0)
        return requests + self._packet_bytes + self._inbox_bytes + partial

    @property
    def kept(self) -> int:
        """How many bytes this connection makes the process hold."""
        held = sum(map(len, self.pending)) if type(self.pending) is list else 0
        return self.buffered + held + self.incoming

    def hold(self) -> None:
        """Keep what is written from now on, until `release`."""
        self.engine.outbox.flush()
        self.held, self.pending = True, []

    def release(self, first: bytes, wanted: Callable[[bytes], bool] | None = None) -> None:
        """Have `first` written, then what was held, or the pieces of it that are `wanted`."""
        self.held = False
        held, self.pending = self.pending, None
        pieces = held if type(held) is list else []
        self.write(first + b"".join([piece for piece in pieces if wanted is None or wanted(piece)]))

    def pause_writing(self) -> None:
        """Called by the transport when more is buffered than a client may be behind."""
        asyncio.get_running_loop().call_soon(self.end, "slow")

    # Incoming

    def spend(self, events: int, size: int) -> Verdict:
        """Count what the client says; it is cut off if it says far too much."""
        rates = self.engine.rates
        if rates is None:
            return WITHIN
        now = time.monotonic()
        pace = self._pace
        if pace is None:
            pace = self._pace = Pace(rates, now)
        verdict = pace.take(now, events, size)
        if verdict == FLOOD and not self.closed:
            # What waits was not let through yet, and nobody would ask again once this is over.
            self.forget_messages()
            self.refuse(FLOODED, "flood", "more than a client may say in a time")
        return verdict

    def data_received(self, data: bytes) -> None:
        decoder = self._decoder or Decoder(self.engine.max_message_bytes)
        self.spend(0, len(data))
        is_new = self._decoder is None
        try:
            for opcode, payload in decoder.feed(data):
                self.spend(1, 0)
                if self.closed:
                    return
                is_new = is_new or opcode == frames.TEXT or opcode == frames.BINARY
                self._take_frame(opcode, payload)
        except FrameError as exc:
            self.refuse(exc.code, exc.fault, exc.reason)
        except BadPacket as exc:
            self.refuse(frames.POLICY, "engine_packet", str(exc))
        if self.closed:
            return
        self._decoder = None if decoder.idle else decoder
        if is_new and self._message_due:
            self.engine.wheel.cancel(self._message_due, self._message_late)
            self._message_due = 0
        if self._decoder is not None and not self._message_due:
            self._message_due = self.engine.wheel.after(self.engine.request_seconds, self._message_late)

    def expect_rest(self, size: int) -> None:
        """Count so many bytes more of a packet that is not complete yet; 0 says that it is.

        The connection is closed if the rest does not come in time.
        """
        engine = self.engine
        self._packet_bytes = self._packet_bytes + size if size else 0
        if not size and self._packet_due:
            engine.wheel.cancel(self._packet_due, self._packet_late)
            self._packet_due = 0
        elif size and not self._packet_due and not self.closed:
            self._packet_due = engine.wheel.after(engine.request_seconds, self._packet_late)
        self._check_incoming()

    def _check_incoming(self) -> None:
        if self.incoming > self.engine.max_incoming_bytes:
            self.forget_messages()
            self.refuse(
                frames.POLICY, "backlog", f"more than {self.engine.max_incoming_bytes} bytes that wait here"
            )

    def _message_late(self) -> None:
        self._message_due = 0
        self._refuse_late("a message")

    def _packet_late(self) -> None:
        self._packet_due = 0
        self._refuse_late("a packet with its attachments")

    def _refuse_late(self, what: str) -> None:
        # What waits was let through, and is complete: it counts.
        self.refuse(
            frames.POLICY, "slow_message", f"{what} that takes longer than {self.engine.request_seconds:g} s"
        )

    def connection_lost(self, exc: Exception | None) -> None:
        reason = self.engine.reason
        self.end(reason.TRANSPORT_ERROR if exc else reason.TRANSPORT_CLOSE)

    def _take_frame(self, opcode: int, payload: Any) -> None:
        if opcode == frames.TEXT or opcode == frames.BINARY:
            self.receive(payload)
        elif opcode == frames.PING:
            self.write(frames.encode(frames.PONG, payload))
        elif opcode == frames.CLOSE:
            self.end(self.engine.reason.TRANSPORT_CLOSE, code=int.from_bytes(payload[:2], "big") or None)
            # Both have said it now, and the server closes first: RFC 6455, section 7.1.1.
            self.transport.close()

    def receive(self, packet: str | bytes) -> None:
        """Take in one Engine.IO packet. Raises `BadPacket`."""
        if isinstance(packet, bytes):
            self._line_up(packet)
        elif packet[:1] == packets.MESSAGE:
            self._line_up(packet[1:])
        elif packet == packets.PONG:
            self._awaits_pong = False
        elif packet == packets.CLOSE:
            self.end(self.engine.reason.CLIENT_DISCONNECT)
        else:
            raise BadPacket("a packet that a client may not send now")

    def refuse(self, code: int, fault: Fault, why: str) -> None:
        """End the connection because of what it sent."""
        if not self.closed:
            self.engine.refused(self.sid, fault, why)
            self.end("flood" if fault == "flood" else "parse error", code=code, text=why)

    def forget_messages(self) -> None:
        """Work on none of the messages that still wait."""
        if self._inbox is not None:
            self._inbox.clear()
            self._inbox_bytes = 0

    # One thing at a time: the messages in their order, and last the end

    def _line_up(self, item: Entry) -> None:
        if self._inbox is not None:
            self._inbox.append(item)
            self._inbox_bytes += getsizeof(item)
            self._check_incoming()
            if len(self._inbox) == MAX_WAITING and not self.polling and not self.closed:
                self.transport.pause_reading()
            return
        self._inbox = deque((item,))
        self._inbox_bytes = getsizeof(item)
        self.work = self.engine.start(self._work(self._inbox))

    async def _work(self, inbox: deque[Entry]) -> None:
        full, done = False, 0
        while inbox:
            full = full or len(inbox) >= MAX_WAITING
            item = inbox.popleft()
            self._inbox_bytes -= getsizeof(item)
            try:
                if isinstance(item, End):
                    await self.engine.ended(self.sid, item.reason)
                else:
                    await self.engine.heard(self.sid, item)
            except Exception:
                log.exception("a handler of connection %s failed", self.sid)
            done += 1
            if not done % TURN_MESSAGES:
                await asyncio.sleep(0)
        self._inbox = self.work = None
        if full and not self.polling and not self.closed:
            self.transport.resume_reading()

    # Time

    def _ping(self) -> None:
        self._awaits_pong = True
        self.write(self.engine.ping(self))
        if self.closed:
            return
        self._due = self.engine.wheel.after(self.engine.ping_timeout, self._check)

    def _check(self) -> None:
        engine = self.engine
        # While a handler is behind, its pong may be among what is not read yet.
        if self._awaits_pong and self.work is None:
            self.end(engine.reason.PING_TIMEOUT)
        else:
            rest = max(0.0, engine.ping_interval - engine.ping_timeout)
            self._due = engine.wheel.after(rest, self._ping)

    # The end

    def end(self, reason: str, *, code: int | None = None, text: str = "") -> None:
        """End the connection, once: say so to the peer if it can hear, then to the application."""
        if self.closed:
            return
        self.closed = True
        engine = self.engine
        engine.wheel.cancel(self._due, self._ping)
        engine.wheel.cancel(self._due, self._check)
        engine.wheel.cancel(self._message_due, self._message_late)
        engine.wheel.cancel(self._packet_due, self._packet_late)
        engine.left(self)
        last = engine.outbox.take(self)
        self._decoder = None
        if self.polling:
            self.transport.end(reason, last)
        elif not self.transport.is_closing():
            if reason == "slow":
                code, text = SLOW, "slow"
            self.transport.write(last + frames.encode_close(code or frames.NORMAL, text))
            leaving = Leaving(self.transport, engine.wheel, engine.max_message_bytes, engine.parting)
            self.transport.set_protocol(leaving)
        self._line_up(End(reason))

    def move_to(self, transport: Any) -> None:
        """Go on over a WebSocket; what the long-polling side still holds is written to it first."""
        if not self.held:
            self.engine.outbox.flush_one(self)
        before, self.transport, self.polling = self.transport, transport, False
        held = before.release()
        if held:
            transport.write(held)
