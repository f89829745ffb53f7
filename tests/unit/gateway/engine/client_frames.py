"""Frames as a client sends them, and what a decoder makes of them."""

from queuecast_gateway.engine.frames import Decoder, Frame, FrameError

MASK = b"\x37\xfa\x21\x3d"
LIMIT = 1 << 20
SMALL = 200
"""Small, so that generated input can reach it."""

HEADER = 14
"""Bytes of the longest header, with its mask."""


def masked(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bytes | None = MASK
) -> bytes:
    """Return a frame as a client sends it, with the shortest form of its length."""
    length = len(payload)
    form = 0 if length < 126 else 2 if length < 1 << 16 else 8
    return masked_as(form, opcode, payload, fin=fin, rsv=rsv, mask=mask)


def masked_as(
    form: int, opcode: int, payload: bytes, *, fin: bool = True, rsv: int = 0, mask: bytes | None = MASK
) -> bytes:
    """Return a client's frame whose length has `form` further bytes: 0, 2 or 8."""
    return head(form, opcode, len(payload), fin=fin, rsv=rsv, mask=mask) + (
        payload if mask is None else bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    )


def head(
    form: int, opcode: int, length: int, *, fin: bool = True, rsv: int = 0, mask: bytes | None = MASK
) -> bytes:
    """Return a frame's header."""
    first = bytes((fin << 7 | rsv << 4 | opcode, (mask is not None) << 7 | {0: length, 2: 126, 8: 127}[form]))
    return first + (length.to_bytes(form, "big") if form else b"") + (mask or b"")


def read(*chunks: bytes, limit: int = LIMIT) -> list[Frame]:
    decoder = Decoder(limit)
    return [frame for chunk in chunks for frame in decoder.feed(chunk)]


def decoded(*chunks: bytes, limit: int = LIMIT) -> tuple[list[Frame], int | None]:
    """Return the frames, and the close code of the error after them if there was one."""
    decoder = Decoder(limit)
    found: list[Frame] = []
    try:
        for chunk in chunks:
            # One by one, because frames before an error count.
            for frame in decoder.feed(chunk):
                found.append(frame)  # noqa: PERF402
    except FrameError as exc:
        return found, exc.code
    return found, None


def refusal(*chunks: bytes, limit: int = LIMIT) -> int:
    """Return the close code of input that is refused before its first frame."""
    found, code = decoded(*chunks, limit=limit)
    assert not found
    assert code is not None, "the input was accepted"
    return code
