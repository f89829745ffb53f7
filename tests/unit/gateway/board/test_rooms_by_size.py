"""The largest rooms of a replica, and of all replicas together."""

from collections.abc import Mapping
from typing import Any

import pytest

from queuecast_gateway.board import rooms_by_size as module
from queuecast_gateway.board.rooms_by_size import LargestRooms, Room, sums

SESSION = "sid:" + "x" * 20


def table(**rooms: int) -> Mapping[str, Mapping[str | None, list[int]]]:
    """Return python-socketio's table for rooms with so many members."""
    members: dict[str | None, list[int]] = {name: [0] * count for name, count in rooms.items()}
    return {"/": {None: [0] * 99, SESSION: [0], **members}, "/board": {"secret": [0] * 50}}


def listed_rooms(
    table: Mapping[str, Any], namespaces: list[str], named: list[tuple[str, str]]
) -> tuple[list[Room], int]:
    """Look at all rooms; return those that are listed, and how many there are."""
    largest = LargestRooms(table, namespaces)
    for _ in largest.parts():
        pass
    return largest.with_named(named), largest.count


def test_the_largest_rooms_come_first() -> None:
    """Without the room of everyone and those of single sessions, in the namespaces that are asked for."""
    assert listed_rooms(table(a=1, b=3, c=2), ["/"], []) == (
        [Room("/", "b", 3), Room("/", "c", 2), Room("/", "a", 1)],
        3,
    )


def test_only_so_many_rooms_are_listed_and_those_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A room that is among the largest of all replicas may be a small one here."""
    monkeypatch.setattr(module, "MAX_ROOMS", 2)
    rooms, count = listed_rooms(table(a=1, b=3, c=2), ["/"], [("/", "a"), ("/", "b"), ("/", "none")])
    assert rooms == [Room("/", "b", 3), Room("/", "c", 2), Room("/", "a", 1)]
    assert count == 3


def test_a_named_session_is_no_room() -> None:
    """Questions come from other replicas, and cannot ask for more than a list has."""
    assert listed_rooms(table(), ["/"], [("/", SESSION)]) == ([], 0)


def test_not_more_rooms_are_looked_at_than_a_moment_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody else's events wait meanwhile."""
    monkeypatch.setattr(module, "MAX_SCANNED", 2)
    assert listed_rooms(table(a=1, b=3, c=2), ["/"], [])[1] == 2


def test_rooms_may_come_and_go_between_two_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others get their turn after each part: a hundred thousand rooms take a tenth of a second."""
    monkeypatch.setattr(module, "PART", 2)
    rooms: dict[str | None, list[int]] = {name: [0] for name in "abcde"}
    largest = LargestRooms({"/": rooms}, ["/"])
    looks = largest.parts()
    next(looks)
    assert largest.count == 2
    del rooms["d"]
    rooms["f"] = [0, 0]
    assert sum(1 for _ in looks) == 1
    assert [room.name for room in largest.listed] == ["a", "b", "c", "e"]


def test_the_members_of_a_room_on_all_replicas_are_added_up() -> None:
    """By namespace and name; the largest first, then by name."""
    one = [Room("/", "a", 2), Room("/", "b", 1)]
    other = [Room("/", "b", 1), Room("/x", "a", 5)]
    assert sums([one, other]) == [Room("/x", "a", 5), Room("/", "a", 2), Room("/", "b", 2)]
