"""The length of a frame, and the limits of a message."""

import pytest
from tests.unit.gateway.engine.client_frames import LIMIT, SMALL, decoded, head, masked, read, refusal

from queuecast_gateway.engine import frames
from queuecast_gateway.engine.frames import (
    BINARY,
    CONTINUATION,
    PING,
    POLICY,
    PROTOCOL_ERROR,
    TEXT,
    TOO_BIG,
    Frame,
)


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65535, 65536])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_of_every_form_of_length_arrives(opcode: int, length: int) -> None:
    """Decoders go wrong at the edges between the three forms."""
    payload = b"*" * length
    assert read(masked(opcode, payload)) == [Frame(opcode, payload.decode() if opcode == TEXT else payload)]


@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x01\x02\x03\x04"])
@pytest.mark.parametrize("length", [1, 3, 4, 5, 125])
def test_a_payload_is_unmasked_whatever_the_mask(length: int, mask: bytes) -> None:
    """Shortcuts go wrong where the length is not a multiple of the mask's."""
    payload = bytes(range(length))
    assert read(masked(BINARY, payload, mask=mask)) == [Frame(BINARY, payload)]


@pytest.mark.parametrize(("form", "length"), [(2, 0), (2, 125), (8, 0), (8, 125), (8, 126), (8, 65535)])
def test_a_length_that_is_not_in_its_shortest_form_is_refused(form: int, length: int) -> None:
    """RFC 6455, section 5.2: an attacker could exploit two decoders that disagree here."""
    assert refusal(head(form, BINARY, length)) == PROTOCOL_ERROR


@pytest.mark.parametrize("length", [1 << 63, (1 << 64) - 1])
def test_a_length_with_the_highest_bit_is_refused(length: int) -> None:
    """The RFC forbids it; many proxies would read a negative number."""
    assert refusal(head(8, BINARY, length)) == PROTOCOL_ERROR


@pytest.mark.parametrize("length", [LIMIT + 1, (1 << 63) - 1])
def test_a_message_over_the_limit_is_refused_at_its_header(length: int) -> None:
    """None of its payload is kept first: the header says that it is too large."""
    assert refusal(head(8, BINARY, length, mask=b"")) == TOO_BIG


def test_a_message_of_exactly_the_limit_arrives() -> None:
    """The documentation says that the limit itself is accepted."""
    assert read(masked(BINARY, bytes(SMALL)), limit=SMALL) == [Frame(BINARY, bytes(SMALL))]
    assert refusal(masked(BINARY, bytes(SMALL + 1)), limit=SMALL) == TOO_BIG


def test_fragments_over_the_limit_together_are_refused_at_the_last_header() -> None:
    """Each is small enough: without the sum, fragments would bypass the limit."""
    begun = masked(BINARY, bytes(SMALL - 10), fin=False) + masked(CONTINUATION, bytes(10), fin=False)
    assert refusal(begun + head(0, CONTINUATION, 1, mask=b""), limit=SMALL) == TOO_BIG


def test_a_message_in_fragments_of_exactly_the_limit_arrives() -> None:
    """The same message in one frame is accepted too."""
    sent = masked(BINARY, bytes(SMALL - 10), fin=False) + masked(CONTINUATION, bytes(10))
    assert read(sent, limit=SMALL) == [Frame(BINARY, bytes(SMALL))]


def test_a_message_has_the_whole_limit_after_one_in_fragments() -> None:
    """If the sum were not reset, a session would be refused after its first few messages."""
    once = masked(BINARY, bytes(SMALL - 10), fin=False) + masked(CONTINUATION, bytes(10))
    assert read(once + once + masked(BINARY, bytes(SMALL)), limit=SMALL) == [Frame(BINARY, bytes(SMALL))] * 3


def test_a_ping_between_fragments_does_not_count_towards_their_limit() -> None:
    """It is not part of the message, and is answered at once."""
    sent = masked(BINARY, bytes(SMALL), fin=False) + masked(PING, bytes(125)) + masked(CONTINUATION)
    assert read(sent, limit=SMALL) == [Frame(PING, bytes(125)), Frame(BINARY, bytes(SMALL))]


def test_empty_fragments_without_end_are_refused() -> None:
    """They cost no memory, so no byte limit stops them, but each costs time."""
    found, code = decoded(masked(TEXT, fin=False), *[masked(CONTINUATION, fin=False)] * 5000)
    assert (found, code) == ([], POLICY)


def test_a_message_of_the_largest_number_of_frames_arrives() -> None:
    """The count is reset with each message."""
    rest = [masked(CONTINUATION, b"*", fin=False)] * (frames.MAX_FRAGMENTS - 2)
    once = b"".join([masked(TEXT, b"*", fin=False), *rest, masked(CONTINUATION, b"*")])
    assert read(once + once) == [Frame(TEXT, "*" * frames.MAX_FRAGMENTS)] * 2


def test_one_frame_too_many_is_refused_even_if_it_is_the_last() -> None:
    """The limit is the same for each frame of a message."""
    rest = [masked(CONTINUATION, fin=False)] * (frames.MAX_FRAGMENTS - 1)
    assert refusal(masked(TEXT, fin=False), *rest, masked(CONTINUATION)) == POLICY
