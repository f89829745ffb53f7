"""HTTP long-polling: a session's frames wait for the next GET, and POSTs bring its packets.

https://socket.io/docs/v4/engine-io-protocol/#http-long-polling
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from queuecast_gateway.engine import frames, packets, refusals
from queuecast_gateway.engine.inbox import MAX_QUEUED
from queuecast_gateway.engine.packets import BadPacket

if TYPE_CHECKING:
    from queuecast_gateway.engine.session import Session

NOOP_FRAME = frames.encode(frames.TEXT, packets.NOOP.encode())

REFUSED_BY_POST = ("parse error", "flood")
"""Ends that the client has learned from the answer to its POST."""


class Polling:
    """The transport of a session without a WebSocket.

    `has_probe` is true while a WebSocket is there that the session may upgrade to, `probing` from its probe
    on. `poll_bytes` is what is kept of a waiting GET, and `post_bytes` the bytes so far of a POST that is
    being read, None if there is none.
    """

    __slots__ = (
        "_answering", "_at", "_held", "_max_bytes", "_size", "_waiting", "has_probe", "poll_bytes",
        "post_bytes", "probing", "session",
    )  # fmt: skip

    def __init__(self, max_bytes: int) -> None:
        self.session: Session
        self.has_probe = self.probing = False
        self.poll_bytes = 0
        self.post_bytes: int | None = None
        self._held: deque[bytes] = deque()
        self._at = 0
        """Where the first piece that is held begins: what is before was sent."""
        self._size = 0
        self._max_bytes = max_bytes
        self._waiting: asyncio.Future[bytes] | None = None
        self._answering: asyncio.WriteTransport | None = None

    def write(self, data: bytes) -> None:
        # Not copied: all recipients of a broadcast share one object.
        self._held.append(data)
        self._size += len(data)
        if self._size > self._max_bytes:
            self.session.pause_writing()
        self._answer_held()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait for the next GET; asyncio's transports have the same."""
        return self._size

    @property
    def request_bytes(self) -> int:
        """How many bytes of requests are kept."""
        return self.poll_bytes + (self.post_bytes or 0)

    async def poll(self, answering: asyncio.WriteTransport | None = None) -> bytes:
        """Return the frames for one GET, as soon as there are any: `MAX_ANSWERED` packets at most.

        `answering` is the connection of the GET.

        Raises `Refused` for a second GET at the same time, and for one after the end.
        """
        if self._waiting is not None or self._is_unread():
            # Two polls at once: the client could not know the order of the answers, so the session ends.
            self._answer(packets.CLOSE_FRAME)
            self.session.end(self.session.engine.reason.TRANSPORT_ERROR)
            raise refusals.bad_request()
        self._answering = answering
        if self.session.closed:
            # The session ended after this GET had come; nothing would ever be written.
            last = self.session.engine.pending_closes.take(self.session.sid)
            if last is None:
                raise refusals.unknown_session()
            return last
        if self.probing:
            return NOOP_FRAME
        if self._held:
            return self._next()
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            return await self._waiting
        finally:
            self._waiting = None

    def probe(self) -> None:
        """Hold what comes from now on for the WebSocket, and answer a waiting GET."""
        self.probing = True
        self._answer(NOOP_FRAME)

    def probe_failed(self) -> None:
        """Go on with long-polling."""
        self.probing = False
        self._answer_held()

    def release(self) -> bytes:
        """Take and return what is held."""
        held = b"".join(self._held)[self._at :]
        self._held.clear()
        self._at = self._size = 0
        return held

    def _next(self) -> bytes:
        """Take and return the frames of the next answer; the rest waits for the GET after it."""
        taken: list[bytes] = []
        room = packets.MAX_ANSWERED
        while self._held and room:
            piece, start = self._held[0], self._at
            self._at, count = frames.skip(piece, start, room)
            taken.append(piece[start : self._at])
            room -= count
            if self._at == len(piece):
                self._held.popleft()
                self._at = 0
        answer = b"".join(taken)
        self._size -= len(answer)
        return answer

    def end(self, reason: str, last: bytes) -> None:
        """Answer a waiting GET for the last time; what does not fit, or none waits for, comes with the next.

        The last packet is a CLOSE if the client is to stay away. Otherwise its session is unknown after the
        last answer, and it reconnects: python-engineio's client never does after a CLOSE.
        """
        engine, held = self.session.engine, self.release() + last
        why = engine.reason
        is_sent_away = reason in (why.SERVER_DISCONNECT, *REFUSED_BY_POST)
        if self._waiting is not None and not self._waiting.done():
            sent = held + (packets.CLOSE_FRAME if is_sent_away else b"")
            answer, rest = packets.first_answer(sent or NOOP_FRAME)
            self._answer(answer)
            if rest and reason != why.CLIENT_DISCONNECT:
                engine.pending_closes.keep(self.session.sid, rest)
        elif reason == why.SERVER_DISCONNECT:
            engine.pending_closes.keep(self.session.sid, held, packets.CLOSE_FRAME)
        elif held and reason not in (
            why.CLIENT_DISCONNECT,
            why.PING_TIMEOUT,
            why.TRANSPORT_CLOSE,
            why.TRANSPORT_ERROR,
            *REFUSED_BY_POST,
        ):
            engine.pending_closes.keep(self.session.sid, held)

    def _is_unread(self) -> bool:
        """Say whether the client has yet to read some of the last answer."""
        answering = self._answering
        return answering is not None and not answering.is_closing() and answering.get_write_buffer_size() > 0

    def _answer_held(self) -> None:
        if self._held and not self.probing and self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(self._next())

    def _answer(self, sent: bytes) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(sent)


async def post(session: "Session", body: bytes) -> None:
    """Handle the packets of a POST, and wait until their handlers are done. Raises `Refused`."""
    session.spend(0, len(body))
    try:
        for packet in packets.unpack(body.decode()):
            session.spend(1, 0)
            if session.closed:
                break
            session.receive(packet)
            if session.inbox is not None and len(session.inbox) >= MAX_QUEUED:
                await _worked_off(session)
    except UnicodeDecodeError as exc:
        session.refuse(frames.INVALID_TEXT, "not_utf8", "text that is not UTF-8")
        raise refusals.session_ended() from exc
    except BadPacket as exc:
        session.refuse(frames.POLICY, "engine_packet", str(exc))
        raise refusals.session_ended() from exc
    await _worked_off(session)


async def _worked_off(session: "Session") -> None:
    """Wait for the handlers: back-pressure, as a WebSocket has it by reading nothing more."""
    if session.work is not None:
        await asyncio.wait([session.work])
