from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_gateway.protocol import Refusal, accepted, event_fault, refused, room_names

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("data", [["item_removed"], ["item_removed", {"id": 1}, b"x"], ["x" * 256]])
def test_an_event_is_a_list_that_begins_with_a_name(data: Any) -> None:
    """Whatever its arguments are."""
    assert event_fault(data) is None


@pytest.mark.parametrize(
    "data",
    [None, [], {}, "item_removed", 1, [1], [None], [["a"]], [b"a"], ("item_removed",)],
)
def test_what_no_client_sends_is_no_event(data: Any) -> None:
    """python-socketio would fail on it with a traceback per packet."""
    assert event_fault(data) == "payload"


@pytest.mark.parametrize(
    "name", ["", "x" * 257, "connect", "disconnect", "connect_error", "newListener", "removeListener"]
)
def test_an_event_with_a_reserved_name_is_none(name: str) -> None:
    """A forged `disconnect` would run our own handler with a stranger's words."""
    assert event_fault([name, "forged"]) == "event_name"


@given(anything)
def test_any_packet_is_an_event_or_not(data: Any) -> None:
    """It comes from outside: an exception would be a traceback per packet."""
    assert event_fault(data) in (None, "payload", "event_name")


@pytest.mark.parametrize(("argument", "rooms"), [("a", ["a"]), (["a", "b"], ["a", "b"])])
def test_rooms_are_one_name_or_a_list(argument: Any, rooms: list[str]) -> None:
    """`socket.emit("subscribe", "sku:7", ack)` is the promised form."""
    assert room_names(argument) == rooms


@pytest.mark.parametrize(
    "argument",
    [None, 1, {}, [], "", " ", "a,b", "x" * 257, ["a", ""], ["a", 1], ["a", None], [["a"]], b"a"],
)
def test_rooms_that_do_not_exist_are_refused(argument: Any) -> None:
    """With a code that a program can tell from others."""
    with pytest.raises(Refusal) as caught:
        room_names(argument)
    assert caught.value.code == "bad_room"


@given(anything)
def test_any_argument_is_rooms_or_refused(argument: Any) -> None:
    """It comes from outside."""
    try:
        rooms = room_names(argument)
    except Refusal:
        return
    assert rooms
    assert all(isinstance(room, str) for room in rooms)


def test_acknowledgements_have_the_promised_shape() -> None:
    """Browsers' code reads `ok` first, then `rooms` or `error.code`."""
    assert accepted(rooms=["a"]) == {"ok": True, "rooms": ["a"]}
    assert refused("bad_room", "why") == {"ok": False, "error": {"code": "bad_room", "message": "why"}}
    assert Refusal("bad_room", "why").ack() == refused("bad_room", "why")
