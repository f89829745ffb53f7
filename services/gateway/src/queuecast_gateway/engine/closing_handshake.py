"""The closing handshake of a WebSocket whose session has ended: RFC 6455, section 7."""

import asyncio
from typing import Any

from queuecast_gateway.engine import deflate, frames
from queuecast_gateway.engine.frames import Decoder, FrameError
from queuecast_gateway.engine.timer_wheel import TimerWheel

CLOSING_SECONDS = 5.0
"""How long a peer has to read what is pending and to answer a CLOSE frame."""

MAX_FRAMES = 256
"""This many frames may be on their way when the server closes. A peer that sends more is ignoring the CLOSE
frame, and nothing more is read from it: decoding ten floods until the timeout made all other events a second
late."""


class ClosingHandshake(asyncio.Protocol):
    """A WebSocket after the server's last frame: it waits for the peer's, `CLOSING_SECONDS` or `seconds`.

    It is a member of the set `open_handshakes` until its connection is lost.
    """

    __slots__ = ("_decoder", "_due", "_frames", "_open_handshakes", "_transport", "_wheel")

    def __init__(
        self,
        transport: Any,
        wheel: TimerWheel,
        max_message_bytes: int,
        open_handshakes: "set[ClosingHandshake]",
        seconds: float | None = None,
    ) -> None:
        self._transport = transport
        self._open_handshakes = open_handshakes
        open_handshakes.add(self)
        self._wheel = wheel
        self._decoder = Decoder(max_message_bytes, deflate.skip)
        self._frames = 0
        self._due = wheel.after(CLOSING_SECONDS if seconds is None else seconds, self._abort)
        transport.resume_reading()

    @property
    def held_bytes(self) -> int:
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
        self._wheel.cancel(self._due, self._abort)
        self._open_handshakes.discard(self)

    def _abort(self) -> None:
        self._transport.abort()
