"""What an operator sees of who is there."""

from collections.abc import AsyncIterator, Iterable

from queuecast_bus import BusUnavailable
from queuecast_gateway.presence.announcements import Replica
from queuecast_gateway.presence.own_part import INEXACT, NAMELESS, REPLICA_KEY, Part, key_of
from queuecast_gateway.presence.view import MAX_ROOMS, PresenceView


class Parts:
    """The parts of two replicas; counts how often they were read."""

    def __init__(self) -> None:
        self.reads = 0
        self.failing = False
        self.rooms = {
            key_of("/", ""): {"ann": 2, NAMELESS: 1},
            key_of("/", "a"): {"ann": 2, NAMELESS: 1},
            key_of("/", "b"): {NAMELESS: 1},
            REPLICA_KEY: {INEXACT: 4},
        }

    async def __call__(self) -> AsyncIterator[tuple[Replica, Iterable[tuple[str, Part]]]]:
        self.reads += 1
        if self.failing:
            raise BusUnavailable("no answer")
        yield Replica("1", "one"), self.rooms.items()
        yield Replica("2", "two"), [(key_of("/", "a"), {"ann": 1, "bob": 1, NAMELESS: 1, INEXACT: 1})]


async def test_the_largest_rooms_come_first() -> None:
    """With people and sessions, which differ; and no names."""
    assert await PresenceView(Parts()).answer({}) == (
        200,
        {
            "namespaces": [{"namespace": "/", "count": 2, "sessions": 3, "complete": True}],
            "rooms": [
                {"namespace": "/", "room": "a", "count": 4, "sessions": 6, "complete": False},
                {"namespace": "/", "room": "b", "count": 1, "sessions": 1, "complete": True},
            ],
            "rooms_count": 2,
            "sessions_not_counted": 4,
        },
    )


async def test_one_room_is_shown_by_replica() -> None:
    """An unknown room is empty, and an unknown parameter a mistake."""
    view = PresenceView(Parts())
    status, room = await view.answer({"room": "a"})
    assert status == 200
    assert room["replicas"] == [{"replica": "one", "sessions": 3}, {"replica": "two", "sessions": 3}]
    status, room = await view.answer({"room": "a", "namespace": "/shop"})
    assert (status, room["count"], room["replicas"]) == (200, 0, [])
    assert await view.answer({"rom": "a"}) == (
        400,
        {"error": "unknown parameter 'rom': expected namespace and room"},
    )


async def test_so_many_rooms_are_listed() -> None:
    """All are counted."""
    parts = Parts()
    parts.rooms = {key_of("/", f"{number}"): {NAMELESS: 1} for number in range(MAX_ROOMS + 5)}
    _, answer = await PresenceView(parts).answer({})
    assert len(answer["rooms"]) == MAX_ROOMS
    assert answer["rooms_count"] == MAX_ROOMS + 6


async def test_everybody_who_asks_within_a_second_gets_the_same() -> None:
    """An operator's script must not keep Redis busy; without Redis the answer is 503."""
    now, parts = [0.0], Parts()
    view = PresenceView(parts, lambda: now[0])
    for _ in range(3):
        assert (await view.answer({}))[0] == 200
    assert parts.reads == 1
    now[0], parts.failing = 2.0, True
    assert await view.answer({}) == (503, {"error": "no answer"})
