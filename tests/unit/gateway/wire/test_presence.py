"""How a browser asks who is there, and how it is told."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_bus.names import BadName, check_published_event, check_room
from queuecast_gateway.wire.packet import record_frames
from queuecast_gateway.wire.presence import (
    PRESENCE_EVENT,
    count_frames,
    is_watch_room,
    presence_record,
    read_presence,
    room_of,
    watch_room,
)
from queuecast_gateway.wire.protocol import Refusal


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (None, (None, None)),
        ({"last": 5}, (None, {"last": 5})),
        ({"presence": True}, (True, None)),
        ({"presence": False, "last": 5}, (False, {"last": 5})),
        ("presence", (None, "presence")),
    ],
)
def test_presence_is_one_of_the_options(options: Any, expected: Any) -> None:
    """The others are read by those whom they concern."""
    assert read_presence(options) == expected


@pytest.mark.parametrize("value", [1, 0, None, "true", [], {}])
def test_presence_is_true_or_false(value: Any) -> None:
    """Anything else is a mistake that is named."""
    with pytest.raises(Refusal, match="presence: expected true or false") as refusal:
        read_presence({"presence": value})
    assert refusal.value.code == "bad_options"


def test_nobody_can_name_a_watch_room_or_publish_the_event() -> None:
    """Neither a browser nor a message."""
    assert room_of(watch_room("a")) == room_of("a") == "a"
    assert is_watch_room(watch_room(""))
    assert not is_watch_room("presence")
    with pytest.raises(BadName):
        check_room(watch_room("a"))
    with pytest.raises(BadName):
        check_published_event(PRESENCE_EVENT)


def told(users: list[str] | None, max_bytes: int = 100, room: str = "a") -> dict[str, Any]:
    record, is_cut = presence_record("/", room, 3, users, max_bytes, is_complete=True)
    assert record.event == PRESENCE_EVENT
    assert PRESENCE_EVENT.encode() in record_frames(record)
    (said,) = json.loads(record.arguments)
    assert said["complete"] is not is_cut
    return dict(said)


def test_an_event_says_how_many_and_to_some_who() -> None:
    """It has no offset: it is on no stream, and none is replayed."""
    assert told(None) == {"room": "a", "count": 3, "complete": True}
    assert told(["bob", "ann"]) == {"room": "a", "count": 3, "users": ["ann", "bob"], "complete": True}
    assert told(None, room="")["room"] is None


@given(
    st.sampled_from(["/", "/shop"]),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.integers(0),
    st.booleans(),
)
def test_an_event_without_users_is_the_same_packet(
    namespace: str, room: str, count: int, is_complete: bool
) -> None:
    """It is written in a shorter way, since most are of this kind."""
    record, _ = presence_record(namespace, room, count, None, 100, is_complete=is_complete)
    assert count_frames(namespace, room, count, is_complete=is_complete) == record_frames(record)


def test_an_event_is_bounded() -> None:
    """Whoever is left out still counts."""
    said = told([f"user-{number}" for number in range(30)], max_bytes=100)
    assert 5 < len(said["users"]) < 12
    assert not said["complete"]
    assert told(["é" * 60], max_bytes=100) == {"room": "a", "count": 3, "users": [], "complete": False}
