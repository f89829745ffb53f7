import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from socketio.packet import ACK, BINARY_ACK, BINARY_EVENT, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT

from queuecast_bus import BadRecord, Record
from queuecast_bus.names import MAX_BYTES, RESERVED_EVENTS
from queuecast_gateway.engine import frames
from queuecast_gateway.packet import BadPacket, SocketPacket, packet_frames, record_frames

HALF_A_PAIR = '"\\ud800"'
"""JSON can say it, UTF-8 cannot."""

PLACEHOLDER = '{"_placeholder":true,"num":0}'


def placeholders(count: int) -> str:
    """Return the JSON of so many, separated by commas."""
    return ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(count))


characters = st.characters(exclude_categories=["Cs"])
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text(characters, max_size=10)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(characters, max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
event_names = st.text(characters, min_size=1, max_size=20).filter(lambda name: name not in RESERVED_EVENTS)
namespaces = st.just("/") | st.text(characters, max_size=10).map(
    lambda text: "/" + text.replace(",", "").replace("?", "")
)


def decoded(text: str) -> SocketPacket:
    """Return the packet that a client sent. An empty one is as good as any to `decode`."""
    packet = SocketPacket()
    packet.attachment_count = packet.decode(text)
    return packet


def completed(text: str, *attachments: bytes) -> Any:
    """Return the data of a binary packet after its last attachment."""
    packet = decoded(text)
    done = [packet.add_attachment(attachment) for attachment in attachments]
    assert done == [False] * (len(attachments) - 1) + [True]
    return packet.data


def told(sent: bytes) -> list[str | bytes]:
    """Return what a client hears: Socket.IO packets as text, attachments as bytes."""
    heard: list[str | bytes] = []
    for opcode, payload in frames.split(sent):
        if opcode == frames.BINARY:
            heard.append(payload)
        else:
            assert opcode == frames.TEXT
            assert payload[:1] == b"4"
            heard.append(payload[1:].decode())
    return heard


# What a client may send


@pytest.mark.parametrize(
    ("text", "kind", "namespace", "packet_id", "data"),
    [
        ("0", CONNECT, None, None, None),
        ('0{"token":"t"}', CONNECT, None, None, {"token": "t"}),
        ("0{}", CONNECT, None, None, {}),
        ("0/chat", CONNECT, "/chat", None, None),
        ("0/chat,", CONNECT, "/chat", None, None),
        ('0/chat,{"token":"t"}', CONNECT, "/chat", None, {"token": "t"}),
        ("0/chat?a=b,{}", CONNECT, "/chat", None, {}),
        ("0/chat?a=/b", CONNECT, "/chat", None, None),
        ("1", DISCONNECT, None, None, None),
        ("1/chat,", DISCONNECT, "/chat", None, None),
        ('2["e"]', EVENT, None, None, ["e"]),
        ('2["e",1,null,{"a":[]}]', EVENT, None, None, ["e", 1, None, {"a": []}]),
        ('20["e"]', EVENT, None, 0, ["e"]),
        ('2/chat,["e"]', EVENT, "/chat", None, ["e"]),
        ('2/chat,12["e"]', EVENT, "/chat", 12, ["e"]),
        ('2/,["e"]', EVENT, "/", None, ["e"]),
        ('2/1-2,3["e"]', EVENT, "/1-2", 3, ["e"]),
        ('2["é","𝄞"]', EVENT, None, None, ["é", "𝄞"]),
        ('2["e","1-","/a,"]', EVENT, None, None, ["e", "1-", "/a,"]),
        ('2999999999999999["e"]', EVENT, None, 999999999999999, ["e"]),
        (f'2["e",{PLACEHOLDER}]', EVENT, None, None, ["e", {"_placeholder": True, "num": 0}]),
        ("30[]", ACK, None, 0, []),
        ("3/chat,12[1]", ACK, "/chat", 12, [1]),
    ],
)
def test_a_packet_that_the_protocol_allows_is_read(
    text: str, kind: int, namespace: str | None, packet_id: int | None, data: Any
) -> None:
    """These are the forms that stock clients write."""
    packet = decoded(text)
    assert (packet.packet_type, packet.namespace, packet.id) == (kind, namespace, packet_id)
    assert packet.data == data
    assert packet.attachment_count == 0


@pytest.mark.parametrize(
    ("text", "kind", "namespace", "packet_id", "count"),
    [
        (f'51-["e",{PLACEHOLDER}]', BINARY_EVENT, None, None, 1),
        (f'510-["e",{placeholders(10)}]', BINARY_EVENT, None, None, 10),
        (f'52-/chat,12["e",{placeholders(2)}]', BINARY_EVENT, "/chat", 12, 2),
        (f"61-/chat,12[{PLACEHOLDER}]", BINARY_ACK, "/chat", 12, 1),
        (f"61-0[{PLACEHOLDER}]", BINARY_ACK, None, 0, 1),
    ],
)
def test_a_binary_packet_says_how_many_attachments_follow(
    text: str, kind: int, namespace: str | None, packet_id: int | None, count: int
) -> None:
    """They come in frames of their own, and belong to it alone."""
    packet = decoded(text)
    assert (packet.packet_type, packet.namespace, packet.id) == (kind, namespace, packet_id)
    assert packet.attachment_count == count


@pytest.mark.parametrize("text", ['2/chat,12["e",1]', f'52-["e",{placeholders(2)}]', "0/chat,"])
def test_a_packet_that_is_made_of_a_text_is_the_one_that_is_read(text: str) -> None:
    """The server makes it in one step."""
    made, read = SocketPacket(encoded_packet=text), decoded(text)
    assert (made.packet_type, made.namespace, made.id, made.data, made.attachment_count) == (
        read.packet_type, read.namespace, read.id, read.data, read.attachment_count,
    )  # fmt: skip


# What a client may not send


@pytest.mark.parametrize(
    "text",
    [
        # no type, or none that a client sends
        "", "7", "9", "-1", " ", "a", "٢[\"e\"]", "4", "4{}", "41[]", '4"no"', '4{"message":"no"}', '8["e"]',
        # a payload that its type does not have
        "2", "2[]", "2{}", "2[1]", "2null", '2"e"', '2[null,"e"]', '2[["e"]]', "21", "2/chat", "2/chat,",
        "2/chat,1", "0[]", '0"token"', "0[1]", "0false", "1{}", "1[]", '1"why"', "10{}",
        "3[1]", "3", "31", "31{}", '31"x"', "31null", "3/chat,[1]",
        # a name that no event can have
        '2[""]', f'2["{"e" * (MAX_BYTES + 1)}"]', f"2[{HALF_A_PAIR}]", '51-["connect"]',
        # attachments where there are none, none where there are, and too many
        '21-["e"]', '20-["e"]', "31-1[1]", "01-", '5["e"]', '5-["e"]', '50-["e"]', '500-["e"]', '511-["e"]',
        '5999999999-["e"]', '59999999999-["e"]', '5-1-["e"]', '51.0-["e"]', "51-", "51-{}", "51-[]", "51-[1]",
        f"51-[{PLACEHOLDER}]", "61-[1]", "61-", "61-1", "6[1]", "60-1[1]", "611-1[1]", "5٣-[\"e\"]",
        # an id that is none
        '21000000000000000["e"]', f'2{"9" * 100}["e"]', f'2{"9" * 100_000}["e"]', '2-1["e"]', '2+1["e"]',
        '2٣["e"]', '21_0["e"]', '21.0["e"]',
        # no JSON
        '2["e"', '2["e"]]', '2["e",]', "2['e']", '2["e"][1]', '2["e",01]', '2["e",undefined]', '2["e","\n"]',
        '2["e",NaN]', '2["e",Infinity]', '2["e",-Infinity]', "0{", '2\x00["e"]', '2\ufeff["e"]',
        "2" + "[" * 100_000, '0{"a":' + "[" * 100_000, '2["e",' + '{"a":' * 100_000,
        f'2["e",{"9" * 100_000}]',
    ],
    ids=lambda text: ascii(text[:30]),
)  # fmt: skip
def test_a_packet_that_the_protocol_does_not_allow_is_refused(text: str) -> None:
    """The connection is closed for it; whatever else is raised would leave it open and log a traceback."""
    with pytest.raises(BadPacket):
        decoded(text)


@pytest.mark.parametrize("name", sorted(RESERVED_EVENTS))
@pytest.mark.parametrize("form", ['2["{}"]', '2/chat,1["{}",{{}}]', '51-["{}",1]'])
def test_an_event_with_a_reserved_name_is_refused(form: str, name: str) -> None:
    """It would run the application's connect or disconnect handler on forged words."""
    with pytest.raises(BadPacket):
        decoded(form.format(name))


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" + "0" * 400 + ".0"])
def test_a_number_that_no_float_holds_is_refused(number: str) -> None:
    """Read as Infinity and passed on, it would be no JSON: every browser it reaches would disconnect."""
    with pytest.raises(BadPacket):
        decoded(f'2["e",{{"n":[{number}]}}]')


def test_bytes_without_a_packet_before_them_are_refused() -> None:
    """They belong to nothing."""
    with pytest.raises(BadPacket, match="without a packet"):
        SocketPacket(encoded_packet=b"\x00")


@given(st.text(max_size=60) | st.text('0123456-/,?[]{}"_e:.+ \\un', max_size=30))
def test_any_text_is_a_packet_or_refused(text: str) -> None:
    """A client chooses it."""
    try:
        packet = decoded(text)
    except BadPacket:
        return
    assert packet.packet_type in {CONNECT, DISCONNECT, EVENT, ACK, BINARY_EVENT, BINARY_ACK}
    assert (packet.attachment_count > 0) == (packet.packet_type in {BINARY_EVENT, BINARY_ACK})


@given(
    st.from_regex(
        r'[0-6]([0-9]{0,3}-)?(/[a-z?]{0,3},)?[0-9]{0,17}(\["(e|connect)?"(,([0-9]{1,3}|null|NaN|\{\}))?\]|\{\})?',
        fullmatch=True,
    )
)
def test_any_text_that_looks_like_a_packet_is_one_or_refused(text: str) -> None:
    """What is accepted says the same when it is written anew, so no two readers can differ about it."""
    try:
        packet = decoded(text)
    except BadPacket:
        return
    if packet.packet_type in {BINARY_EVENT, BINARY_ACK}:
        return
    again = decoded(SocketPacket(packet.packet_type, packet.data, packet.namespace, packet.id).encode())
    assert (again.packet_type, again.data, again.id) == (packet.packet_type, packet.data, packet.id)
    assert (again.namespace or "/") == (packet.namespace or "/")


# Attachments


def test_attachments_come_to_their_places() -> None:
    """By their number, at any depth."""
    text = '52-["e",{"_placeholder":true,"num":0},{"a":[{"_placeholder":true,"num":1}]},"text"]'
    assert completed(text, b"zero", b"one") == ["e", b"zero", {"a": [b"one"]}, "text"]


def test_an_empty_attachment_counts() -> None:
    """An empty file is a file."""
    assert completed(f'51-["e",{PLACEHOLDER}]', b"") == ["e", b""]


@pytest.mark.parametrize("numbers", [[], [0], [0, 0], [1, 0], [0, 1, 1], [0, 1, 0], [1, 1], [0, 2], [1, 2]])
def test_each_attachment_stands_once_and_in_its_order(numbers: list[int]) -> None:
    """One that is named a hundred times would be a hundred attachments to all who are sent it."""
    text = json.dumps(["e", *({"_placeholder": True, "num": number} for number in numbers)])
    with pytest.raises(BadPacket) as refused:
        decoded(f"52-{text}")
    assert refused.value.fault == "attachments", "before any attachment has come"


@pytest.mark.parametrize("value", ["false", "0", '""', "null"])
def test_what_is_no_placeholder_to_anyone_is_an_object(value: str) -> None:
    """An application's own may have such a field."""
    data = completed(f'51-["e",{PLACEHOLDER},{{"_placeholder":{value},"num":0}}]', b"x")
    assert data == ["e", b"x", {"_placeholder": json.loads(value), "num": 0}]


@pytest.mark.parametrize("value", ["1", '"true"', "[0]"])
def test_what_is_a_placeholder_to_some_clients_alone_is_refused(value: str) -> None:
    """python-socketio takes whatever Python calls true for one, and fails on its number."""
    with pytest.raises(BadPacket, match="once"):
        decoded(f'51-["e",{PLACEHOLDER},{{"_placeholder":{value},"num":9}}]')


@pytest.mark.parametrize("number", ["-1", "1", "5", "true", '"0"', "0.0", "null", "[]", "9" * 50])
def test_a_placeholder_of_an_attachment_that_is_not_there_is_refused(number: str) -> None:
    """-1 is the last one to Python, and true is 1: other bytes would be handed on than were meant."""
    with pytest.raises(BadPacket, match="once"):
        decoded(f'51-["e",{{"_placeholder":true,"num":{number}}}]')


def test_a_placeholder_without_a_number_is_refused() -> None:
    """It stands for nothing."""
    with pytest.raises(BadPacket, match="once"):
        decoded('51-["e",{"_placeholder":true}]')


@pytest.mark.parametrize("text", ["", '2["e"]', "x"])
def test_text_in_an_attachments_place_is_refused(text: str) -> None:
    """The packet before it was not finished."""
    packet = decoded(f'51-["e",{PLACEHOLDER}]')
    with pytest.raises(BadPacket, match="text"):
        packet.add_attachment(text)


@pytest.mark.parametrize("depth", [10, 100, 400, 600, 800, 950])
@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
def test_a_binary_packet_nested_deeply_is_filled_in_or_refused(opened: str, closed: str, depth: int) -> None:
    """What the JSON decoder could still read must not end in a RecursionError later."""
    try:
        packet = decoded(f'51-["e",{opened * depth}{PLACEHOLDER}{closed * depth}]')
        complete = packet.add_attachment(b"x")
    except BadPacket:
        return
    assert complete


# What the server sends


def test_a_packet_is_one_text_frame() -> None:
    """With the type that Engine.IO gives a message."""
    packet = SocketPacket(EVENT, data=["e", 1], namespace="/chat", id=3)
    assert told(packet_frames(packet)) == ['2/chat,3["e",1]']


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
def test_every_type_of_packet_is_written_as_the_protocol_says(packet: SocketPacket, text: str) -> None:
    """The strictness is for what comes in: a server sends errors, too, which a client may not."""
    assert told(packet_frames(packet)) == [text]


def test_attachments_follow_their_packet() -> None:
    """In their order, each in a binary frame."""
    packet = SocketPacket(EVENT, data=["e", b"\x00", {"a": b"\xff"}])
    text, *attachments = told(packet_frames(packet))
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
def test_what_is_sent_is_read_as_it_was_meant(
    name: str, arguments: list[Any], namespace: str, packet_id: int | None
) -> None:
    """The two directions of the codec are the same language."""
    data = [name, *arguments]
    text, *attachments = told(packet_frames(SocketPacket(EVENT, data, namespace, packet_id)))
    assert isinstance(text, str)
    read = decoded(text)
    for attachment in attachments:
        read.add_attachment(attachment)
    assert ((read.namespace or "/"), read.id, read.data) == (namespace, packet_id, data)


# A record as an event


@pytest.mark.parametrize(
    ("record", "heard"),
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
def test_a_record_is_written_as_its_event(record: Record, heard: list[str | bytes]) -> None:
    """Its arguments stay the text that the producer wrote: numbers keep their form."""
    assert told(record_frames(record)) == heard


@pytest.mark.parametrize(
    ("record", "heard"),
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
def test_the_offset_is_the_last_argument(record: Record, heard: list[str | bytes]) -> None:
    """The stock client takes it from there, also where there are no arguments or binary ones."""
    assert told(record_frames(record, "7-1")) == heard


@given(event_names, st.lists(values, max_size=4), namespaces, st.sampled_from([None, 0, 2]), st.booleans())
def test_a_record_is_heard_as_the_producer_meant_it(
    name: str, arguments: list[Any], namespace: str, indent: int | None, escaped: bool
) -> None:
    """Whatever JSON writer the producer has, with or without spaces, lines and escapes."""
    text = json.dumps(arguments, indent=indent, ensure_ascii=escaped)
    (heard,) = told(record_frames(Record(name, text.encode(), namespace)))
    assert isinstance(heard, str)
    packet = decoded(heard)
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
def test_arguments_that_are_no_list_of_values_are_a_bad_record(arguments: bytes) -> None:
    """It is skipped; any other exception would end the delivery of every record on this replica."""
    with pytest.raises(BadRecord):
        record_frames(Record("e", arguments))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_arguments_that_are_not_plain_utf_8_are_a_bad_record(encoding: str) -> None:
    """Python's JSON reader guesses the encoding of bytes, and the text is written on as it is."""
    with pytest.raises(BadRecord):
        record_frames(Record("e", "[1]".encode(encoding)))


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity"])
def test_arguments_that_only_python_can_read_are_a_bad_record(number: bytes) -> None:
    """A browser fails on the whole packet and disconnects, and all that are in the room do so at once."""
    with pytest.raises(BadRecord):
        record_frames(Record("e", b'[{"a":' + number + b"}]"))


@pytest.mark.parametrize("number", [b"1", b"5", b'"0"', b"null", b"-1", b"false", b"-9"])
def test_a_record_whose_placeholder_names_no_attachment_is_a_bad_record(number: bytes) -> None:
    """The stock client calls it an illegal attachment and disconnects."""
    arguments = b'[{"_placeholder":true,"num":' + number + b"}]"
    with pytest.raises(BadRecord):
        record_frames(Record("e", arguments, attachments=(b"x",)))
