"""Compressed messages among a peer's frames: where the bit may stand, and how much may come."""

import zlib
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.gateway.engine.client_frames import masked

from queuecast_gateway.engine.deflate import inflate, skip
from queuecast_gateway.engine.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    PROTOCOL_ERROR,
    TEXT,
    TOO_BIG,
    Decoder,
    Frame,
    FrameError,
)

LIMIT = 200
RSV1 = 4


def deflated(data: bytes, level: int = 6) -> bytes:
    stream = zlib.compressobj(level, zlib.DEFLATED, -15)
    return (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]


def read(*chunks: bytes, limit: int = LIMIT) -> list[Frame]:
    decoder = Decoder(limit, inflate)
    return [frame for chunk in chunks for frame in decoder.feed(chunk)]


def refusal(*chunks: bytes, limit: int = LIMIT) -> int:
    with pytest.raises(FrameError) as refused:
        read(*chunks, limit=limit)
    return refused.value.code


def test_compressed_and_other_messages_may_alternate() -> None:
    """A client decides for each message; many leave short ones as they are."""
    sent = masked(TEXT, b"plain"), masked(TEXT, deflated(b"text" * 9), rsv=RSV1), masked(BINARY, b"plain")
    assert read(b"".join(sent)) == [Frame(TEXT, "plain"), Frame(TEXT, "text" * 9), Frame(BINARY, b"plain")]


@given(st.text(max_size=50), st.lists(st.integers(0, 100), max_size=5), st.integers(1, 40))
def test_a_compressed_message_may_come_in_fragments_with_pings_between(
    text: str, edges: list[int], size: int
) -> None:
    """Only its first frame has the bit, RFC 7692, section 6.1; the bytes may arrive in any portions."""
    payload = deflated(text.encode())
    cuts = sorted(min(edge, len(payload)) for edge in edges)
    parts = [payload[start:end] for start, end in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
    sent = b""
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        sent += masked(CONTINUATION if at else TEXT, part, fin=last, rsv=0 if at else RSV1)
        sent += b"" if last else masked(PING, b"p")
    found = read(*[sent[at : at + size] for at in range(0, len(sent), size)])
    assert found == [Frame(PING, b"p")] * (len(parts) - 1) + [Frame(TEXT, text)]


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_a_control_frame_is_never_compressed(opcode: int) -> None:
    """RFC 7692, section 6.1: the bit on a control frame fails the connection."""
    assert refusal(masked(opcode, b"", rsv=RSV1)) == PROTOCOL_ERROR


def test_a_later_fragment_does_not_have_the_bit() -> None:
    """RFC 7692, section 6.1."""
    first = masked(TEXT, deflated(b"x")[:1], fin=False, rsv=RSV1)
    assert refusal(first, masked(CONTINUATION, b"", rsv=RSV1)) == PROTOCOL_ERROR


@pytest.mark.parametrize("rsv", [1, 2, 3, 5, 6, 7])
def test_the_other_reserved_bits_stay_refused(rsv: int) -> None:
    """Nobody agreed on an extension that uses them."""
    assert refusal(masked(TEXT, deflated(b"x"), rsv=rsv)) == PROTOCOL_ERROR


def test_a_compressed_message_may_have_the_allowed_bytes_and_no_more() -> None:
    """The limit is the same for everyone, and fragments count together."""
    assert read(masked(BINARY, deflated(bytes(LIMIT)), rsv=RSV1)) == [Frame(BINARY, bytes(LIMIT))]
    payload = deflated(bytes(LIMIT + 1))
    assert refusal(masked(BINARY, payload, rsv=RSV1)) == TOO_BIG
    first = masked(BINARY, payload[:3], fin=False, rsv=RSV1)
    assert refusal(first, masked(CONTINUATION, payload[3:])) == TOO_BIG


@pytest.mark.parametrize("limit", [200, 20_000, 1_000_000])
@pytest.mark.parametrize("memory", [1, 8])
def test_a_message_that_compression_makes_longer_is_still_allowed(limit: int, memory: int) -> None:
    """Clients compress images and keys, too. zlib adds most with the least memory."""
    stream = zlib.compressobj(1, zlib.DEFLATED, -15, memory)
    data = Random(0).randbytes(limit)
    payload = (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]
    assert len(payload) > limit
    assert read(masked(BINARY, payload, rsv=RSV1), limit=limit) == [Frame(BINARY, data)]


def test_a_compressed_frame_that_is_too_long_is_refused_by_its_header() -> None:
    """Before its bytes have to be kept; alone, and as a later fragment."""
    length = LIMIT + LIMIT // 16 + 16 + 1
    header = masked(BINARY, bytes(length), rsv=RSV1)[:8]
    assert refusal(header) == TOO_BIG
    first = masked(BINARY, bytes(length - 120), fin=False, rsv=RSV1)
    assert refusal(first, masked(CONTINUATION, bytes(120))[:6]) == TOO_BIG
    assert refusal(masked(BINARY, bytes(LIMIT + 1))[:8]) == TOO_BIG


def test_a_connection_that_closes_inflates_nothing() -> None:
    """It only waits for the CLOSE frame; the rest may be anything."""
    decoder = Decoder(LIMIT, skip)
    sent = masked(TEXT, deflated(bytes(LIMIT + 1)), rsv=RSV1) + masked(CLOSE)
    assert list(decoder.feed(sent)) == [Frame(TEXT, ""), Frame(CLOSE, b"")]
