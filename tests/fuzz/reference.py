"""What the decoder of the package `websockets` makes of the same bytes, brought into the form of ours."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

from websockets.frames import Frame as RawFrame
from websockets.protocol import OPEN, SERVER, Protocol

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
    """What came of some reads: the frames, and the code of the error behind them if there was one.

    `idle` says that nothing of a frame or message is left over, `most` how much was kept at a time.
    """

    frames: tuple[Frame, ...]
    code: int | None
    idle: bool
    most: int


class Judged(NamedTuple):
    """The reference's answer. `lenient` says that ours may refuse what the reference lets pass."""

    frames: tuple[Frame, ...]
    code: int | None
    lenient: bool


def hear(reads: Sequence[bytes], limit: int) -> Heard:
    """Let our decoder read. Whatever it raises but `FrameError` comes out of here."""
    decoder, frames, most = Decoder(limit), list[Frame](), 0
    try:
        for read in reads:
            # One by one, as those before an error count.
            for frame in decoder.feed(read):
                frames.append(frame)
            most = max(most, kept(decoder))
    except FrameError as exc:
        return Heard(tuple(frames), exc.code, decoder.idle, most)
    return Heard(tuple(frames), None, decoder.idle, most)


def kept(decoder: Decoder) -> int:
    """Return how many bytes a decoder keeps, whatever its attributes are called."""
    values = [getattr(decoder, name, None) for name in decoder.__slots__]
    return sum(_length(value) for value in values)


def judge(reads: Sequence[bytes], limit: int) -> Judged:
    """Let the reference read, up to a CLOSE frame: it hears nothing after that."""
    protocol = Protocol(SERVER, state=OPEN, max_size=limit, logger=_SILENT)
    data = b"".join(reads)
    protocol.receive_data(data)
    raw = [event for event in protocol.events_received() if isinstance(event, RawFrame)]
    frames, code, fragments = _assembled(raw)
    if code is None and protocol.parser_exc is not None and protocol.close_rcvd is None:
        assert protocol.close_sent is not None
        code = protocol.close_sent.code
    is_loose, whole = _measured(data, raw)
    # A header may be refused before its frame is whole.
    is_partial = whole < len(data) and protocol.close_rcvd is None
    return Judged(tuple(frames), code, is_loose or is_partial or fragments > MAX_FRAGMENTS)


def _length(value: object) -> int:
    if isinstance(value, bytes | bytearray | str):
        return len(value)
    return sum(map(_length, value)) if isinstance(value, list | tuple) else 0


def _assembled(raw: Sequence[RawFrame]) -> tuple[list[Frame], int | None, int]:
    """Return whole messages, the code of text that is no text, and how many frames a message had at most."""
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
    """Say whether a length is longer than RFC 6455 (5.2) allows, and how many bytes the frames have."""
    is_loose, at = False, 0
    for frame in raw:
        length = len(frame.data)
        form = {126: 2, 127: 8}.get(data[at + 1] & 0x7F, 0)
        is_loose |= form != (0 if length < 126 else 2 if length < 1 << 16 else 8)
        at += 6 + form + length
    return is_loose, at


def up_to_close(frames: Sequence[Frame]) -> tuple[Frame, ...]:
    """Return what came before a CLOSE frame, and that."""
    for at, frame in enumerate(frames):
        if frame.opcode == CLOSE:
            return tuple(frames[: at + 1])
    return tuple(frames)
