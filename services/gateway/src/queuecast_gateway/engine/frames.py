"""The WebSocket frames of a server, RFC 6455: decode a peer's bytes, encode our own frames. Pure.

It knows no socket, no handshake (see `handshake`), no compression (see `deflate`) and no Engine.IO.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from queuecast_gateway.reasons import CloseReason

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform without its C extension
    from websockets.utils import apply_mask

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

COMPRESSED = 0x40
"""The bit beside an opcode that says that the message is compressed: RFC 7692, section 6."""

NORMAL, GOING_AWAY, PROTOCOL_ERROR, UNSUPPORTED = 1000, 1001, 1002, 1003
INVALID_TEXT, POLICY, TOO_BIG = 1007, 1008, 1009
SERVICE_RESTART, TRY_AGAIN_LATER = 1012, 1013
"""https://www.iana.org/assignments/websocket/#close-code-number"""

MAX_FRAGMENTS = 1024
"""Frames of one message. Empty ones cost no memory, but need a limit as well."""

_SENDABLE_CODES = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})


class FrameError(Exception):
    """The peer broke RFC 6455 or a limit; close the connection with `code`."""

    def __init__(self, code: int, reason: CloseReason, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.reason = reason


def _broken(text: str) -> FrameError:
    return FrameError(PROTOCOL_ERROR, "frame", text)


class Frame(NamedTuple):
    """A whole message of the peer (TEXT, BINARY), or a control frame, which may come between fragments.

    The payload is text for TEXT and bytes for all others; for CLOSE it is empty or starts with the code.
    """

    opcode: int
    payload: str | bytes


class Decoder:
    """Decodes a peer's frames, however its bytes are split. It is `idle` while it keeps nothing.

    What it keeps exceeds `max_bytes` by headers and one control frame at most: a frame that would exceed it
    is refused once its header has come. Messages may be compressed if `inflate` is given; it is called with
    what came and with `max_bytes`, and may raise `FrameError`. What came may then be a little more.
    """

    __slots__ = ("_buffer", "_fragments", "_inflate", "_max_bytes", "_message", "_opcode")

    def __init__(self, max_bytes: int, inflate: Callable[[bytes, int], bytes] | None = None) -> None:
        self._max_bytes = max_bytes
        self._inflate = inflate
        self._buffer = bytearray()
        self._message = bytearray()
        self._fragments = 0
        self._opcode = 0

    @property
    def idle(self) -> bool:
        return not self._buffer and not self._fragments

    @property
    def size(self) -> int:
        """How many bytes it keeps."""
        return len(self._buffer) + len(self._message)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that `data` completes, then raise `FrameError` if the next one is wrong."""
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
        """Hand over the bytes that are not decoded yet, for the next protocol."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def _header(self) -> tuple[int, int, int]:
        """Return the frame's first byte, the offset of its payload (0: not known yet) and its length."""
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
        most = self._max_bytes
        if (self._opcode if self._fragments else head) & COMPRESSED:
            most += (most >> 4) + 16  # what cannot be compressed becomes longer, by 4 % at most
        if kept + length > most:
            raise FrameError(TOO_BIG, "too_big", f"a message of more than {self._max_bytes} bytes")
        return head, start, length

    def _check(self, head: int, second: int) -> None:
        opcode = head & 0x0F
        if head & 0x70 and not (
            self._inflate is not None and head & 0x7F in (COMPRESSED | TEXT, COMPRESSED | BINARY)
        ):
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
            return self._whole(head, payload)
        if not self._fragments:
            self._opcode = head & (COMPRESSED | 0x0F)
        self._fragments += 1
        if self._fragments > MAX_FRAGMENTS:
            raise FrameError(POLICY, "fragments", f"a message of more than {MAX_FRAGMENTS} frames")
        self._message += payload
        if not head & 0x80:
            return None
        whole = bytes(self._message)
        self._message.clear()
        self._fragments = 0
        return self._whole(self._opcode, whole)

    def _whole(self, head: int, payload: bytes) -> Frame:
        if head & COMPRESSED and self._inflate is not None:
            payload = self._inflate(payload, self._max_bytes)
        opcode = head & 0x0F
        return Frame(opcode, _text(payload) if opcode == TEXT else payload)

    def _control(self, opcode: int, payload: bytes) -> Frame:
        if opcode == CLOSE and payload:
            code = int.from_bytes(payload[:2], "big")
            if not (code in _SENDABLE_CODES or 3000 <= code < 5000):
                raise _broken("a close code that may not be sent")
            _text(payload[2:])
        return Frame(opcode, payload)


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError as exc:
        raise FrameError(INVALID_TEXT, "not_utf8", "text that is not UTF-8") from exc


def encode(opcode: int, payload: bytes) -> bytes:
    """Return a whole, unmasked frame, as a server sends it. The opcode may have the bit `COMPRESSED`."""
    length = len(payload)
    if length < 126:
        return bytes((0x80 | opcode, length)) + payload
    if length < 1 << 16:
        return bytes((0x80 | opcode, 126)) + length.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + length.to_bytes(8, "big") + payload


def encode_close(code: int, reason: str = "") -> bytes:
    """Return a CLOSE frame; the reason is cut to fit into a control frame."""
    return encode(CLOSE, code.to_bytes(2, "big") + reason.encode()[:123].decode(errors="ignore").encode())


def split(sent: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield opcode and payload of whole frames that `encode` has made; a compressed one stays compressed."""
    at = 0
    while at < len(sent):
        start, end = _payload_at(sent, at)
        yield sent[at] & 0x0F, sent[start:end]
        at = end


def skip(sent: bytes, at: int, most: int) -> tuple[int, int]:
    """Return where the next `most` frames end, or all if there are fewer, and how many they are."""
    count = 0
    while count < most and at < len(sent):
        _, at = _payload_at(sent, at)
        count += 1
    return at, count


def _payload_at(sent: bytes, at: int) -> tuple[int, int]:
    """Return where the payload of a frame that `encode` has made starts and ends."""
    length = sent[at + 1]
    at += 2
    if length >= 126:
        size = 2 if length == 126 else 8
        length = int.from_bytes(sent[at : at + size], "big")
        at += size
    return at, at + length
