from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_gateway.engine import frames
from queuecast_gateway.engine.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    INVALID_TEXT,
    PING,
    POLICY,
    PONG,
    PROTOCOL_ERROR,
    TEXT,
    TOO_BIG,
    Decoder,
    Frame,
    FrameError,
)

MASK = b"\x37\xfa\x21\x3d"
LIMIT = 1 << 20
SMALL = 200
"""A limit that generated input can reach."""

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
    """Return what comes before the payload."""
    first = bytes((fin << 7 | rsv << 4 | opcode, (mask is not None) << 7 | {0: length, 2: 126, 8: 127}[form]))
    return first + (length.to_bytes(form, "big") if form else b"") + (mask or b"")


def read(*chunks: bytes, limit: int = LIMIT) -> list[Frame]:
    decoder = Decoder(limit)
    return [frame for chunk in chunks for frame in decoder.feed(chunk)]


def heard(*chunks: bytes, limit: int = LIMIT) -> tuple[list[Frame], int | None]:
    """Return the frames that came, and the code of the error after them if there was one."""
    decoder = Decoder(limit)
    found: list[Frame] = []
    try:
        for chunk in chunks:
            # One by one, as those before an error count.
            for frame in decoder.feed(chunk):
                found.append(frame)  # noqa: PERF402
    except FrameError as exc:
        return found, exc.code
    return found, None


def refusal(*chunks: bytes, limit: int = LIMIT) -> int:
    """Return the close code with which the input is refused, before any frame came of it."""
    found, code = heard(*chunks, limit=limit)
    assert not found
    assert code is not None, "the input was accepted"
    return code


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


close_payloads = st.just(b"") | st.builds(
    lambda code, reason: code.to_bytes(2, "big") + reason.encode(),
    st.sampled_from([1000, 1001, 1011, 3000, 4999]),
    st.text(max_size=20),
)
controls = st.tuples(st.sampled_from([PING, PONG]), st.binary(max_size=125)) | st.tuples(
    st.just(CLOSE), close_payloads
)
messages = st.tuples(st.just(TEXT), st.text(max_size=60).map(str.encode)) | st.tuples(
    st.just(BINARY), st.binary(max_size=SMALL)
)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[bytes, list[Frame]]:
    """Draw what a client that obeys the RFC sends, and the frames that are to come of it."""
    sent, expected = b"", []
    for opcode, payload in draw(st.lists(messages | controls, max_size=6)):
        mask = draw(st.binary(min_size=4, max_size=4))
        if opcode & 0x08:
            sent += masked(opcode, payload, mask=mask)
            expected.append(Frame(opcode, payload))
            continue
        parts = cut(payload, draw(st.lists(st.integers(0, SMALL), max_size=3)))
        for at, part in enumerate(parts):
            last = at == len(parts) - 1
            sent += masked(opcode if at == 0 else CONTINUATION, part, fin=last, mask=mask)
            if not last and draw(st.booleans()):
                sent += masked(PING, b"between")
                expected.append(Frame(PING, b"between"))
        expected.append(Frame(opcode, payload.decode() if opcode == TEXT else payload))
    return sent, expected


# Whatever comes

places = st.lists(st.integers(0, 5000), max_size=12)
noise = st.lists(
    st.binary(max_size=40)
    | st.builds(
        masked,
        st.integers(0, 15),
        st.binary(max_size=150),
        fin=st.booleans(),
        rsv=st.sampled_from([0, 0, 0, 0, 0, 0, 1]),
    ),
    max_size=12,
).map(b"".join)


@given(conversations(), places)
def test_what_a_client_says_is_understood_however_its_bytes_are_split(
    said: tuple[bytes, list[Frame]], places: list[int]
) -> None:
    """TCP knows no messages: a proxy or a slow link may cut anywhere, in a header or in a character."""
    sent, expected = said
    assert read(*cut(sent, places), limit=SMALL) == expected


@given(conversations())
def test_what_comes_byte_by_byte_is_understood(said: tuple[bytes, list[Frame]]) -> None:
    """Every place where a header can be incomplete is met."""
    sent, expected = said
    assert read(*(bytes((byte,)) for byte in sent), limit=SMALL) == expected


@given(conversations())
def test_after_whole_messages_nothing_is_kept(said: tuple[bytes, list[Frame]]) -> None:
    """The decoder of an idle session is given up, which is what makes an idle one cheap."""
    decoder = Decoder(SMALL)
    list(decoder.feed(said[0]))
    assert decoder.idle


@given(noise, places)
def test_noise_brings_the_same_frames_and_the_same_error_however_it_is_split(
    sent: bytes, places: list[int]
) -> None:
    """What a fault looks like must not depend on the network, or nobody can reproduce it."""
    whole, split = heard(sent, limit=SMALL), heard(*cut(sent, places), limit=SMALL)
    assert split == whole


@given(st.binary(max_size=400) | noise)
def test_noise_is_refused_or_understood_and_nothing_else(sent: bytes) -> None:
    """Any other exception would go to the event loop's handler and leave the session open, deaf."""
    for opcode, payload in heard(sent, limit=SMALL)[0]:
        assert opcode in {TEXT, BINARY, CLOSE, PING, PONG}
        assert isinstance(payload, str if opcode == TEXT else bytes)
        assert len(payload) <= max(SMALL, 125)


@given(conversations().map(lambda said: said[0]) | noise, places)
def test_what_is_kept_never_exceeds_the_limit_and_a_header(sent: bytes, places: list[int]) -> None:
    """The limit is what bounds the memory of a connection; a control frame may come between fragments."""
    decoder = Decoder(SMALL)
    for chunk in cut(sent, places):
        try:
            list(decoder.feed(chunk))
        except FrameError:
            return
        kept, message = len(decoder._buffer), len(decoder._message)
        assert message <= SMALL
        assert message + kept <= SMALL + max(HEADER, 6 + 125)


# Lengths and limits


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65535, 65536])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_of_every_form_of_length_arrives(opcode: int, length: int) -> None:
    """The edges between the three forms are where decoders go wrong."""
    payload = b"*" * length
    assert read(masked(opcode, payload)) == [Frame(opcode, payload.decode() if opcode == TEXT else payload)]


@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x01\x02\x03\x04"])
@pytest.mark.parametrize("length", [1, 3, 4, 5, 125])
def test_a_payload_is_unmasked_whatever_the_mask(length: int, mask: bytes) -> None:
    """A length that is no multiple of the mask's is the case that shortcuts get wrong."""
    payload = bytes(range(length))
    assert read(masked(BINARY, payload, mask=mask)) == [Frame(BINARY, payload)]


@pytest.mark.parametrize(("form", "length"), [(2, 0), (2, 125), (8, 0), (8, 125), (8, 126), (8, 65535)])
def test_a_length_that_is_not_in_its_shortest_form_is_refused(form: int, length: int) -> None:
    """RFC 6455, section 5.2: two readers that disagree here can be played against each other."""
    assert refusal(head(form, BINARY, length)) == PROTOCOL_ERROR


@pytest.mark.parametrize("length", [1 << 63, (1 << 64) - 1])
def test_a_length_with_the_highest_bit_is_refused(length: int) -> None:
    """The RFC forbids it; it would be negative for many others on the way."""
    assert refusal(head(8, BINARY, length)) == PROTOCOL_ERROR


@pytest.mark.parametrize("length", [LIMIT + 1, (1 << 63) - 1])
def test_a_message_over_the_limit_is_refused_by_its_header(length: int) -> None:
    """Nothing of it may be kept first: the header alone says that it is too much."""
    assert refusal(head(8, BINARY, length, mask=b"")) == TOO_BIG


def test_a_message_of_exactly_the_limit_arrives() -> None:
    """The limit is documented as what is still accepted."""
    assert read(masked(BINARY, bytes(SMALL)), limit=SMALL) == [Frame(BINARY, bytes(SMALL))]
    assert refusal(masked(BINARY, bytes(SMALL + 1)), limit=SMALL) == TOO_BIG


def test_fragments_over_the_limit_together_are_refused_by_the_last_ones_header() -> None:
    """Each is small enough: without the sum, fragments would be the way around the limit."""
    begun = masked(BINARY, bytes(SMALL - 10), fin=False) + masked(CONTINUATION, bytes(10), fin=False)
    assert refusal(begun + head(0, CONTINUATION, 1, mask=b""), limit=SMALL) == TOO_BIG


def test_a_message_in_fragments_of_exactly_the_limit_arrives() -> None:
    """The same message in one frame is accepted too."""
    sent = masked(BINARY, bytes(SMALL - 10), fin=False) + masked(CONTINUATION, bytes(10))
    assert read(sent, limit=SMALL) == [Frame(BINARY, bytes(SMALL))]


def test_a_message_has_the_whole_limit_after_one_in_fragments() -> None:
    """If the sum went on, a session would be refused after its first few messages."""
    once = masked(BINARY, bytes(SMALL - 10), fin=False) + masked(CONTINUATION, bytes(10))
    assert read(once + once + masked(BINARY, bytes(SMALL)), limit=SMALL) == [Frame(BINARY, bytes(SMALL))] * 3


def test_a_ping_between_fragments_does_not_count_towards_their_limit() -> None:
    """It is no part of the message, and is answered at once."""
    sent = masked(BINARY, bytes(SMALL), fin=False) + masked(PING, bytes(125)) + masked(CONTINUATION)
    assert read(sent, limit=SMALL) == [Frame(PING, bytes(125)), Frame(BINARY, bytes(SMALL))]


def test_empty_fragments_without_end_are_refused() -> None:
    """They cost no memory, so no limit of bytes ends them, but each costs time."""
    found, code = heard(masked(TEXT, fin=False), *[masked(CONTINUATION, fin=False)] * 5000)
    assert (found, code) == ([], POLICY)


def test_a_message_of_as_many_frames_as_are_allowed_arrives() -> None:
    """The count begins anew with each message."""
    rest = [masked(CONTINUATION, b"*", fin=False)] * (frames.MAX_FRAGMENTS - 2)
    once = b"".join([masked(TEXT, b"*", fin=False), *rest, masked(CONTINUATION, b"*")])
    assert read(once + once) == [Frame(TEXT, "*" * frames.MAX_FRAGMENTS)] * 2


def test_one_frame_more_than_is_allowed_is_refused_even_if_it_is_the_last() -> None:
    """The limit is the same for each frame of a message."""
    rest = [masked(CONTINUATION, fin=False)] * (frames.MAX_FRAGMENTS - 1)
    assert refusal(masked(TEXT, fin=False), *rest, masked(CONTINUATION)) == POLICY


# What a frame may not be


@pytest.mark.parametrize("rsv", [1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
def test_a_reserved_bit_is_refused(opcode: int, rsv: int) -> None:
    """No extension was negotiated: a compressed message would be taken for noise."""
    assert refusal(masked(opcode, b"", rsv=rsv)) == PROTOCOL_ERROR


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("fin", [True, False])
def test_an_unknown_opcode_is_refused(opcode: int, fin: bool) -> None:
    """What it means is not known, so it cannot be passed over either."""
    assert refusal(masked(opcode, b"x", fin=fin)) == PROTOCOL_ERROR


@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG, CLOSE])
def test_a_frame_without_a_mask_is_refused(opcode: int) -> None:
    """RFC 6455, section 5.1: a server must; the mask is what protects proxies from a page's bytes."""
    assert refusal(masked(opcode, b"", mask=None)) == PROTOCOL_ERROR


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_a_control_frame_in_fragments_is_refused(opcode: int) -> None:
    """It would stand between the fragments of a message that has its own."""
    assert refusal(masked(opcode, fin=False)) == PROTOCOL_ERROR


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
@pytest.mark.parametrize(("form", "length"), [(2, 126), (2, 65535), (8, 65536), (2, 125)])
def test_a_control_frame_of_more_than_125_bytes_is_refused(opcode: int, form: int, length: int) -> None:
    """It is answered from memory at once, so it is small by its form."""
    assert refusal(head(form, opcode, length)) == PROTOCOL_ERROR


@pytest.mark.parametrize("opcode", [PING, PONG])
@pytest.mark.parametrize("payload", [b"", b"\xff\x00", bytes(125)])
def test_a_ping_or_pong_of_any_bytes_arrives(opcode: int, payload: bytes) -> None:
    """Its payload is the peer's own and need not be text."""
    assert read(masked(opcode, payload)) == [Frame(opcode, payload)]


# The order of fragments


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_a_control_frame_between_fragments_comes_first(opcode: int) -> None:
    """A long upload must not hold up the sign of life."""
    sent = [masked(TEXT, b"he", fin=False), masked(opcode), masked(CONTINUATION, b"llo")]
    assert read(*sent) == [Frame(opcode, b""), Frame(TEXT, "hello")]


@pytest.mark.parametrize("fin", [True, False])
def test_a_continuation_without_a_start_is_refused(fin: bool) -> None:
    """There is no opcode that says what it would be part of."""
    assert refusal(masked(CONTINUATION, b"x", fin=fin)) == PROTOCOL_ERROR


@pytest.mark.parametrize("fin", [True, False])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_new_message_inside_a_fragmented_one_is_refused(opcode: int, fin: bool) -> None:
    """Also after an empty first fragment, of which no byte is kept."""
    for begun in (b"", b"x"):
        assert refusal(masked(TEXT, begun, fin=False), masked(opcode, b"y", fin=fin)) == PROTOCOL_ERROR


def test_a_continuation_after_the_last_fragment_is_refused() -> None:
    """The message is over."""
    sent = [masked(TEXT, b"a", fin=False), masked(CONTINUATION, b"b"), masked(CONTINUATION, b"c")]
    assert heard(*sent) == ([Frame(TEXT, "ab")], PROTOCOL_ERROR)


def test_a_message_that_begins_in_a_frame_is_of_that_frames_kind() -> None:
    """The kind of the message before must not stay."""
    text = masked(TEXT, b"a", fin=False) + masked(CONTINUATION)
    binary = masked(BINARY, b"\xff", fin=False) + masked(CONTINUATION)
    assert read(text + binary + text) == [Frame(TEXT, "a"), Frame(BINARY, b"\xff"), Frame(TEXT, "a")]


def test_an_unfinished_message_is_kept() -> None:
    """Even one whose fragments were empty: its decoder may not be given up."""
    decoder = Decoder(LIMIT)
    assert not list(decoder.feed(masked(TEXT, b"", fin=False)))
    assert not decoder.idle


def test_the_first_byte_of_a_frame_is_kept() -> None:
    """A session that gave up its decoder now would read the next byte as a frame's first."""
    decoder = Decoder(LIMIT)
    assert decoder.idle
    assert not list(decoder.feed(b"\x81"))
    assert not decoder.idle


# Text


@pytest.mark.parametrize("text", ["", "κόσμε", "\x00", "\U0010ffff", "�"])
def test_text_of_every_kind_arrives(text: str) -> None:
    """The edges of UTF-8; U+FFFD is a character like any other."""
    assert read(masked(TEXT, text.encode())) == [Frame(TEXT, text)]


@pytest.mark.parametrize(
    "payload",
    [b"\xff", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"ok\x80"],
)
def test_text_that_is_not_utf_8_is_refused(payload: bytes) -> None:
    """Cut short, overlong, a surrogate, beyond Unicode: whoever replaces them hides them from us."""
    assert refusal(masked(TEXT, payload)) == INVALID_TEXT
    assert refusal(masked(TEXT, payload[:1], fin=False), masked(CONTINUATION, payload[1:])) == INVALID_TEXT


def test_a_character_may_be_split_over_fragments() -> None:
    """A fragment is any piece of the bytes: RFC 6455, section 5.6."""
    sent = "a𝄞b".encode()
    for at in range(len(sent) + 1):
        fragments = masked(TEXT, sent[:at], fin=False) + masked(CONTINUATION, sent[at:])
        assert read(fragments) == [Frame(TEXT, "a𝄞b")]


def test_bytes_need_not_be_text() -> None:
    """Whatever the text beside them must be."""
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
    """1005 and 1006 are what a program is told when nothing was sent; the rest mean nothing."""
    assert refusal(close(code)) == PROTOCOL_ERROR


def test_a_close_of_half_a_code_is_refused() -> None:
    """One byte is neither a code nor none."""
    assert refusal(masked(CLOSE, b"\x03")) == PROTOCOL_ERROR


def test_a_close_whose_reason_is_not_utf_8_is_refused() -> None:
    """It ends in a log, as text."""
    assert refusal(close(1000, b"\xff")) == INVALID_TEXT


def test_a_close_of_the_greatest_length_is_accepted() -> None:
    """2 bytes of the code and 123 of the reason."""
    assert read(close(1000, b"*" * 123)) == [Frame(CLOSE, b"\x03\xe8" + b"*" * 123)]


# Errors, and who reads on


@pytest.mark.parametrize("between", [b"", masked(PING, b"!")])
def test_what_came_before_an_error_still_arrives(between: bytes) -> None:
    """A client's last message counts, even if it came in one piece with a broken one."""
    found, code = heard(masked(TEXT, b"last words") + between + masked(3) + masked(TEXT, b"never"))
    assert found[0] == Frame(TEXT, "last words")
    assert found[1:] == read(between)
    assert code == PROTOCOL_ERROR


def test_an_error_says_why() -> None:
    """Its reason goes to the peer and to the log."""
    with pytest.raises(FrameError, match="without a mask") as caught:
        read(masked(TEXT, b"", mask=None))
    assert caught.value.reason == str(caught.value)


def test_the_rest_after_a_frame_is_given_up() -> None:
    """A probe ends with a frame; what follows it is the session's, and must not be lost."""
    decoder = Decoder(LIMIT)
    follows = masked(TEXT, b"42[]") + b"\x81"
    assert next(decoder.feed(masked(TEXT, b"5") + follows)) == Frame(TEXT, "5")
    assert decoder.rest() == follows
    assert decoder.rest() == b""
    assert decoder.idle


# What is sent


@given(st.lists(st.tuples(st.sampled_from([TEXT, BINARY]), st.binary(max_size=300)), max_size=6))
def test_frames_that_were_joined_come_apart_as_they_were(sent: list[tuple[int, bytes]]) -> None:
    """A long-polling answer is made of the frames that a WebSocket would have been written."""
    assert list(frames.split(b"".join(frames.encode(*frame) for frame in sent))) == sent


@pytest.mark.parametrize(
    ("length", "header"),
    [
        (0, "8200"), (1, "8201"), (125, "827d"), (126, "827e007e"), (127, "827e007f"),
        (65535, "827effff"), (65536, "827f0000000000010000"),
    ],
)  # fmt: skip
def test_a_frame_that_is_sent_has_the_shortest_length_and_no_mask(length: int, header: str) -> None:
    """A browser closes the connection over either."""
    sent = frames.encode(BINARY, bytes(length))
    assert sent == bytes.fromhex(header) + bytes(length)
    assert list(frames.split(sent)) == [(BINARY, bytes(length))]


def test_a_close_that_is_sent_has_its_code_and_reason() -> None:
    """It is all that a client's developer sees of why."""
    assert frames.encode_close(1008, "no") == b"\x88\x04\x03\xf0no"
    assert frames.encode_close(1000) == b"\x88\x02\x03\xe8"


@pytest.mark.parametrize(("reason", "kept"), [("x" * 123, 123), ("x" * 500, 123), ("x" + "é" * 100, 123)])
def test_a_long_reason_is_cut_to_what_a_control_frame_holds(reason: str, kept: int) -> None:
    """A longer control frame is one that no peer accepts."""
    (_, payload), *_ = frames.split(frames.encode_close(1000, reason))
    assert len(payload) == 2 + kept


@given(st.text("aé€𝄞", min_size=100, max_size=200))
def test_a_reason_is_cut_between_characters(reason: str) -> None:
    """Half a character is no UTF-8, and the peer would call our close a fault."""
    (opcode, payload), *others = frames.split(frames.encode_close(4008, reason))
    assert (opcode, others) == (CLOSE, [])
    assert reason.startswith(payload[2:].decode())
    assert len(payload) <= 125


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_our_own_close_is_one_that_we_would_accept(reason: str) -> None:
    """The codes and reasons that the gateway sends obey the rules that it asks of others."""
    (_, payload), *_ = frames.split(frames.encode_close(4008, reason))
    assert read(masked(CLOSE, payload)) == [Frame(CLOSE, payload)]
