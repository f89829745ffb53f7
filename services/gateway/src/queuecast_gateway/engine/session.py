"""One Engine.IO connection, from its handshake to its end, over either transport.

It stands in python-engineio's table of sockets and is the asyncio protocol of its WebSocket. An idle session
costs this object and its heartbeat: no task, no queue and no timer of its own.
"""

import asyncio
import time
from collections.abc import Callable
from sys import getsizeof
from typing import Any

from queuecast_gateway.engine import deflate, frames, packets
from queuecast_gateway.engine.closing_handshake import ClosingHandshake
from queuecast_gateway.engine.deadline import Deadline
from queuecast_gateway.engine.frames import Decoder, FrameError
from queuecast_gateway.engine.heartbeat import Heartbeat
from queuecast_gateway.engine.inbox import MAX_QUEUED, End, Entry, Inbox
from queuecast_gateway.engine.interfaces import SessionServer
from queuecast_gateway.engine.packets import BadPacket
from queuecast_gateway.limits.token_bucket import FLOOD, WITHIN, TokenBuckets, Verdict
from queuecast_gateway.reasons import CloseReason

SLOW = 4008
"""Close code for a client that does not read what it is sent. 4000 to 4999 are for applications."""

FLOODED = 4029
"""Close code for a client that sends too much."""


class Session(asyncio.Protocol):
    """An open connection. `transport` is where its frames go, whatever carries them. It `deflates` if both
    sides may send compressed messages.

    The memory that it makes this process hold is bounded: `max_buffered_bytes` of its engine for what the
    client has not read, `max_incoming_bytes` for what it has sent and no handler has seen. `head_bytes` is
    what is kept of its first request.
    """

    __slots__ = (
        "__weakref__", "_buckets", "_decoder", "_message_deadline", "_packet_bytes", "_packet_deadline",
        "_storage", "address", "closed", "deflates", "engine", "fd", "head_bytes", "heartbeat", "held",
        "inbox", "pending", "polling", "sid", "transport", "work",
    )  # fmt: skip

    def __init__(self, engine: SessionServer, sid: str, transport: Any, *, polling: bool) -> None:
        self.engine = engine
        self.sid = sid
        self.transport = transport
        self.polling = polling
        self.deflates = False
        self.fd = -1
        self.pending: bytes | list[bytes] | None = None
        self.address = ""
        self.closed = False
        self.held = False
        self.inbox: Inbox | None = None
        self.work: asyncio.Task[None] | None = None
        self._decoder: Decoder | None = None
        self._message_deadline: Deadline | None = None
        self._packet_deadline: Deadline | None = None
        self._packet_bytes = 0
        self.head_bytes = 0
        self._storage: dict[str, Any] | None = None
        self._buckets: TokenBuckets | None = None
        self.heartbeat = Heartbeat(self)

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
        """Write frames at the end of this iteration of the loop."""
        if not self.closed:
            self.engine.outbox.put(sent, (self,))

    def direct(self) -> int:
        """Return the socket's descriptor if its transport has nothing left to write, else a negative number.

        It is valid until `connection_lost`; after `end` nothing is pending that could be written to it.
        """
        if not self.polling and not self.transport.get_write_buffer_size():
            self.fd = self.transport.get_extra_info("socket").fileno()
        return self.fd

    @property
    def buffered_bytes(self) -> int:
        """How many bytes wait for the client to read them."""
        size: int = self.transport.get_write_buffer_size()
        return size

    @property
    def incoming_bytes(self) -> int:
        """How many bytes have come that are incomplete, or wait for a handler."""
        partial = self._decoder.size if self._decoder is not None else 0
        queued = self.inbox.size if self.inbox is not None else 0
        requests = self.head_bytes + (self.transport.request_bytes if self.polling else 0)
        return requests + self._packet_bytes + queued + partial

    @property
    def held_bytes(self) -> int:
        """How many bytes this connection makes the process hold."""
        pending = sum(map(len, self.pending)) if type(self.pending) is list else 0
        return self.buffered_bytes + pending + self.incoming_bytes

    def hold(self) -> None:
        """Keep back what is written from now on, until `release`."""
        self.engine.outbox.flush()
        self.held, self.pending = True, []

    def release(self, first: bytes, wanted: Callable[[bytes], bool] | None = None) -> None:
        """Write `first`, then what was kept back, or only the pieces of it that are `wanted`."""
        self.held = False
        held, self.pending = self.pending, None
        pieces = held if type(held) is list else []
        self.write(first + b"".join([piece for piece in pieces if wanted is None or wanted(piece)]))

    def pause_writing(self) -> None:
        """Called by the transport when a client is too far behind."""
        asyncio.get_running_loop().call_soon(self.end, "slow")

    # Incoming

    def spend(self, events: int, size: int) -> Verdict:
        """Count what the client sends; close the connection if it sends far too much."""
        rates = self.engine.rates
        if rates is None:
            return WITHIN
        now = time.monotonic()
        buckets = self._buckets
        if buckets is None:
            buckets = self._buckets = TokenBuckets(rates, now)
        verdict = buckets.take(now, events, size)
        if verdict == FLOOD and not self.closed:
            # A message's rate is checked when a handler gets it, but never once the session has ended.
            self.drop_messages()
            self.refuse(FLOODED, "flood", "more than a client may say in a time")
        return verdict

    def data_received(self, data: bytes) -> None:
        decoder = self._decoder
        if decoder is None:
            inflate = self._inflate if self.deflates else None
            decoder = Decoder(self.engine.max_message_bytes, inflate)
        self.spend(0, len(data))
        is_new = self._decoder is None
        try:
            for opcode, payload in decoder.feed(data):
                self.spend(1, 0)
                if self.closed:
                    return
                is_new = is_new or opcode == frames.TEXT or opcode == frames.BINARY
                self._handle_frame(opcode, payload)
        except FrameError as exc:
            self.refuse(exc.code, exc.reason, str(exc))
        except BadPacket as exc:
            self.refuse(frames.POLICY, "engine_packet", str(exc))
        if self.closed:
            return
        self._decoder = None if decoder.idle else decoder
        if is_new and self._message_deadline is not None:
            self._message_deadline.cancel()
            self._message_deadline = None
        if self._decoder is not None and self._message_deadline is None:
            self._message_deadline = Deadline(self, "a message")

    def _inflate(self, payload: bytes, max_bytes: int) -> bytes:
        """Inflate a message, and count what it has more than the bytes that came. Raises `FrameError`."""
        message = deflate.inflate(payload, max_bytes)
        self.spend(0, max(0, len(message) - len(payload)))
        return message

    def expect_rest(self, size: int) -> None:
        """Count `size` more bytes of a packet that is not complete yet; 0 says that it is complete.

        The connection is closed if the rest does not come in time.
        """
        self._packet_bytes = self._packet_bytes + size if size else 0
        if not size and self._packet_deadline is not None:
            self._packet_deadline.cancel()
            self._packet_deadline = None
        elif size and self._packet_deadline is None and not self.closed:
            self._packet_deadline = Deadline(self, "a packet with its attachments")
        self._check_incoming()

    def _check_incoming(self) -> None:
        if self.incoming_bytes > self.engine.max_incoming_bytes:
            self.drop_messages()
            self.refuse(
                frames.POLICY, "backlog", f"more than {self.engine.max_incoming_bytes} bytes that wait here"
            )

    def connection_lost(self, exc: Exception | None) -> None:
        reason = self.engine.reason
        self.end(reason.TRANSPORT_ERROR if exc else reason.TRANSPORT_CLOSE)

    def _handle_frame(self, opcode: int, payload: Any) -> None:
        if opcode == frames.TEXT or opcode == frames.BINARY:
            self.receive(payload)
        elif opcode == frames.PING:
            self.write(frames.encode(frames.PONG, payload))
        elif opcode == frames.CLOSE:
            self.end(self.engine.reason.TRANSPORT_CLOSE, code=int.from_bytes(payload[:2], "big") or None)
            # Both sides have sent a CLOSE frame; now the server closes first: RFC 6455, section 7.1.1.
            self.transport.close()

    def receive(self, packet: str | bytes) -> None:
        """Handle one Engine.IO packet. Raises `BadPacket`."""
        if isinstance(packet, bytes):
            self._enqueue(packet)
        elif (kind := packet[:1]) == packets.MESSAGE:
            self._enqueue(packet[1:])
        elif kind == packets.PONG:
            self.heartbeat.awaits_pong = False
        elif kind == packets.CLOSE:
            self.end(self.engine.reason.CLIENT_DISCONNECT)
        elif kind not in packets.IGNORED:
            raise BadPacket("a packet that a client may not send now")

    def refuse(self, code: int, reason: CloseReason, text: str) -> None:
        """End the connection because of what the client sent."""
        if not self.closed:
            self.engine.refused(self.sid, reason, text)
            self.end("flood" if reason == "flood" else "parse error", code=code, text=text)

    def drop_messages(self) -> None:
        """Forget the messages that still wait for a handler."""
        if self.inbox is not None:
            self.inbox.drop()

    def _enqueue(self, entry: Entry) -> None:
        inbox = self.inbox
        if inbox is None:
            inbox = self.inbox = Inbox((entry,))
            inbox.size = getsizeof(entry)
            self.work = self.engine.start(inbox.work(self))
            return
        inbox.append(entry)
        inbox.size += getsizeof(entry)
        self._check_incoming()
        if len(inbox) == MAX_QUEUED and not self.polling and not self.closed:
            self.transport.pause_reading()

    # The end

    def end(self, reason: str, *, code: int | None = None, text: str = "") -> None:
        """End the connection, once: tell the client if it can still hear, then the application."""
        if self.closed:
            return
        self.closed = True
        engine = self.engine
        self.heartbeat.stop()
        for deadline in (self._message_deadline, self._packet_deadline):
            if deadline is not None:
                deadline.cancel()
        self._message_deadline = self._packet_deadline = None
        engine.remove(self)
        last = engine.outbox.take(self)
        self._decoder = None
        if self.polling:
            self.transport.end(reason, last)
        elif not self.transport.is_closing():
            if reason == "slow":
                code, text = SLOW, "slow"
            self.transport.write(last + frames.encode_close(code or frames.NORMAL, text))
            handshake = ClosingHandshake(
                self.transport, engine.wheel, engine.max_message_bytes, engine.closing_handshakes
            )
            self.transport.set_protocol(handshake)
        self._enqueue(End(reason))

    def move_to(self, transport: Any, *, deflates: bool = False) -> None:
        """Go on over a WebSocket; first write what waits for the next GET to it."""
        if not self.held:
            self.engine.outbox.flush_one(self)
        before, self.transport, self.polling = self.transport, transport, False
        self.deflates = deflates
        held = before.release()
        if held:
            transport.write(held)
