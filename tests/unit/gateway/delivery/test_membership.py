"""Which rooms a session is in after a command: watch rooms go with their rooms, and are none of their own."""

from queuecast_bus.command import Command, Target, Verb
from queuecast_gateway.access.grant import EVERY_ROOM, Identity
from queuecast_gateway.delivery.membership import rooms_after
from queuecast_gateway.wire.presence import watch_room

ANYONE = Identity("", EVERY_ROOM)
ROOMS = {"a": "1-0", watch_room("a"): "1-0", watch_room(""): "1-0", "b": "2-0"}


def after(verb: Verb, *rooms: str, most: int = 3) -> tuple[set[str], str]:
    command = Command(verb, "/", Target.ROOM, "a", rooms)
    found, outcome = rooms_after(command, ROOMS, "3-0", ANYONE, most)
    return set(found), outcome


def test_whoever_has_to_leave_a_room_no_longer_watches_it() -> None:
    """The namespace and other rooms stay watched."""
    assert after(Verb.LEAVE, "a") == ({"b", watch_room("")}, "left")
    assert after(Verb.LEAVE, "b") == ({"a", watch_room("a"), watch_room("")}, "left")


def test_watch_rooms_do_not_count_among_a_sessions_rooms() -> None:
    """A page may watch every room that it may be in."""
    assert after(Verb.JOIN, "c")[1] == "joined"
    assert after(Verb.JOIN, "c", "d")[1] == "too_many_rooms"
