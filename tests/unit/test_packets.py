import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_gateway.engine import frames, packets
from queuecast_gateway.engine.packets import MAX_PACKETS, SEPARATOR, BadPacket

characters = st.characters(exclude_categories=["Cs"])
texts = st.text(characters, max_size=40)
attachments = st.binary(max_size=200)
bodies = st.lists(
    texts.map(lambda text: "4" + text.replace(SEPARATOR, "")) | attachments, min_size=1, max_size=8
)


def opened(**changes: object) -> dict[str, object]:
    """Return what a client reads out of the handshake packet."""
    settings = {
        "sid": "a-_Z9",
        "upgrades": ["websocket"],
        "ping_interval": 25.0,
        "ping_timeout": 20.0,
        "max_bytes": 1_000_000,
    }
    sent = packets.opening(**(settings | changes))  # type: ignore[arg-type]
    ((opcode, payload),) = frames.split(sent)
    assert opcode == frames.TEXT
    assert payload[:1] == b"0"
    read: dict[str, object] = json.loads(payload[1:])
    return read


# The handshake


def test_a_client_is_told_all_that_it_needs_to_begin() -> None:
    """The names are the protocol's, and the stock client has no defaults for them."""
    assert opened() == {
        "sid": "a-_Z9",
        "upgrades": ["websocket"],
        "pingInterval": 25000,
        "pingTimeout": 20000,
        "maxPayload": 1_000_000,
    }


@pytest.mark.parametrize(
    ("seconds", "milliseconds"),
    [(0.3, 300), (1.001, 1001), (1.1, 1100), (2.675, 2675), (0.0005, 0), (0.001, 1), (60, 60000)],
)
def test_a_fraction_of_a_second_is_told_in_whole_milliseconds(seconds: float, milliseconds: int) -> None:
    """1.001 * 1000 is a little under 1001, and a client's timer is told a whole number."""
    read = opened(ping_interval=seconds, ping_timeout=seconds)
    assert (read["pingInterval"], read["pingTimeout"]) == (milliseconds, milliseconds)
    assert isinstance(read["pingInterval"], int)


@pytest.mark.parametrize("upgrades", [[], ["websocket"], ["websocket", "webtransport"]])
def test_the_upgrades_are_a_list_even_if_there_are_none(upgrades: list[str]) -> None:
    """The stock client filters it without looking whether it is there."""
    assert opened(upgrades=upgrades)["upgrades"] == upgrades


# Messages


@given(texts)
def test_a_text_message_is_a_text_frame_of_a_message_packet(text: str) -> None:
    """The packet's type comes before its data, in the same frame."""
    assert list(frames.split(packets.message(text))) == [(frames.TEXT, b"4" + text.encode())]


@given(attachments)
def test_an_attachment_is_a_binary_frame_without_a_type(data: bytes) -> None:
    """On a WebSocket, every binary frame is a message: the protocol has no byte for it."""
    assert list(frames.split(packets.message(data))) == [(frames.BINARY, data)]


@pytest.mark.parametrize(
    ("frame", "text"),
    [(packets.CLOSE_FRAME, b"1"), (packets.PING_FRAME, b"2"), (packets.PROBE_ANSWER, b"3probe")],
)
def test_the_frames_that_never_change_are_the_protocols(frame: bytes, text: bytes) -> None:
    """A wrong one would show as a client that leaves after a while."""
    assert list(frames.split(frame)) == [(frames.TEXT, text)]


# The answer to a poll


def test_an_answer_to_a_poll_has_its_packets_in_their_order() -> None:
    """A binary packet is base64 there and marked, as the body is text."""
    sent = packets.message('2["e"]') + packets.message(b"\x00\xff") + packets.PING_FRAME
    assert packets.payload(sent) == '42["e"]\x1ebAP8=\x1e2'


def test_an_answer_of_one_packet_has_no_separator() -> None:
    """The client would take what is behind it for an empty packet, and leave."""
    assert packets.payload(packets.PING_FRAME) == "2"


def test_an_empty_attachment_is_still_a_packet() -> None:
    """The binary event before it waits for as many attachments as it named."""
    assert packets.payload(packets.message(b"")) == "b"
    assert packets.unpack("b") == [b""]


@given(bodies)
def test_what_is_told_in_a_poll_comes_back_from_a_post(said: list[str | bytes]) -> None:
    """Both directions of long-polling have one format."""
    sent = b"".join(packets.message(item[1:] if isinstance(item, str) else item) for item in said)
    assert packets.unpack(packets.payload(sent)) == said


# What a client posts


def test_an_empty_body_is_one_empty_packet() -> None:
    """It is for the session to refuse, like any other packet that is none."""
    assert packets.unpack("") == [""]


def test_an_empty_packet_between_others_is_not_passed_over() -> None:
    """Whoever sends it does not speak the protocol."""
    assert packets.unpack("2\x1e\x1e3") == ["2", "", "3"]


def test_as_many_packets_as_are_allowed_are_unpacked() -> None:
    """The limit is the last number that is accepted."""
    assert packets.unpack(SEPARATOR.join("3" * MAX_PACKETS)) == ["3"] * MAX_PACKETS


@pytest.mark.parametrize("count", [MAX_PACKETS + 1, 100_000])
def test_more_packets_than_are_allowed_are_refused(count: int) -> None:
    """One small request would otherwise cost as much as thousands."""
    with pytest.raises(BadPacket, match="more than"):
        packets.unpack(SEPARATOR.join("3" * count))


@pytest.mark.parametrize("body", ["b!", "bA", "bAA", "bAA=", "bAA==AA==", "bAA ==", "bAA\n==", "bé", "b-_-_"])
def test_an_attachment_that_is_not_base64_is_refused(body: str) -> None:
    """Python's decoder would pass over what it does not know, and hand on other bytes than were sent."""
    with pytest.raises(BadPacket, match="base64"):
        packets.unpack("2\x1e" + body)


@given(attachments)
def test_an_attachment_that_is_cut_short_is_refused_or_shorter(data: bytes) -> None:
    """Never other bytes: what is accepted is a beginning of what was sent."""
    text = base64.b64encode(data).decode()
    try:
        (read,) = packets.unpack("b" + text[:-1])
    except BadPacket:
        return
    assert isinstance(read, bytes)
    assert data.startswith(read)


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("b\x1e="), max_size=60))
def test_any_body_is_unpacked_or_refused(body: str) -> None:
    """Any other exception would answer with status 500, and leave the session as it is."""
    try:
        read = packets.unpack(body)
    except BadPacket:
        return
    assert len(read) == body.count(SEPARATOR) + 1
