"""Frames of a client: which are accepted, and with which code all others are refused."""

import pytest
from tests.unit.gateway.engine.client_frames import LIMIT, decoded, head, masked, read, refusal

from queuecast_gateway.engine.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    INVALID_TEXT,
    PING,
    PONG,
    PROTOCOL_ERROR,
    TEXT,
    Decoder,
    Frame,
    FrameError,
)

# Frames that are not allowed


@pytest.mark.parametrize("rsv", [1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
def test_a_reserved_bit_is_refused(opcode: int, rsv: int) -> None:
    """No extension was negotiated, so a compressed message would look like noise."""
    assert refusal(masked(opcode, b"", rsv=rsv)) == PROTOCOL_ERROR


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("fin", [True, False])
def test_an_unknown_opcode_is_refused(opcode: int, fin: bool) -> None:
    """Its meaning is unknown, so it cannot be ignored either."""
    assert refusal(masked(opcode, b"x", fin=fin)) == PROTOCOL_ERROR


@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG, CLOSE])
def test_a_frame_without_a_mask_is_refused(opcode: int) -> None:
    """RFC 6455, section 5.1: a server must refuse it; the mask protects proxies from a page's bytes."""
    assert refusal(masked(opcode, b"", mask=None)) == PROTOCOL_ERROR


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_a_control_frame_in_fragments_is_refused(opcode: int) -> None:
    """It could stand between the fragments of a message."""
    assert refusal(masked(opcode, fin=False)) == PROTOCOL_ERROR


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
@pytest.mark.parametrize(("form", "length"), [(2, 126), (2, 65535), (8, 65536), (2, 125)])
def test_a_control_frame_of_more_than_125_bytes_is_refused(opcode: int, form: int, length: int) -> None:
    """It is answered from memory at once, so the protocol keeps it small."""
    assert refusal(head(form, opcode, length)) == PROTOCOL_ERROR


@pytest.mark.parametrize("opcode", [PING, PONG])
@pytest.mark.parametrize("payload", [b"", b"\xff\x00", bytes(125)])
def test_a_ping_or_pong_of_any_bytes_arrives(opcode: int, payload: bytes) -> None:
    """Its payload is the peer's own and need not be text."""
    assert read(masked(opcode, payload)) == [Frame(opcode, payload)]


# The order of fragments


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_a_control_frame_between_fragments_comes_first(opcode: int) -> None:
    """A long upload must not delay a pong."""
    sent = [masked(TEXT, b"he", fin=False), masked(opcode), masked(CONTINUATION, b"llo")]
    assert read(*sent) == [Frame(opcode, b""), Frame(TEXT, "hello")]


@pytest.mark.parametrize("fin", [True, False])
def test_a_continuation_without_a_start_is_refused(fin: bool) -> None:
    """No opcode says what it would continue."""
    assert refusal(masked(CONTINUATION, b"x", fin=fin)) == PROTOCOL_ERROR


@pytest.mark.parametrize("fin", [True, False])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_new_message_inside_a_fragmented_one_is_refused(opcode: int, fin: bool) -> None:
    """Even after an empty first fragment, of which no byte is kept."""
    for begun in (b"", b"x"):
        assert refusal(masked(TEXT, begun, fin=False), masked(opcode, b"y", fin=fin)) == PROTOCOL_ERROR


def test_a_continuation_after_the_last_fragment_is_refused() -> None:
    """The message is over."""
    sent = [masked(TEXT, b"a", fin=False), masked(CONTINUATION, b"b"), masked(CONTINUATION, b"c")]
    assert decoded(*sent) == ([Frame(TEXT, "ab")], PROTOCOL_ERROR)


def test_a_message_has_the_opcode_of_its_first_frame() -> None:
    """The opcode of the message before must not stay."""
    text = masked(TEXT, b"a", fin=False) + masked(CONTINUATION)
    binary = masked(BINARY, b"\xff", fin=False) + masked(CONTINUATION)
    assert read(text + binary + text) == [Frame(TEXT, "a"), Frame(BINARY, b"\xff"), Frame(TEXT, "a")]


def test_an_unfinished_message_is_kept() -> None:
    """Even if its fragments were empty: the decoder must not be dropped."""
    decoder = Decoder(LIMIT)
    assert not list(decoder.feed(masked(TEXT, b"", fin=False)))
    assert not decoder.idle


def test_the_first_byte_of_a_frame_is_kept() -> None:
    """A session that dropped its decoder now would take the next byte for the first of a frame."""
    decoder = Decoder(LIMIT)
    assert decoder.idle
    assert not list(decoder.feed(b"\x81"))
    assert not decoder.idle


# Text


@pytest.mark.parametrize("text", ["", "κόσμε", "\x00", "\U0010ffff", "�"])
def test_text_of_every_kind_arrives(text: str) -> None:
    """At the edges of UTF-8; U+FFFD is a character like any other."""
    assert read(masked(TEXT, text.encode())) == [Frame(TEXT, text)]


@pytest.mark.parametrize(
    "payload",
    [b"\xff", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"ok\x80"],
)
def test_text_that_is_not_utf_8_is_refused(payload: bytes) -> None:
    """Cut short, overlong, a surrogate, beyond Unicode: to replace them would hide them."""
    assert refusal(masked(TEXT, payload)) == INVALID_TEXT
    assert refusal(masked(TEXT, payload[:1], fin=False), masked(CONTINUATION, payload[1:])) == INVALID_TEXT


def test_a_character_may_be_split_over_fragments() -> None:
    """A fragment is any piece of the bytes: RFC 6455, section 5.6."""
    sent = "a𝄞b".encode()
    for at in range(len(sent) + 1):
        fragments = masked(TEXT, sent[:at], fin=False) + masked(CONTINUATION, sent[at:])
        assert read(fragments) == [Frame(TEXT, "a𝄞b")]


def test_binary_messages_need_not_be_utf_8() -> None:
    """Only text messages must be."""
    assert read(masked(BINARY, b"\xff\xfe")) == [Frame(BINARY, b"\xff\xfe")]


# The end


def close(code: int, reason: bytes = b"") -> bytes:
    return masked(CLOSE, code.to_bytes(2, "big") + reason)


def test_a_close_without_a_code_is_accepted() -> None:
    """A browser's `close()` sends it."""
    assert read(masked(CLOSE)) == [Frame(CLOSE, b"")]


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
)
def test_a_close_code_that_may_be_sent_is_accepted(code: int) -> None:
    """It says why the peer left."""
    expected = code.to_bytes(2, "big") + b"bye"
    assert read(close(code, b"bye")) == [Frame(CLOSE, expected)]


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535])
def test_a_close_code_that_may_not_be_sent_is_refused(code: int) -> None:
    """1005 and 1006 are for programs, when no code was sent; the rest have no meaning."""
    assert refusal(close(code)) == PROTOCOL_ERROR


def test_a_close_of_half_a_code_is_refused() -> None:
    """One byte is not a code, and not the absence of one."""
    assert refusal(masked(CLOSE, b"\x03")) == PROTOCOL_ERROR


def test_a_close_whose_reason_is_not_utf_8_is_refused() -> None:
    """It goes to a log, as text."""
    assert refusal(close(1000, b"\xff")) == INVALID_TEXT


def test_a_close_of_the_largest_size_is_accepted() -> None:
    """It has 2 bytes of code and 123 of reason."""
    assert read(close(1000, b"*" * 123)) == [Frame(CLOSE, b"\x03\xe8" + b"*" * 123)]


# Errors, and the rest of the input


@pytest.mark.parametrize("between", [b"", masked(PING, b"!")])
def test_frames_before_an_error_still_arrive(between: bytes) -> None:
    """A client's last message counts, even if it came in one piece with a broken one."""
    found, code = decoded(masked(TEXT, b"last words") + between + masked(3) + masked(TEXT, b"never"))
    assert found[0] == Frame(TEXT, "last words")
    assert found[1:] == read(between)
    assert code == PROTOCOL_ERROR


def test_an_error_says_why() -> None:
    """Its reason goes to the peer and to the log."""
    with pytest.raises(FrameError, match="without a mask") as caught:
        read(masked(TEXT, b"", mask=None))
    assert (caught.value.reason, str(caught.value)) == ("frame", "a frame without a mask")


def test_the_rest_after_a_frame_is_handed_over() -> None:
    """A probe ends with a frame; what follows belongs to the session and must not be lost."""
    decoder = Decoder(LIMIT)
    follows = masked(TEXT, b"42[]") + b"\x81"
    assert next(decoder.feed(masked(TEXT, b"5") + follows)) == Frame(TEXT, "5")
    assert decoder.rest() == follows
    assert decoder.rest() == b""
    assert decoder.idle
