"""What `@socket.io/redis-emitter` publishes is read as a Node server reads it; everything else is refused."""

import contextlib
import json
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_bus import BadRecord
from queuecast_bus.bounds import MAX_NESTING
from queuecast_bus.command import Verb
from queuecast_bus.manager import dump_arguments
from queuecast_gateway.wire.emission import Emission, Request, Unsupported
from queuecast_gateway.wire.node_message import read_node_message

LARGEST = 10_000

# What @socket.io/redis-emitter 5.1.0 (notepack.io 3.0.1) published on Node 20, for the calls in the ids.
RECORDED = [
    pytest.param(
        "socket.io#/#",
        "93a7656d697474657283a47479706502a46461746193a1650181a16194c3c0cb3ff8000000000000a5c3bce29895a36e"
        "7370a12f83a5726f6f6d7390a5666c61677380a665786365707490",
        Emission("e", (1, {"a": [True, None, 1.5, "ü☕"]}), "/"),
        id='emit("e", 1, {a: [true, null, 1.5, "ü☕"]})',
    ),
    pytest.param(
        "socket.io#/#",
        "93a7656d697474657283a47479706502a46461746192a165c401ffa36e7370a12f83a5726f6f6d7392a161a162a5666c"
        "61677380a665786365707491a163",
        Emission("e", (b"\xff",), "/", ("a", "b"), ("c",)),
        id='to("a").to("b").except("c").emit("e", Buffer.from([255]))',
    ),
    pytest.param(
        "socket.io#/shop#a#",
        "93a7656d697474657283a47479706502a4646174619ba165d7ff23863d006b0c1efbcb7ff8000000000000c0ffcf0020"
        "000000000000cf0000000000000000c70cff00000000ffffffffda616280c402010281a17881a179c4017aa23130a36e"
        "7370a52f73686f7083a5726f6f6d7391a161a5666c61677380a665786365707490",
        Emission(
            "e",
            (
                *("2026-11-29T12:47:55.149Z", None, None, -1, 2**53),
                # 1e300 in the call: that is notepack's own mistake.
                0,
                *("1950-01-01T00:00:00.000Z", b"\1\2", {"x": {"y": b"z"}}, "10"),
            ),
            "/shop",
            ("a",),
        ),
        id="dates, NaN, undefined, numbers, typed arrays",
    ),
    pytest.param(
        "socket.io#/#7#",
        "93a7656d697474657283a47479706502a46461746191a16ea36e7370a12f83a5726f6f6d739107a5666c61677382a876"
        "6f6c6174696c65c3a8636f6d7072657373c2a665786365707490",
        Emission("n", (), "/", ("7",)),
        id='to(7).volatile.compress(false).emit("n")',
    ),
]

REQUESTS = [
    (
        "socket.io-request#/#",
        '{"type":2,"opts":{"rooms":["a","b"],"except":[]},"rooms":["c"]}',
        Request(Verb.JOIN, "/", ("a", "b"), (), ("c",)),
    ),
    (
        "socket.io-request#/#",
        '{"type":3,"opts":{"rooms":[],"except":[]},"rooms":["a"]}',
        Request(Verb.LEAVE, "/", (), (), ("a",)),
    ),
    (
        "socket.io-request#/shop#",
        '{"type":4,"opts":{"rooms":[],"except":["x"]},"close":true}',
        Request(Verb.DISCONNECT, "/shop", (), ("x",), whole=True),
    ),
    (
        "socket.io-request#/#",
        '{"type":2,"sid":"sid:1","room":"a"}',
        Request(Verb.JOIN, "/", ("sid:1",), (), ("a",)),
    ),
    (
        "socket.io-request#/#",
        '{"type":4,"sid":"sid:1","close":false}',
        Request(Verb.DISCONNECT, "/", ("sid:1",)),
    ),
]


def read(channel: str, message: bytes, key: str = "socket.io") -> Emission | Request:
    return read_node_message(key, channel.encode(), message, LARGEST)


def packed(*data: Any, packet: dict[str, Any] | None = None, options: dict[str, Any] | None = None) -> bytes:
    """Return an event as emitters write it, with changes."""
    made = {"type": 2, "data": list(data), "nsp": "/", **(packet or {})}
    message: bytes = msgpack.packb(["emitter", made, {"rooms": [], "flags": {}, **(options or {})}])
    return message


@pytest.mark.parametrize(("channel", "message", "expected"), RECORDED)
def test_an_event_is_read_as_the_emitter_meant_it(channel: str, message: str, expected: Emission) -> None:
    """Its arguments as JSON and bytes, the way a Node server sends them on."""
    assert read(channel, bytes.fromhex(message)) == expected


@pytest.mark.parametrize(("channel", "message", "expected"), REQUESTS)
def test_a_request_is_read_as_the_emitter_meant_it(channel: str, message: str, expected: Request) -> None:
    """The last two are those of older emitters, which name one session."""
    assert read(channel, message.encode()) == expected
    assert read(channel, msgpack.packb(json.loads(message))) == expected


def test_an_emitter_with_another_key_is_read_on_its_channels() -> None:
    """The key may hold anything, and a room a number sign."""
    assert read("a#b#/#x#y#", packed("e"), "a#b") == Emission("e", (), "/")


@pytest.mark.parametrize("kind", [0, 1, 5, 6, 7, 99])
def test_a_request_for_nodes_servers_is_told_apart(kind: int) -> None:
    """It is well formed, and nothing that a gateway could answer."""
    with pytest.raises(Unsupported):
        read("socket.io-request#/#", json.dumps({"type": kind, "requestId": "a"}).encode())


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("message", "flaw"),
    [
        (b"", "json"),
        (b"\xc1", "json"),
        (packed("e")[:-1], "json"),
        (packed("e") + b"\0", "json"),
        (b"x" * (LARGEST + 1), "too_large"),
        (b"\xdc\x0d\x06" + b"\x80" * (LARGEST // 3 + 1), "too_large"),
        (b"\x91" * 2_000, "nesting"),
        (packed("e", nested(MAX_NESTING)), "nesting"),
        (packed("e", msgpack.ExtType(5, b"x")), "json"),
        (packed("e", msgpack.Timestamp(2**60)), "json"),
        (packed("e", {b"k": 1}), "json"),
        (packed("e", b"\xd9\x01\xff").replace(b"\xc4\3\xd9\1\xff", b"\xd9\1\xff"), "json"),
        (packed(5), "event_name"),
        (packed(), "fields"),
        (packed("e", packet={"type": 3}), "fields"),
        (packed("e", packet={"type": None}), "fields"),
        (packed("e", packet={"nsp": "/shop"}), "fields"),
        (packed("e", packet={"nsp": 5}), "fields"),
        (packed("e", packet={"data": {"0": "e"}}), "fields"),
        (packed("e", options={"rooms": None}), "fields"),
        (packed("e", options={"rooms": "a"}), "fields"),
        (packed("e", options={"rooms": [["a"]]}), "fields"),
        (packed("e", options={"rooms": [True]}), "fields"),
        (packed("e", options={"except": [None]}), "fields"),
        (msgpack.packb(["emitter", {"type": 2, "data": ["e"]}, {}]), "fields"),
        (msgpack.packb(["emitter", {"type": 2, "data": ["e"]}]), "fields"),
        (msgpack.packb(["emitter", None, None]), "fields"),
        (msgpack.packb(None), "fields"),
    ],
    ids=lambda value: f"{value[:20]!r}" if isinstance(value, bytes) else value,
)
def test_what_is_no_event_is_refused(message: bytes, flaw: str) -> None:
    """Above all, an event whose rooms cannot be read must not become one for everybody."""
    with pytest.raises(BadRecord) as refused:
        read("socket.io#/#", message)
    assert refused.value.flaw == flaw


def test_the_deepest_event_that_clients_can_read_is_read() -> None:
    """The limit is that of all other events, the list of arguments included."""
    emission = read("socket.io#/#", packed("e", nested(MAX_NESTING - 1)))
    assert emission == Emission("e", (nested(MAX_NESTING - 1),), "/")


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "{}",
        "[]",
        '{"type":true}',
        '{"type":"2"}',
        '{"type":2,"opts":{"rooms":[]}}',
        '{"type":2,"opts":{"rooms":[]},"rooms":[]}',
        '{"type":2,"opts":{"rooms":[]},"rooms":"a"}',
        '{"type":2,"opts":{"rooms":[]},"rooms":["a,b"]}',
        '{"type":2,"opts":{"rooms":[]},"rooms":[""]}',
        '{"type":2,"opts":{},"rooms":["a"]}',
        '{"type":2,"opts":null,"rooms":["a"]}',
        '{"type":3,"rooms":["a"]}',
        '{"type":4}',
        '{"type":4,"sid":null}',
        '{"type":4,"opts":{}}',
        '{"type":4,"opts":{"rooms":null}}',
        '{"type":4,"opts":{"rooms":["a"],"except":"b"}}',
        '{"type":4,"opts":{"rooms":["a"]},"rooms":["b"]}',
        json.dumps({"type": 2, "opts": {"rooms": []}, "rooms": [f"{number}" for number in range(101)]}),
    ],
)
def test_what_is_no_request_is_refused(message: str) -> None:
    """A disconnect whose rooms cannot be read must not be one of everybody."""
    with pytest.raises(BadRecord):
        read("socket.io-request#/#", message.encode())


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
    | st.binary(max_size=5),
    lambda values: (
        st.lists(values, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), values, max_size=4)
    ),
    max_leaves=10,
)


@given(st.lists(plain, max_size=4), st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3))
def test_every_value_of_json_and_bytes_arrives_unchanged(arguments: list[Any], rooms: list[str]) -> None:
    """Whatever an application sends."""
    emission = read("socket.io#/#", packed("e", *arguments, options={"rooms": rooms}))
    assert emission == Emission("e", tuple(arguments), "/", tuple(rooms))


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=3)
    | st.binary(max_size=3)
    | st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=20)),
    lambda values: (
        st.lists(values, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "data", "nsp", "rooms", "except", "opts", "sid"]), values)
    ),
    max_leaves=8,
)
channels = st.sampled_from(
    ["socket.io#/#", "socket.io#/#a#", "socket.io-request#/#", "socket.io#", "socket.io#\xff"]
)


@given(
    channels,
    st.binary(max_size=60) | anything.map(lambda value: msgpack.packb(value, unicode_errors="ignore")),
)
def test_no_message_raises_anything_else(channel: str, message: bytes) -> None:
    """Whoever can publish on the channel cannot end the listener, and what is read can be delivered."""
    try:
        found = read_node_message("socket.io", channel.encode("latin-1"), message, LARGEST)
        if isinstance(found, Emission):
            dump_arguments(found.data)
    except (BadRecord, Unsupported):
        pass


@given(st.binary(max_size=200))
def test_bytes_after_a_good_beginning_raise_nothing_else(rest: bytes) -> None:
    """Random bytes alone seldom get past the first."""
    with contextlib.suppress(BadRecord):
        read("socket.io#/#", packed("e", 1)[:-20] + rest)
