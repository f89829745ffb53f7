import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_gateway.engine import frames, packets
from queuecast_gateway.engine.packets import MAX_ANSWERED, SEPARATOR, BadPacket

characters = st.characters(exclude_categories=["Cs"])
texts = st.text(characters, max_size=40)
attachments = st.binary(max_size=200)
bodies = st.lists(
    texts.map(lambda text: "4" + text.replace(SEPARATOR, "")) | attachments, min_size=1, max_size=8
)


def opened(**changes: object) -> dict[str, object]:
    """Return what a client reads in the handshake packet."""
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


def unpacked(body: str) -> list[str | bytes]:
    return list(packets.unpack(body))


# The handshake


def test_the_handshake_has_all_that_a_client_needs() -> None:
    """The protocol defines the names, and the stock client has no defaults."""
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
def test_a_fraction_of_a_second_is_sent_in_whole_milliseconds(seconds: float, milliseconds: int) -> None:
    """1.001 * 1000 is a little under 1001, and a client's timer needs a whole number."""
    read = opened(ping_interval=seconds, ping_timeout=seconds)
    assert (read["pingInterval"], read["pingTimeout"]) == (milliseconds, milliseconds)
    assert isinstance(read["pingInterval"], int)


@pytest.mark.parametrize("upgrades", [[], ["websocket"], ["websocket", "webtransport"]])
def test_the_upgrades_are_a_list_even_if_there_are_none(upgrades: list[str]) -> None:
    """The stock client filters it without checking that it is there."""
    assert opened(upgrades=upgrades)["upgrades"] == upgrades


# Messages


@given(texts)
def test_a_text_message_is_a_text_frame_of_a_message_packet(text: str) -> None:
    """The packet's type comes before its data, in the same frame."""
    assert list(frames.split(packets.message(text))) == [(frames.TEXT, b"4" + text.encode())]


@given(attachments)
def test_an_attachment_is_a_binary_frame_without_a_type(data: bytes) -> None:
    """On a WebSocket, every binary frame is a message, so the protocol needs no type."""
    assert list(frames.split(packets.message(data))) == [(frames.BINARY, data)]


@pytest.mark.parametrize(
    ("frame", "text"),
    [(packets.CLOSE_FRAME, b"1"), (packets.PING_FRAME, b"2"), (packets.PROBE_ANSWER, b"3probe")],
)
def test_the_constant_frames_are_right(frame: bytes, text: bytes) -> None:
    """With a wrong one, clients would disconnect after a while."""
    assert list(frames.split(frame)) == [(frames.TEXT, text)]


# The answer to a GET


def test_an_answer_has_its_packets_in_order() -> None:
    """A binary packet is marked base64, because the body is text."""
    sent = packets.message('2["e"]') + packets.message(b"\x00\xff") + packets.PING_FRAME
    assert packets.payload(sent) == '42["e"]\x1ebAP8=\x1e2'


def test_an_answer_of_one_packet_has_no_separator() -> None:
    """After one, the client would see an empty packet, and disconnect."""
    assert packets.payload(packets.PING_FRAME) == "2"


@pytest.mark.parametrize("count", [0, 1, MAX_ANSWERED, MAX_ANSWERED + 1, 3 * MAX_ANSWERED])
def test_an_answer_has_sixteen_packets_at_most(count: int) -> None:
    """python-engineio's client fails at more; the rest comes with the next answer."""
    events = [packets.message(f"2{'e' * 50 * number}") for number in range(count)]
    answer, rest = packets.first_answer(b"".join(events))
    assert answer == b"".join(events[:MAX_ANSWERED])
    assert rest == b"".join(events[MAX_ANSWERED:])


def test_an_empty_attachment_is_still_a_packet() -> None:
    """The binary event before it waits for all its attachments."""
    assert packets.payload(packets.message(b"")) == "b"
    assert unpacked("b") == [b""]


@given(bodies)
def test_the_formats_of_get_and_post_are_the_same(said: list[str | bytes]) -> None:
    """What one side encodes, the other decodes."""
    sent = b"".join(packets.message(item[1:] if isinstance(item, str) else item) for item in said)
    assert unpacked(packets.payload(sent)) == said


# The body of a POST


def test_an_empty_body_is_one_empty_packet() -> None:
    """The session refuses it, like any other invalid packet."""
    assert unpacked("") == [""]


def test_an_empty_packet_between_others_is_not_ignored() -> None:
    """Its sender does not follow the protocol."""
    assert unpacked("2\x1e\x1e3") == ["2", "", "3"]


def test_any_number_of_packets_is_unpacked() -> None:
    """A client that emits in a loop posts all that fits into the largest payload."""
    assert unpacked(SEPARATOR.join("3" * 50_000)) == ["3"] * 50_000


def test_the_packets_before_one_that_is_refused_are_unpacked() -> None:
    """They were complete when they came, as on a WebSocket."""
    read = packets.unpack("42\x1e43\x1eb!")
    assert [next(read), next(read)] == ["42", "43"]
    with pytest.raises(BadPacket):
        next(read)


@pytest.mark.parametrize(
    "body",
    ["bAQIDBA==", "bAQIDBA==\n", "bAQID\r\nBA==\r\n", "bAQID BA", "bAQIDBA", "bAQIDBA=", "b\tAQIDBA = =\n"],
)
def test_base64_may_have_line_breaks_and_lack_its_padding(body: str) -> None:
    """Java's client breaks lines after 76 characters and ends with a newline. Node and Python read it so."""
    assert unpacked(body) == [b"\x01\x02\x03\x04"]


@given(attachments)
def test_base64_in_lines_and_in_the_alphabet_of_urls_is_read(data: bytes) -> None:
    """Node reads both alphabets."""
    assert unpacked("b" + base64.encodebytes(data).decode()) == [data]
    assert unpacked("b" + base64.urlsafe_b64encode(data).decode()) == [data]


@pytest.mark.parametrize("body", ["b!", "bA", "bA===", "bAA==AA==", "bé", "bAQID*BA==", "bAQ\x00ID"])
def test_an_attachment_that_is_not_base64_is_refused(body: str) -> None:
    """Python's decoder ignores unknown characters by default, and would return other bytes than were sent."""
    with pytest.raises(BadPacket, match="base64"):
        unpacked("2\x1e" + body)


@given(attachments)
def test_an_attachment_that_is_cut_short_is_refused_or_shorter(data: bytes) -> None:
    """Never other bytes: what is accepted is a prefix of what was sent."""
    text = base64.b64encode(data).decode()
    try:
        (read,) = unpacked("b" + text[:-1])
    except BadPacket:
        return
    assert isinstance(read, bytes)
    assert data.startswith(read)


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("b\x1e="), max_size=60))
def test_any_body_is_unpacked_or_refused(body: str) -> None:
    """Any other exception would cause status 500, and leave the session open."""
    try:
        read = unpacked(body)
    except BadPacket:
        return
    assert len(read) == body.count(SEPARATOR) + 1
