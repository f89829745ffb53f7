from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_gateway.wire.protocol import Refusal, accepted, invalid_event_reason, refused, room_names

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("data", [["item_removed"], ["item_removed", {"id": 1}, b"x"], ["x" * 256]])
def test_an_event_is_a_list_that_starts_with_a_name(data: Any) -> None:
    """Its arguments may be anything."""
    assert invalid_event_reason(data) is None


@pytest.mark.parametrize(
    "data",
    [None, [], {}, "item_removed", 1, [1], [None], [["a"]], [b"a"], ("item_removed",)],
)
def test_any_other_value_is_not_an_event(data: Any) -> None:
    """python-socketio would log a traceback for each such packet."""
    assert invalid_event_reason(data) == "payload"


@pytest.mark.parametrize(
    "name", ["", "x" * 257, "connect", "disconnect", "connect_error", "newListener", "removeListener"]
)
def test_an_event_with_a_reserved_name_is_refused(name: str) -> None:
    """A forged `disconnect` would call our own handler with the client's arguments."""
    assert invalid_event_reason([name, "forged"]) == "event_name"


@given(anything)
def test_any_packet_is_an_event_or_not(data: Any) -> None:
    """Packets come from outside: an exception would be a traceback for each."""
    assert invalid_event_reason(data) in (None, "payload", "event_name")


@pytest.mark.parametrize(("argument", "rooms"), [("a", ["a"]), (["a", "b"], ["a", "b"])])
def test_rooms_are_one_name_or_a_list(argument: Any, rooms: list[str]) -> None:
    """`socket.emit("subscribe", "sku:7", ack)` is the promised form."""
    assert room_names(argument, 100) == rooms


@pytest.mark.parametrize(
    "argument",
    [None, 1, {}, [], "", " ", "a,b", "x" * 257, ["a", ""], ["a", 1], ["a", None], [["a"]], b"a"],
)
def test_rooms_that_cannot_exist_are_refused(argument: Any) -> None:
    """With a code of their own, for programs."""
    with pytest.raises(Refusal) as caught:
        room_names(argument, 100)
    assert caught.value.code == "bad_room"


@pytest.mark.parametrize("name", ["a", ""])
def test_more_rooms_than_a_session_may_be_in_are_refused(name: str) -> None:
    """Before any name is looked at: a message has room for thousands, valid or not."""
    assert room_names(["a"] * 100, 100)
    with pytest.raises(Refusal) as caught:
        room_names([name] * 101, 100)
    assert caught.value.code == "too_many_rooms"


@given(anything)
def test_any_argument_is_rooms_or_refused(argument: Any) -> None:
    """Arguments come from outside."""
    try:
        rooms = room_names(argument, 100)
    except Refusal:
        return
    assert rooms
    assert all(isinstance(room, str) for room in rooms)


def test_acknowledgements_have_the_promised_shape() -> None:
    """Browser code reads `ok` first, then `rooms` or `error.code`."""
    assert accepted(rooms=["a"]) == {"ok": True, "rooms": ["a"]}
    assert refused("bad_room", "why") == {"ok": False, "error": {"code": "bad_room", "message": "why"}}
    assert Refusal("bad_room", "why").ack() == refused("bad_room", "why")
