"""WebSocket frames of a server, RFC 6455: bytes in, frames out, and the other way round. Pure.

It knows no socket, no handshake (see `handshake`) and no Engine.IO. Extensions are not negotiated.
"""

from collections.abc import Iterator
from typing import NamedTuple

from queuecast_gateway.faults import Fault

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform without its C extension
    from websockets.utils import apply_mask

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

NORMAL, GOING_AWAY, PROTOCOL_ERROR, UNSUPPORTED = 1000, 1001, 1002, 1003
INVALID_TEXT, POLICY, TOO_BIG = 1007, 1008, 1009
SERVICE_RESTART, TRY_AGAIN_LATER = 1012, 1013
"""https://www.iana.org/assignments/websocket/#close-code-number"""

MAX_FRAGMENTS = 1024
"""Frames of one message. Empty ones cost no memory, but they may not go on for ever."""

_SENDABLE_CODES = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})


class FrameError(Exception):
    """The peer broke RFC 6455 or a limit; the connection is to be closed with `code`."""

    def __init__(self, code: int, fault: Fault, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.fault = fault
        self.reason = reason


def _broken(reason: str) -> FrameError:
    return FrameError(PROTOCOL_ERROR, "frame", reason)


class Frame(NamedTuple):
    """What the peer said: a whole message (TEXT, BINARY), or a control frame between its fragments.

    The payload is text for TEXT and bytes for all others; for CLOSE it is empty or begins with the code.
    """

    opcode: int
    payload: str | bytes


class Decoder:
    """Reads a peer's frames, however its bytes are split. `idle` says that nothing is kept.

    What is kept never exceeds `max_bytes` by more than headers and a control frame: a frame that would is
    refused by its header.
    """

    __slots__ = ("_buffer", "_fragments", "_max_bytes", "_message", "_opcode")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._message = bytearray()
        self._fragments = 0
        self._opcode = 0

    @property
    def idle(self) -> bool:
        return not self._buffer and not self._fragments

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        return len(self._buffer) + len(self._message)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that `data` completes. Raises `FrameError` after those before the error."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= 2:
            head, start, length = self._header()
            end = start + length
            if not start or len(buffer) < end:
                return
            payload = apply_mask(buffer[start:end], buffer[start - 4 : start])
            del buffer[:end]
            frame = self._control(head & 0x0F, payload) if head & 0x08 else self._data(head, payload)
            if frame is not None:
                yield frame

    def rest(self) -> bytes:
        """Give up the bytes that no frame was made of yet, for whoever reads on."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def _header(self) -> tuple[int, int, int]:
        """Return the frame's first byte, where its payload starts (0: not known yet) and its length."""
        buffer = self._buffer
        head, second = buffer[0], buffer[1]
        self._check(head, second)
        length = second & 0x7F
        start = 6
        if length >= 126:
            start = 8 if length == 126 else 14
            if len(buffer) < start - 4:
                return head, 0, 0
            length = int.from_bytes(buffer[2 : start - 4], "big")
            if length < 126 or (start == 14 and length < 1 << 16) or length >> 63:
                raise _broken("a length that is not in its shortest form")
        kept = 0 if head & 0x08 else len(self._message)
        if kept + length > self._max_bytes:
            raise FrameError(TOO_BIG, "too_big", f"a message of more than {self._max_bytes} bytes")
        return head, start, length

    def _check(self, head: int, second: int) -> None:
        opcode = head & 0x0F
        if head & 0x70:
            raise _broken("a reserved bit")
        if not second & 0x80:
            raise _broken("a frame without a mask")
        if opcode & 0x08:
            if opcode > PONG:
                raise _broken("an unknown opcode")
            if not head & 0x80 or second & 0x7F > 125:
                raise _broken("a control frame that is fragmented or too long")
        elif opcode > BINARY:
            raise _broken("an unknown opcode")
        elif (opcode == CONTINUATION) != bool(self._fragments):
            raise _broken("a fragment out of its place")

    def _data(self, head: int, payload: bytes) -> Frame | None:
        if head & 0x80 and not self._fragments:
            return _message(head & 0x0F, payload)
        if not self._fragments:
            self._opcode = head & 0x0F
        self._fragments += 1
        if self._fragments > MAX_FRAGMENTS:
            raise FrameError(POLICY, "fragments", f"a message of more than {MAX_FRAGMENTS} frames")
        self._message += payload
        if not head & 0x80:
            return None
        whole = bytes(self._message)
        self._message.clear()
        self._fragments = 0
        return _message(self._opcode, whole)

    def _control(self, opcode: int, payload: bytes) -> Frame:
        if opcode == CLOSE and payload:
            code = int.from_bytes(payload[:2], "big")
            if not (code in _SENDABLE_CODES or 3000 <= code < 5000):
                raise _broken("a close code that may not be sent")
            _text(payload[2:])
        return Frame(opcode, payload)


def _message(opcode: int, payload: bytes) -> Frame:
    return Frame(opcode, _text(payload) if opcode == TEXT else payload)


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError as exc:
        raise FrameError(INVALID_TEXT, "not_utf8", "text that is not UTF-8") from exc


def encode(opcode: int, payload: bytes) -> bytes:
    """Return a whole, unmasked frame: what a server sends."""
    length = len(payload)
    if length < 126:
        return bytes((0x80 | opcode, length)) + payload
    if length < 1 << 16:
        return bytes((0x80 | opcode, 126)) + length.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + length.to_bytes(8, "big") + payload


def encode_close(code: int, reason: str = "") -> bytes:
    """Return a CLOSE frame; the reason is cut to what fits into a control frame."""
    return encode(CLOSE, code.to_bytes(2, "big") + reason.encode()[:123].decode(errors="ignore").encode())


def split(sent: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield opcode and payload of whole frames that `encode` made."""
    at = 0
    while at < len(sent):
        opcode, length = sent[at] & 0x0F, sent[at + 1]
        at += 2
        if length >= 126:
            size = 2 if length == 126 else 8
            length = int.from_bytes(sent[at : at + size], "big")
            at += size
        yield opcode, sent[at : at + length]
        at += length
