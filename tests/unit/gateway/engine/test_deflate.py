"""permessage-deflate, RFC 7692: what is agreed on, what is compressed, and how messages are inflated."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import NegotiationError
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.frames import Frame as PeerFrame
from websockets.frames import Opcode
from websockets.headers import build_extension, parse_extension

from queuecast_gateway.engine import deflate
from queuecast_gateway.engine.deflate import Deflater, inflate, negotiate
from queuecast_gateway.engine.frames import (
    BINARY,
    COMPRESSED,
    PROTOCOL_ERROR,
    TEXT,
    TOO_BIG,
    FrameError,
    encode,
    split,
)
from queuecast_gateway.engine.refusals import Refused

AGREED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
TAIL = b"\x00\x00\xff\xff"
LIMIT = 1_000
TOKENS = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def peer() -> PerMessageDeflate:
    """Return another implementation of the extension, as a client that keeps no context."""
    return PerMessageDeflate(
        remote_no_context_takeover=True,
        local_no_context_takeover=True,
        remote_max_window_bits=15,
        local_max_window_bits=15,
    )


def raw(data: bytes, level: int = 6, bits: int = 15, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    """Return data as a client compresses it."""
    stream = zlib.compressobj(level, zlib.DEFLATED, -bits, 8, strategy)
    return (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


# Negotiation


@pytest.mark.parametrize(
    "offers",
    [
        pytest.param("permessage-deflate", id="Firefox"),
        pytest.param("permessage-deflate; client_max_window_bits", id="Chromium and Node"),
        pytest.param("permessage-deflate; server_no_context_takeover; client_no_context_takeover", id="Go"),
        pytest.param("permessage-deflate;client_max_window_bits=8", id="a client with a small window"),
        pytest.param('permessage-deflate ; client_max_window_bits="1\\5"', id="a quoted value"),
        pytest.param(", permessage-deflate , ", id="empty elements of the list"),
        pytest.param("x-webkit-deflate-frame, permessage-deflate", id="after an unknown extension"),
        pytest.param(
            "permessage-deflate; server_max_window_bits=10, permessage-deflate; client_max_window_bits",
            id="the second offer, as the first one cannot be honoured",
        ),
        pytest.param(
            "permessage-deflate, permessage-deflate; server_max_window_bits=15", id="the first of two"
        ),
    ],
)
def test_an_offer_is_accepted_without_context_in_either_direction(offers: str) -> None:
    """So that one compressed frame serves everyone, and a connection needs no memory for it."""
    assert negotiate(offers) == AGREED


def test_the_largest_window_is_confirmed_when_it_is_asked_for() -> None:
    """A server that accepts the parameter has to answer it: RFC 7692, section 7.1.2.1."""
    assert (
        negotiate("permessage-deflate; server_max_window_bits=15") == f"{AGREED}; server_max_window_bits=15"
    )


@pytest.mark.parametrize(
    "offers",
    [
        "permessage-bzip2",
        "Permessage-Deflate",
        "permessage-deflate; server_max_window_bits=14",
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=015",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=09",
        'permessage-deflate; client_max_window_bits="016"',
        "permessage-deflate; client_max_window_bits=x",
        "permessage-deflate; client_no_context_takeover=1",
        "permessage-deflate; server_no_context_takeover=true",
        "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; level=9",
    ],
)
def test_an_offer_that_is_invalid_or_cannot_be_honoured_is_declined(offers: str) -> None:
    """The connection then works without compression: RFC 7692, section 7.1."""
    assert negotiate(offers) == ""


@pytest.mark.parametrize(
    "offers",
    [
        ",",
        ";",
        "permessage-deflate;",
        "permessage-deflate; =1",
        "permessage-deflate; client_max_window_bits=",
        'permessage-deflate; client_max_window_bits="10',
        'permessage-deflate; client_max_window_bits=""',
        'permessage-deflate; client_max_window_bits="1 0"',
        "permessage-deflate client_max_window_bits",
        "permessage-deflate, a b",
        "permessage-deflate; a/b",
        "permessage-d\xe9flate",
        'permessage-deflate, other; a="b, c"',
    ],
)
def test_a_header_of_another_form_is_refused(offers: str) -> None:
    """RFC 6455, section 9.1, also if an offer before the mistake could be accepted."""
    with pytest.raises(Refused) as refused:
        negotiate(offers)
    assert (refused.value.reason, refused.value.status) == ("bad_request", 400)


def test_a_long_header_takes_time_in_proportion() -> None:
    """Uvicorn accepts heads of 64 KiB; each of these would take minutes if the time grew with the square."""
    for part in (" ", "a;", "a,", ";a=b", '"', '\\"', "a=", "\t;"):
        for end in ("", "@", '"'):
            try:
                negotiate("a" + part * (60_000 // len(part)) + end)
            except Refused:
                continue


parameters = st.dictionaries(
    st.sampled_from(
        [
            "server_no_context_takeover",
            "client_no_context_takeover",
            "server_max_window_bits",
            "client_max_window_bits",
            "other",
        ]
    ),
    st.sampled_from([None, "7", "8", "9", "12", "14", "15", "16", "true"]),
).map(lambda found: list(found.items()))


@given(st.lists(parameters, min_size=1, max_size=4))
def test_what_is_accepted_is_what_another_server_may_accept_and_its_client_understands(
    offered: list[list[tuple[str, str | None]]],
) -> None:
    """The package `websockets` is the reference, for what a valid offer is and for the answer."""
    answer = negotiate(build_extension([("permessage-deflate", each) for each in offered]))
    reference = ServerPerMessageDeflateFactory(True, True)
    valid = []
    for each in offered:
        try:
            reference.process_request_params(each, [])
        except NegotiationError:
            continue
        if dict(each).get("server_max_window_bits", "15") == "15":
            valid.append(each)
    assert bool(answer) == bool(valid)
    if not valid:
        return
    ((name, response),) = parse_extension(answer)
    assert name == "permessage-deflate"
    asked = dict(valid[0]).get("server_max_window_bits")
    client = ClientPerMessageDeflateFactory(server_max_window_bits=int(asked) if asked else None)
    agreed = client.process_response_params(response, [])
    assert agreed.remote_no_context_takeover
    assert agreed.local_no_context_takeover
    assert (agreed.remote_max_window_bits, agreed.local_max_window_bits) == (15, 15)


@given(st.text(TOKENS + ' \t;,="\\@\xe9', max_size=40))
def test_any_header_is_answered_or_refused(offers: str) -> None:
    """Clients choose it; any other exception would leave the connection unanswered."""
    try:
        answer = negotiate(f"permessage-deflate{offers}")
    except Refused:
        return
    assert answer in ("", AGREED, f"{AGREED}; server_max_window_bits=15")


# Frames to a client


def read_by_a_peer(sent: bytes) -> list[tuple[int, bytes]]:
    """Return opcode and payload of the messages in whole frames, as another implementation decodes them."""
    found, at, client = [], 0, peer()
    for opcode, payload in split(sent):
        head = sent[at]
        frame = PeerFrame(Opcode(opcode), payload, fin=True, rsv1=bool(head & COMPRESSED))
        found.append((opcode, bytes(client.decode(frame).data)))
        at += len(encode(opcode, payload))
    assert at == len(sent)
    return found


payloads = st.one_of(
    st.binary(max_size=300),
    st.builds(lambda part, times: part * times, st.binary(max_size=30), st.integers(0, 9_000)),
)


@given(st.lists(st.tuples(st.sampled_from([TEXT, BINARY]), payloads), max_size=6), st.integers(1, 200))
def test_a_peer_reads_what_was_compressed(sent: list[tuple[int, bytes]], least: int) -> None:
    """Whichever message it gets first: each is compressed on its own, and binary ones are too."""
    deflater = Deflater(least)
    frames = [deflater(encode(*each)) for each in sent]
    assert [read_by_a_peer(each)[0] for each in frames] == sent
    assert [read_by_a_peer(each)[0] for each in reversed(frames)] == sent[::-1]
    assert read_by_a_peer(deflater(b"".join(encode(*each) for each in sent))) == sent


def test_the_same_event_is_compressed_the_same_whatever_was_before() -> None:
    """Nothing of one event is in the frames of another: no client could decode it, and none may guess it."""
    deflater = Deflater(10)
    event = encode(TEXT, b'42["item_added",{"secret":"0123456789abcdef"}]' * 3)
    first = deflater(event)
    deflater(encode(TEXT, b'{"secret":"0123456789abcdef"}' * 50))
    assert deflater(event) == first


@pytest.mark.parametrize(("size", "is_compressed"), [(99, False), (100, True), (101, True)])
def test_a_payload_is_compressed_from_the_size_on(size: int, is_compressed: bool) -> None:
    """Below, it would cost more than it saves."""
    sent = Deflater(100)(encode(TEXT, b"x" * size))
    assert bool(sent[0] & COMPRESSED) is is_compressed


def test_what_does_not_become_smaller_stays_the_same_object() -> None:
    """Images and encrypted data: the client is spared the work, and nobody keeps a second copy."""
    sent = encode(BINARY, zlib.compress(bytes(range(256)) * 8, 9)[:200])
    assert Deflater(10)(sent) is sent


def test_each_frame_of_an_event_is_compressed_only_if_that_pays() -> None:
    """A JSON text with an image behind it."""
    text, image = (
        b'451-["a",{"_placeholder":true,"num":0}]' * 9,
        bytes(at * at * 7 % 251 for at in range(90)),
    )
    sent = Deflater(80)(encode(TEXT, text) + encode(BINARY, image))
    assert sent[0] & COMPRESSED
    assert sent.endswith(encode(BINARY, image))
    assert read_by_a_peer(sent) == [(TEXT, text), (BINARY, image)]


# A client's message


@given(
    payloads,
    st.integers(0, 9),
    st.integers(9, 15),
    st.sampled_from([zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY, zlib.Z_FIXED, zlib.Z_RLE]),
)
def test_a_message_is_inflated_however_it_was_compressed(
    data: bytes, level: int, bits: int, strategy: int
) -> None:
    """Clients have other libraries and settings."""
    assert inflate(raw(data, level, bits, strategy), len(data)) == data


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param("f248cdc9c90700", id="one block"),
        pytest.param("000500faff48656c6c6f00", id="not compressed"),
        pytest.param("f348cdc9c9070000", id="a last block"),
        pytest.param("f248050000 00ffffcac9c90700", id="two blocks"),
    ],
)
def test_the_examples_of_the_rfc_are_inflated(payload: str) -> None:
    """RFC 7692, section 7.2.3: ways to say "Hello"."""
    assert inflate(bytes.fromhex(payload), 5) == b"Hello"


def test_an_empty_message_is_inflated() -> None:
    """Ways to compress nothing: RFC 7692, section 7.2.3.6, Chromium's, and that of a flush without input."""
    assert inflate(b"\x00", 5) == inflate(b"\x02\x00", 5) == inflate(b"", 5) == b""


@given(st.integers(1, LIMIT), st.integers(0, 5), st.integers(0, 9))
def test_a_message_has_at_most_the_allowed_bytes(limit: int, more: int, level: int) -> None:
    """The limit is on what a handler gets, and no byte more is ever made."""
    payload = raw(b"a" * (limit + more), level)
    if not more:
        assert len(inflate(payload, limit)) == limit
        return
    with pytest.raises(FrameError) as refused:
        inflate(payload, limit)
    assert (refused.value.code, refused.value.reason) == (TOO_BIG, "too_big")


def test_of_too_large_a_message_one_byte_too_many_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a few bytes could take any amount of memory."""
    made: list[int] = []

    class Stream:
        def decompress(self, data: bytes, max_length: int) -> bytes:
            made.append(max_length)
            return bytes(max_length)

    monkeypatch.setattr(deflate.zlib, "decompressobj", lambda _: Stream())
    with pytest.raises(FrameError):
        inflate(b"\x00", LIMIT)
    assert made == [LIMIT + 1]


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"\xff\xff", id="a block type that does not exist"),
        pytest.param(raw(b"Hello" * 9) + TAIL, id="with the tail that belongs off"),
        pytest.param(raw(b"Hello" * 9)[:-2], id="truncated"),
        pytest.param(bytes.fromhex("f348cdc9c90700"), id="a last block without the byte after it"),
        pytest.param(bytes.fromhex("f348cdc9c9070000") + b"more", id="more after a last block"),
    ],
)
def test_what_cannot_be_inflated_closes_the_connection(payload: bytes) -> None:
    """The message is not known, so it cannot be handled."""
    with pytest.raises(FrameError) as refused:
        inflate(payload, LIMIT)
    assert (refused.value.code, refused.value.reason) == (PROTOCOL_ERROR, "frame")


@given(st.binary(max_size=60))
def test_any_payload_is_inflated_or_refused(payload: bytes) -> None:
    """And where the reference inflates it too, to the same message."""
    try:
        message = inflate(payload, LIMIT)
    except FrameError:
        return
    assert len(message) <= LIMIT
    frame = PeerFrame(Opcode.BINARY, payload, fin=True, rsv1=True)
    assert bytes(peer().decode(frame).data) == message


def test_a_truncated_message_is_not_taken_for_a_shorter_one() -> None:
    """Half of an event would be handled as if it were the whole."""
    payload = raw(b'42["item_removed",{"id":7,"why":"sold"}]')
    for length in range(1, len(payload)):
        with pytest.raises(FrameError):
            inflate(payload[:length], LIMIT)
