"""What the decoder of the package `websockets` makes of the same bytes, in the form of ours."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame as RawFrame
from websockets.protocol import OPEN, SERVER, Protocol

from queuecast_gateway.engine.deflate import inflate
from queuecast_gateway.engine.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    INVALID_TEXT,
    MAX_FRAGMENTS,
    TEXT,
    Decoder,
    Frame,
    FrameError,
)

_SILENT = logging.getLogger(f"{__name__}.websockets")
_SILENT.setLevel(logging.CRITICAL)


class Heard(NamedTuple):
    """The result of some reads: the frames, and the code of the error after them, if any.

    `idle` says that no part of a frame or message is left over; `most` is the most that was kept at a time.
    """

    frames: tuple[Frame, ...]
    code: int | None
    idle: bool
    most: int


class Judged(NamedTuple):
    """The reference's answer. `lenient` says that ours may refuse what the reference accepts, `eager` that it
    may refuse the beginning of a message, where ours waits for the end.
    """

    frames: tuple[Frame, ...]
    code: int | None
    lenient: bool
    eager: bool = False


def hear(reads: Sequence[bytes], limit: int, *, deflates: bool = False) -> Heard:
    """Let our decoder read. Any exception but `FrameError` is raised here, too."""
    decoder, frames, most = Decoder(limit, inflate if deflates else None), list[Frame](), 0
    try:
        for read in reads:
            # One by one, because the frames before an error count.
            for frame in decoder.feed(read):
                frames.append(frame)
            most = max(most, kept(decoder))
    except FrameError as exc:
        return Heard(tuple(frames), exc.code, decoder.idle, most)
    return Heard(tuple(frames), None, decoder.idle, most)


def kept(decoder: Decoder) -> int:
    """Return how many bytes a decoder keeps, in any attribute."""
    values = [getattr(decoder, name, None) for name in decoder.__slots__]
    return sum(_length(value) for value in values)


def judge(reads: Sequence[bytes], limit: int, *, deflates: bool = False) -> Judged:
    """Let the reference read, up to a CLOSE frame, after which it ignores everything.

    With compression it is lenient: it takes what has come of a truncated message for all of it, and its limit
    has no room for what compression makes longer, so that it needs a higher one.
    """
    most = limit + slack(limit) if deflates else limit
    protocol = Protocol(SERVER, state=OPEN, max_size=most, logger=_SILENT)
    protocol.extensions = [PerMessageDeflate(True, True, 15, 15)] if deflates else []
    data = b"".join(reads)
    protocol.receive_data(data)
    raw = [event for event in protocol.events_received() if isinstance(event, RawFrame)]
    frames, code, fragments = _assembled(raw)
    if code is None and protocol.parser_exc is not None and protocol.close_rcvd is None:
        assert protocol.close_sent is not None
        code = protocol.close_sent.code
    if deflates:
        return Judged(tuple(frames), code, lenient=True, eager=True)
    is_loose, whole = _measured(data, raw)
    # A header may be refused before its frame is complete.
    is_partial = whole < len(data) and protocol.close_rcvd is None
    return Judged(tuple(frames), code, is_loose or is_partial or fragments > MAX_FRAGMENTS)


def slack(limit: int) -> int:
    """Return by how much a compressed message may be longer than the limit."""
    return limit // 16 + 16


def _length(value: object) -> int:
    if isinstance(value, bytes | bytearray | str):
        return len(value)
    return sum(map(_length, value)) if isinstance(value, list | tuple) else 0


def _assembled(raw: Sequence[RawFrame]) -> tuple[list[Frame], int | None, int]:
    """Return whole messages, the error code of invalid text, and the most frames that a message had."""
    frames: list[Frame] = []
    opcode, payload, fragments, most = TEXT, b"", 0, 0
    for frame in raw:
        if frame.opcode not in (TEXT, BINARY, CONTINUATION):
            frames.append(Frame(int(frame.opcode), bytes(frame.data)))
            continue
        if frame.opcode != CONTINUATION:
            opcode, payload, fragments = int(frame.opcode), b"", 0
        payload += bytes(frame.data)
        fragments += 1
        most = max(most, fragments)
        if frame.fin:
            try:
                frames.append(Frame(opcode, payload.decode() if opcode == TEXT else payload))
            except UnicodeDecodeError:
                return frames, INVALID_TEXT, most
    return frames, None, most


def _measured(data: bytes, raw: Sequence[RawFrame]) -> tuple[bool, int]:
    """Say whether a length has more bytes than RFC 6455 (5.2) allows, and how long the frames are."""
    is_loose, at = False, 0
    for frame in raw:
        length = len(frame.data)
        form = {126: 2, 127: 8}.get(data[at + 1] & 0x7F, 0)
        is_loose |= form != (0 if length < 126 else 2 if length < 1 << 16 else 8)
        at += 6 + form + length
    return is_loose, at


def up_to_close(frames: Sequence[Frame]) -> tuple[Frame, ...]:
    """Return the frames up to and including a CLOSE frame."""
    for at, frame in enumerate(frames):
        if frame.opcode == CLOSE:
            return tuple(frames[: at + 1])
    return tuple(frames)
