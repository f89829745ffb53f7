"""A WebSocket that no session has any more: the closing handshake, RFC 6455, section 7."""

import asyncio
from typing import Any

from queuecast_gateway.engine import frames
from queuecast_gateway.engine.frames import Decoder, FrameError
from queuecast_gateway.engine.heartbeat import Wheel

CLOSING_SECONDS = 5.0
"""How long a peer has to take what is pending and to answer a CLOSE frame."""


MAX_FRAMES = 256
"""So many may be on their way when we close. Who says more takes no CLOSE frame for an answer, and is read no
more: to decode ten floods until our patience ends made everybody else's events a second late."""


class Leaving(asyncio.Protocol):
    """A WebSocket after our CLOSE frame: it waits for the peer's, or for its patience to end.

    Until its connection is gone it is one of those `present`.
    """

    __slots__ = ("_decoder", "_due", "_frames", "_present", "_transport", "_wheel")

    def __init__(self, transport: Any, wheel: Wheel, max_message_bytes: int, present: "set[Leaving]") -> None:
        self._transport = transport
        self._present = present
        present.add(self)
        self._wheel = wheel
        self._decoder = Decoder(max_message_bytes)
        self._frames = 0
        self._due = wheel.after(CLOSING_SECONDS, self._give_up)
        transport.resume_reading()

    @property
    def kept(self) -> int:
        """How many bytes this connection still makes the process hold."""
        size: int = self._transport.get_write_buffer_size()
        return size + self._decoder.size

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._decoder.feed(data):
                self._frames += 1
                if frame.opcode == frames.CLOSE:
                    self._transport.close()
                    return
                if self._frames >= MAX_FRAMES:
                    self._transport.pause_reading()
                    return
        except FrameError:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wheel.cancel(self._due, self._give_up)
        self._present.discard(self)

    def _give_up(self) -> None:
        self._transport.abort()
