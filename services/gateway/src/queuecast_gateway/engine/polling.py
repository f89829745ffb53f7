"""HTTP long-polling: a session's frames wait here for the next GET, and POSTs bring its packets.

https://socket.io/docs/v4/engine-io-protocol/#http-long-polling
"""

import asyncio
from typing import TYPE_CHECKING

from queuecast_gateway.engine import frames, handshake, packets
from queuecast_gateway.engine.packets import BadPacket

if TYPE_CHECKING:
    from queuecast_gateway.engine.session import Session

NOOP_FRAME = frames.encode(frames.TEXT, packets.NOOP.encode())

REFUSALS = ("parse error", "flood")
"""Ends that the answer of a POST has told of."""


class Polling:
    """The transport of a session that has no WebSocket, or not yet.

    `has_probe` says that one is there, and may be tried out; `probing` that it is being tried.
    """

    __slots__ = ("_held", "_max_bytes", "_size", "_waiting", "has_probe", "probing", "session")

    def __init__(self, max_bytes: int) -> None:
        self.session: Session
        self.has_probe = self.probing = False
        self._held: list[bytes] = []
        self._size = 0
        self._max_bytes = max_bytes
        self._waiting: asyncio.Future[bytes] | None = None

    def write(self, data: bytes) -> None:
        # As it is: what goes to many is one object for all of them.
        self._held.append(data)
        self._size += len(data)
        if self._size > self._max_bytes:
            self.session.pause_writing()
        self._hand_over()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait for the next GET; asyncio's transports have the same."""
        return self._size

    async def poll(self) -> bytes:
        """Return the frames of one GET, as soon as there are any.

        Raises `Refused` for a second one, and for one that comes too late.
        """
        if self._waiting is not None:
            # Two polls at once: their answers' order could not be told, so the session ends.
            self._answer(packets.CLOSE_FRAME)
            self.session.end(self.session.engine.reason.TRANSPORT_ERROR)
            raise handshake.bad_request()
        if self.session.closed:
            # It was open when this GET came; nothing would be written any more.
            last = self.session.engine.closing.take(self.session.sid)
            if last is None:
                raise handshake.unknown_session()
            return last
        if self.probing:
            return NOOP_FRAME
        if self._held:
            return self.release()
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            return await self._waiting
        finally:
            self._waiting = None

    def probe(self) -> None:
        """Hold what comes from now on, for the WebSocket; a waiting GET is sent home."""
        self.probing = True
        self._answer(NOOP_FRAME)

    def probe_failed(self) -> None:
        """Go on as before."""
        self.probing = False
        self._hand_over()

    def release(self) -> bytes:
        """Return what is held, and hold it no more."""
        held, self._held, self._size = self._held, [], 0
        return held[0] if len(held) == 1 else b"".join(held)

    def end(self, reason: str, last: bytes) -> None:
        """Answer a waiting GET for the last time, with a NOOP if the client asked for the end itself.

        Between two polls the next GET is answered so, if the end was the server's will. After any other end
        the client knows of it, or has been silent for so long that its session id is unknown.
        """
        engine, held = self.session.engine, self.release() + last
        why = engine.reason
        if self._waiting is not None and not self._waiting.done():
            self._answer(held + (NOOP_FRAME if reason == why.CLIENT_DISCONNECT else packets.CLOSE_FRAME))
        elif reason not in (
            why.CLIENT_DISCONNECT,
            why.PING_TIMEOUT,
            why.TRANSPORT_CLOSE,
            why.TRANSPORT_ERROR,
            *REFUSALS,
        ):
            engine.closing.keep(self.session.sid, held)

    def _hand_over(self) -> None:
        if self._held and not self.probing and self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(self.release())

    def _answer(self, sent: bytes) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(sent)


async def post(session: "Session", body: bytes) -> None:
    """Take in the packets of a POST, and wait until they were worked on. Raises `Refused`."""
    session.spend(0, len(body))
    try:
        for packet in packets.unpack(body.decode()):
            session.spend(1, 0)
            if not session.closed:
                session.receive(packet)
    except UnicodeDecodeError as exc:
        session.refuse(frames.INVALID_TEXT, "not_utf8", "text that is not UTF-8")
        raise handshake.ended() from exc
    except BadPacket as exc:
        session.refuse(frames.POLICY, "engine_packet", str(exc))
        raise handshake.ended() from exc
    if session.work is not None:
        # A client that posts faster than its handlers work waits here.
        await asyncio.wait([session.work])
