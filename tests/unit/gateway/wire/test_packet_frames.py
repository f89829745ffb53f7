"""Packets and records as the frames that a client receives."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from socketio.packet import ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT
from tests.unit.gateway.wire.packets import (
    PLACEHOLDER,
    completed,
    decoded,
    event_names,
    namespaces,
    received,
    values,
)

from queuecast_bus import BadRecord, Record
from queuecast_gateway.wire.packet import SocketPacket, packet_frames, record_frames

# What the server sends


def test_a_packet_is_one_text_frame() -> None:
    """It has the type of an Engine.IO message."""
    packet = SocketPacket(EVENT, data=["e", 1], namespace="/chat", id=3)
    assert received(packet_frames(packet)) == ['2/chat,3["e",1]']


@pytest.mark.parametrize(
    ("packet", "text"),
    [
        (SocketPacket(CONNECT, data={"sid": "s"}), '0{"sid":"s"}'),
        (SocketPacket(CONNECT, data={"sid": "s"}, namespace="/chat"), '0/chat,{"sid":"s"}'),
        (SocketPacket(CONNECT_ERROR, data={"message": "no"}, namespace="/chat"), '4/chat,{"message":"no"}'),
        (SocketPacket(DISCONNECT, namespace="/chat"), "1/chat,"),
        (SocketPacket(ACK, data=[], id=0), "30[]"),
    ],
)
def test_every_type_of_packet_is_encoded_as_the_protocol_says(packet: SocketPacket, text: str) -> None:
    """Only decoding is strict: a server also sends errors, which a client may not."""
    assert received(packet_frames(packet)) == [text]


def test_attachments_follow_their_packet() -> None:
    """In order, each in a binary frame."""
    packet = SocketPacket(EVENT, data=["e", b"\x00", {"a": b"\xff"}])
    text, *attachments = received(packet_frames(packet))
    assert attachments == [b"\x00", b"\xff"]
    assert isinstance(text, str)
    assert text.startswith("52-[")
    assert completed(text, b"\x00", b"\xff") == ["e", b"\x00", {"a": b"\xff"}]


@given(
    event_names,
    st.lists(values | st.binary(max_size=10), max_size=4),
    namespaces,
    st.none() | st.integers(0, 10**15 - 1),
)
def test_encoding_and_decoding_are_inverse(
    name: str, arguments: list[Any], namespace: str, packet_id: int | None
) -> None:
    """Both directions of the codec use one format."""
    data = [name, *arguments]
    text, *attachments = received(packet_frames(SocketPacket(EVENT, data, namespace, packet_id)))
    assert isinstance(text, str)
    read = decoded(text)
    for attachment in attachments:
        read.add_attachment(attachment)
    assert ((read.namespace or "/"), read.id, read.data) == (namespace, packet_id, data)


# A record as an event


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (Record("e", b"[]"), ['2["e"]']),
        (Record("e", b"[1]"), ['2["e",1]']),
        (Record("e", b"[1,[],{}]"), ['2["e",1,[],{}]']),
        (Record("e", b"[[]]"), ['2["e",[]]']),
        (Record("e", b'["]"]'), ['2["e","]"]']),
        (Record("e", b" [ ] "), ['2["e"]']),
        (Record("e", b"\t[\r\n]\n"), ['2["e"]']),
        (Record("e", b" [ 1 , 2 ] "), ['2["e",1 , 2]']),
        (Record("e", b"[1.0,1e2,0.10]"), ['2["e",1.0,1e2,0.10]']),
        (Record("e", b"[1]", "/chat"), ['2/chat,["e",1]']),
        (Record("e", b"[]", "/\xfc"), ['2/\xfc,["e"]']),
        (Record("größe", '["é"]'.encode()), ['2["größe","é"]']),
        (Record('a"b\\\n', b"[1]"), [r'2["a\"b\\\n",1]']),
        (Record("e", b"[" + PLACEHOLDER.encode() + b"]", attachments=(b"\xff",)),
         ['51-["e",' + PLACEHOLDER + "]", b"\xff"]),
        (Record("e", b"[" + PLACEHOLDER.encode() + b"]", "/chat", attachments=(b"",)),
         ['51-/chat,["e",' + PLACEHOLDER + "]", b""]),
        (Record("e", b"[" + PLACEHOLDER.encode() + b"]"), ['2["e",' + PLACEHOLDER + "]"]),
        (Record("e", b"[]", rooms=("r",), skip_sids=("s",), sent_ms=1, redelivered=True), ['2["e"]']),
    ],
    ids=lambda value: repr(value.arguments)[:30] if isinstance(value, Record) else "",
)  # fmt: skip
def test_a_record_is_encoded_as_its_event(record: Record, expected: list[str | bytes]) -> None:
    """Its arguments stay the producer's text, so numbers keep their form."""
    assert received(record_frames(record)) == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (Record("e", b"[]"), ['2["e","7-1"]']),
        (Record("e", b" [ ] "), ['2["e","7-1"]']),
        (Record("e", b"[1,[]]"), ['2["e",1,[],"7-1"]']),
        (Record("e", b"[1]", "/chat"), ['2/chat,["e",1,"7-1"]']),
        (Record("e", b"[" + PLACEHOLDER.encode() + b"]", attachments=(b"\xff",)),
         ['51-["e",' + PLACEHOLDER + ',"7-1"]', b"\xff"]),
    ],
    ids=lambda value: repr(value.arguments)[:30] if isinstance(value, Record) else "",
)  # fmt: skip
def test_the_offset_is_the_last_argument(record: Record, expected: list[str | bytes]) -> None:
    """The stock client takes it from there, even if there are no arguments or binary ones."""
    assert received(record_frames(record, "7-1")) == expected


@given(event_names, st.lists(values, max_size=4), namespaces, st.sampled_from([None, 0, 2]), st.booleans())
def test_a_record_is_received_as_the_producer_wrote_it(
    name: str, arguments: list[Any], namespace: str, indent: int | None, escaped: bool
) -> None:
    """Whichever JSON encoder the producer uses, with or without spaces, line breaks and escapes."""
    text = json.dumps(arguments, indent=indent, ensure_ascii=escaped)
    (encoded,) = received(record_frames(Record(name, text.encode(), namespace)))
    assert isinstance(encoded, str)
    packet = decoded(encoded)
    assert ((packet.namespace or "/"), packet.id, packet.data) == (namespace, None, [name, *arguments])


@pytest.mark.parametrize(
    "arguments",
    [
        b"", b" ", b"{}", b"1", b"null", b'"text"', b"[", b"]", b"[1", b"[1]]", b"[1],[2]", b"[1,]", b"[,]",
        b"['a']", b"\xff", b'["\xff"]', b"[1]\xc2\xa0", b"[\xc2\xa01]", b"[" * 100_000,
        b"[" + b"9" * 100_000 + b"]",
    ],
    ids=lambda text: ascii(text[:20]),
)  # fmt: skip
def test_arguments_that_are_not_a_list_of_values_are_a_bad_record(arguments: bytes) -> None:
    """It is skipped; any other exception would stop the delivery of all records on this replica."""
    with pytest.raises(BadRecord):
        record_frames(Record("e", arguments))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_arguments_that_are_not_plain_utf_8_are_a_bad_record(encoding: str) -> None:
    """Python's JSON decoder guesses the encoding of bytes, and the text is relayed unchanged."""
    with pytest.raises(BadRecord):
        record_frames(Record("e", "[1]".encode(encoding)))


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity"])
def test_arguments_that_only_python_can_decode_are_a_bad_record(number: bytes) -> None:
    """A browser fails on the whole packet and disconnects, and all browsers in the room would at once."""
    with pytest.raises(BadRecord):
        record_frames(Record("e", b'[{"a":' + number + b"}]"))


@pytest.mark.parametrize("number", [b"1", b"5", b'"0"', b"null", b"-1", b"false", b"-9"])
def test_a_record_whose_placeholder_names_no_attachment_is_a_bad_record(number: bytes) -> None:
    """The stock client calls it an illegal attachment and disconnects."""
    arguments = b'[{"_placeholder":true,"num":' + number + b"}]"
    with pytest.raises(BadRecord):
        record_frames(Record("e", arguments, attachments=(b"x",)))
