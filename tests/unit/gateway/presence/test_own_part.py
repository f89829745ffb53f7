"""What a replica adds to who is there: numbers that are right whoever comes and goes."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.memory import traced_memory

from queuecast_gateway.presence.own_part import (
    INEXACT,
    NAMELESS,
    REPLICA_KEY,
    OwnPart,
    key_of,
    split_key,
)

ROOM, OTHER = key_of("/", "a"), key_of("/shop", "b")


def nobody() -> list[tuple[str, str]]:
    return []


def own_part(max_rooms: int = 100, max_users: int = 100, limits: list[str] | None = None) -> OwnPart:
    reached: list[Any] = [] if limits is None else limits
    return OwnPart(max_rooms, max_users, reached.append)


def test_a_key_has_a_namespace_and_a_room() -> None:
    """The room of a whole namespace has no name."""
    for namespace, room in (("/", "a"), ("/shop", "sku:7"), ("/", "")):
        assert split_key(key_of(namespace, room)) == (namespace, room)


def test_only_what_has_changed_is_announced() -> None:
    """With the new numbers, 0 for whoever has left; a session counts once."""
    part = own_part()
    for sid, user in (("1", "ann"), ("2", "ann"), ("3", ""), ("3", "")):
        part.enter(ROOM, sid, user, nobody)
    part.enter(OTHER, "1", "ann", nobody)
    assert part.take_changes(1) == {ROOM: {"ann": 2, NAMELESS: 1}}
    assert part.take_changes(9) == {OTHER: {"ann": 1}}
    assert part.take_changes(9) == {}
    part.leave(ROOM, "1")
    part.leave(ROOM, "3")
    part.leave(ROOM, "3")
    part.leave(OTHER, "1")
    assert part.take_changes(9) == {ROOM: {"ann": 1, NAMELESS: 0}, OTHER: {"ann": 0}}
    assert part.part(ROOM) == {"ann": 1}
    assert part.part(OTHER) == {}
    assert list(part.keys()) == [ROOM, REPLICA_KEY]


def test_identities_beyond_the_limit_are_counted_by_session() -> None:
    """And the room's part says that it is not exact, until none is left of them."""
    limits: list[str] = []
    part = own_part(max_users=1, limits=limits)
    for sid, user in (("1", "ann"), ("2", "bob"), ("3", "bob"), ("4", "ann")):
        part.enter(ROOM, sid, user, nobody)
    assert part.part(ROOM) == {"ann": 2, NAMELESS: 2, INEXACT: 2}
    assert limits == ["users"] * 2
    part.leave(ROOM, "2")
    assert part.part(ROOM) == {"ann": 2, NAMELESS: 1, INEXACT: 1}
    part.leave(ROOM, "3")
    assert part.part(ROOM) == {"ann": 2}


def test_sessions_in_rooms_beyond_the_limit_are_only_counted() -> None:
    """Once there is room, the next one that enters brings those that were there before."""
    limits: list[str] = []
    part = own_part(max_rooms=1, limits=limits)
    part.enter(ROOM, "1", "ann", nobody)
    for sid in "23":
        part.enter(OTHER, sid, "bob", nobody)
    assert limits == ["rooms"] * 2
    assert part.part(REPLICA_KEY) == {INEXACT: 2}
    part.leave(OTHER, "2")
    part.leave(ROOM, "1")
    part.enter(OTHER, "4", "eve", lambda: [("3", "bob"), ("4", "eve")])
    assert part.part(OTHER) == {"bob": 1, "eve": 1}
    assert part.part(REPLICA_KEY) == {}
    assert part.take_changes(9)[REPLICA_KEY] == {INEXACT: 0}


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from("ab"), st.integers(0, 9))),
    st.integers(0, 4),
)
def test_whoever_comes_and_goes_the_numbers_are_those_who_are_there(
    steps: list[tuple[bool, str, int]], max_users: int
) -> None:
    """Never less than one of anybody, and as many in all as there are sessions; the changes add up to it."""
    part = own_part(max_users=max_users)
    there: set[tuple[str, int]] = set()
    told: dict[str, dict[str, int]] = {}
    for enters, room, number in steps:
        key = key_of("/", room)
        if enters:
            part.enter(key, f"{number}", f"user-{number % 5}", nobody)
            there.add((key, number))
        else:
            part.leave(key, f"{number}")
            there.discard((key, number))
        if number % 3 == 0:
            for changed, numbers in part.take_changes(9).items():
                told.setdefault(changed, {}).update(numbers)
    for changed, numbers in part.take_changes(9).items():
        told.setdefault(changed, {}).update(numbers)
    for room in "ab":
        key = key_of("/", room)
        numbers = dict(part.part(key))
        assert {user: number for user, number in told.get(key, {}).items() if number} == numbers
        inexact = numbers.pop(INEXACT, 0)
        users = Counter(f"user-{number % 5}" for where, number in there if where == key)
        assert sum(numbers.values()) == sum(users.values())
        assert all(number > 0 for number in numbers.values())
        if not inexact:
            assert numbers == dict(users)
        assert inexact <= numbers.get(NAMELESS, 0)
    if not there:
        assert part.size == 0


def test_its_size_is_about_the_memory_that_it_takes() -> None:
    """The metric and the bound count it. Names of rooms and sessions exist without it."""
    names = [key_of("/", f"room-{number}") for number in range(500)]
    sids = [f"sid:{number:020}" for number in range(500 * 20)]
    with traced_memory() as taken:
        part = own_part(max_rooms=1_000)
        for number, sid in enumerate(sids):
            part.enter(names[number % 500], sid, f"user-{number}", nobody)
        part.take_changes(1_000)
        assert 0.5 < part.size / taken() < 2
