"""Packets of a client: what the protocol allows is decoded, everything else is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from socketio.packet import ACK, BINARY_ACK, BINARY_EVENT, CONNECT, DISCONNECT, EVENT
from tests.unit.gateway.wire.packets import HALF_A_PAIR, PLACEHOLDER, completed, decoded, placeholders

from queuecast_bus.names import MAX_BYTES, RESERVED_EVENTS
from queuecast_gateway.wire.packet import MAX_PACKET_NESTING, BadPacket, SocketPacket

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
        ("2[1]", EVENT, None, None, ["1"]),
        ('2[-2.5,"a"]', EVENT, None, None, ["-2.5", "a"]),
        ('2["é","𝄞"]', EVENT, None, None, ["é", "𝄞"]),
        ('2["e","1-","/a,"]', EVENT, None, None, ["e", "1-", "/a,"]),
        ('2999999999999999["e"]', EVENT, None, 999999999999999, ["e"]),
        (f'2["e",{PLACEHOLDER}]', EVENT, None, None, ["e", {"_placeholder": True, "num": 0}]),
        ("30[]", ACK, None, 0, []),
        ("3/chat,12[1]", ACK, "/chat", 12, [1]),
    ],
)
def test_a_packet_that_the_protocol_allows_is_decoded(
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
    """They come in frames of their own, and belong to that packet alone."""
    packet = decoded(text)
    assert (packet.packet_type, packet.namespace, packet.id) == (kind, namespace, packet_id)
    assert packet.attachment_count == count


@pytest.mark.parametrize("text", ['2/chat,12["e",1]', f'52-["e",{placeholders(2)}]', "0/chat,"])
def test_a_packet_made_from_text_is_the_one_that_is_decoded(text: str) -> None:
    """The server does both in one step."""
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
        # a payload that its type must not have
        "2", "2[]", "2{}", "2[true]", "2null", '2"e"', '2[null,"e"]', '2[["e"]]', "21", "2/chat", "2/chat,",
        "2/chat,1", "0[]", '0"token"', "0[1]", "0false", "1{}", "1[]", '1"why"', "10{}",
        "3[1]", "3", "31", "31{}", '31"x"', "31null", "3/chat,[1]",
        # a name that no event may have
        '2[""]', f'2["{"e" * (MAX_BYTES + 1)}"]', f"2[{HALF_A_PAIR}]", '51-["connect"]',
        # attachments where none are allowed, none where they are needed, and too many
        '21-["e"]', '20-["e"]', "31-1[1]", "01-", '5["e"]', '5-["e"]', '50-["e"]', '500-["e"]', '511-["e"]',
        '5999999999-["e"]', '59999999999-["e"]', '5-1-["e"]', '51.0-["e"]', "51-", "51-{}", "51-[]", "51-[1]",
        f"51-[{PLACEHOLDER}]", "61-[1]", "61-", "61-1", "6[1]", "60-1[1]", "611-1[1]", "5٣-[\"e\"]",
        # an invalid id
        '21000000000000000["e"]', f'2{"9" * 100}["e"]', f'2{"9" * 100_000}["e"]', '2-1["e"]', '2+1["e"]',
        '2٣["e"]', '21_0["e"]', '21.0["e"]',
        # invalid JSON
        '2["e"', '2["e"]]', '2["e",]', "2['e']", '2["e"][1]', '2["e",01]', '2["e",undefined]', '2["e","\n"]',
        '2["e",NaN]', '2["e",Infinity]', '2["e",-Infinity]', "0{", '2\x00["e"]', '2\ufeff["e"]',
        "2" + "[" * 100_000, '0{"a":' + "[" * 100_000, '2["e",' + '{"a":' * 100_000,
        f'2["e",{"9" * 100_000}]',
    ],
    ids=lambda text: ascii(text[:30]),
)  # fmt: skip
def test_a_packet_that_the_protocol_does_not_allow_is_refused(text: str) -> None:
    """The connection is closed. Any other exception would leave it open and log a traceback."""
    with pytest.raises(BadPacket):
        decoded(text)


@pytest.mark.parametrize("name", sorted(RESERVED_EVENTS))
@pytest.mark.parametrize("form", ['2["{}"]', '2/chat,1["{}",{{}}]', '51-["{}",1]'])
def test_an_event_with_a_reserved_name_is_refused(form: str, name: str) -> None:
    """It would call the application's connect or disconnect handler with forged arguments."""
    with pytest.raises(BadPacket):
        decoded(form.format(name))


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" + "0" * 400 + ".0"])
def test_a_number_that_no_float_holds_is_refused(number: str) -> None:
    """Decoded as Infinity and relayed, it would not be JSON: every browser that gets it would disconnect."""
    with pytest.raises(BadPacket):
        decoded(f'2["e",{{"n":[{number}]}}]')


def test_bytes_without_a_packet_before_them_are_refused() -> None:
    """They belong to no packet."""
    with pytest.raises(BadPacket, match="without a packet"):
        SocketPacket(encoded_packet=b"\x00")


@given(st.text(max_size=60) | st.text('0123456-/,?[]{}"_e:.+ \\un', max_size=30))
def test_any_text_is_a_packet_or_refused(text: str) -> None:
    """Clients choose the text."""
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
    """What is accepted stays the same when it is encoded again, so no two decoders can differ about it."""
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


def test_attachments_replace_their_placeholders() -> None:
    """By number, at any depth."""
    text = '52-["e",{"_placeholder":true,"num":0},{"a":[{"_placeholder":true,"num":1}]},"text"]'
    assert completed(text, b"zero", b"one") == ["e", b"zero", {"a": [b"one"]}, "text"]


def test_an_empty_attachment_counts() -> None:
    """An empty file is a file."""
    assert completed(f'51-["e",{PLACEHOLDER}]', b"") == ["e", b""]


@pytest.mark.parametrize("numbers", [[], [0], [0, 0], [1, 0], [0, 1, 1], [0, 1, 0], [1, 1], [0, 2], [1, 2]])
def test_each_attachment_is_used_once_and_in_order(numbers: list[int]) -> None:
    """One that is named a hundred times would be relayed to everyone as a hundred attachments."""
    text = json.dumps(["e", *({"_placeholder": True, "num": number} for number in numbers)])
    with pytest.raises(BadPacket) as refused:
        decoded(f"52-{text}")
    assert refused.value.reason == "attachments", "before any attachment has come"


@pytest.mark.parametrize("value", ["false", "0", '""', "null"])
def test_an_object_that_no_client_takes_for_a_placeholder_is_an_object(value: str) -> None:
    """An application's own data may have such a field."""
    data = completed(f'51-["e",{PLACEHOLDER},{{"_placeholder":{value},"num":0}}]', b"x")
    assert data == ["e", b"x", {"_placeholder": json.loads(value), "num": 0}]


@pytest.mark.parametrize("value", ["1", '"true"', "[0]"])
def test_an_object_that_only_some_clients_take_for_a_placeholder_is_refused(value: str) -> None:
    """python-socketio accepts any value that is truthy in Python, and fails on its number."""
    with pytest.raises(BadPacket, match="once"):
        decoded(f'51-["e",{PLACEHOLDER},{{"_placeholder":{value},"num":9}}]')


@pytest.mark.parametrize("number", ["-1", "1", "5", "true", '"0"', "0.0", "null", "[]", "9" * 50])
def test_a_placeholder_of_a_missing_attachment_is_refused(number: str) -> None:
    """To Python, -1 is the last one and true is 1: the wrong attachment would be relayed."""
    with pytest.raises(BadPacket, match="once"):
        decoded(f'51-["e",{{"_placeholder":true,"num":{number}}}]')


def test_a_placeholder_without_a_number_is_refused() -> None:
    """It names no attachment."""
    with pytest.raises(BadPacket, match="once"):
        decoded('51-["e",{"_placeholder":true}]')


@pytest.mark.parametrize("text", ["", '2["e"]', "x"])
def test_text_in_place_of_an_attachment_is_refused(text: str) -> None:
    """The packet before it is not complete."""
    packet = decoded(f'51-["e",{PLACEHOLDER}]')
    with pytest.raises(BadPacket, match="text"):
        packet.add_attachment(text)


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
def test_nesting_ends_at_the_same_depth_on_every_python(opened: str, closed: str) -> None:
    """From Python 3.12 on, its own JSON parser accepts ten times and more what earlier ones did."""
    deepest = MAX_PACKET_NESTING - 1  # in the list of arguments
    assert decoded(f'2["e",{opened * deepest}1{closed * deepest}]').data[0] == "e"
    with pytest.raises(BadPacket, match="deeper") as refusal:
        decoded(f'2["e",{opened * (deepest + 1)}1{closed * (deepest + 1)}]')
    assert refusal.value.reason == "nesting"


@pytest.mark.parametrize("depth", [10, 100, 400, 600, 800, 950])
@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
def test_a_binary_packet_nested_deeply_is_filled_in_or_refused(opened: str, closed: str, depth: int) -> None:
    """What the JSON decoder accepts must not raise RecursionError later."""
    try:
        packet = decoded(f'51-["e",{opened * depth}{PLACEHOLDER}{closed * depth}]')
        complete = packet.add_attachment(b"x")
    except BadPacket:
        return
    assert complete
