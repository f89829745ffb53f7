"""Which records are for which room: found without a search, in bounded memory."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.memory import traced_memory
from tests.unit.replica import entry

from queuecast_bus import Entry
from queuecast_bus.record import Address, offset_key
from queuecast_gateway.delivery import room_index
from queuecast_gateway.delivery.room_index import RoomIndex

ROOMS = ("a", "b", "c")


def index(*entries: Entry, start: str = "0-0", max_bytes: int = 1 << 20) -> RoomIndex:
    made = RoomIndex(("/", "/shop"), max_bytes, start)
    for each in entries:
        made.add([each], each.offset)
    return made


def test_it_finds_the_newest_records_of_a_room() -> None:
    """In the stream's order; a record may be for several rooms, and name one twice."""
    made = index(entry("1-0", "a"), entry("2-0", "b", "a"), entry("3-0", "b"), entry("4-0", "a", "a"))
    assert made.find("/", "a", 10) == ["1-0", "2-0", "4-0"]
    assert made.find("/", "a", 2) == ["2-0", "4-0"]
    assert made.find("/", "a", 10, after="2-0") == ["4-0"]
    assert made.find("/", "a", 10, after="3-7") == ["4-0"]
    assert made.find("/", "nobody", 10) == made.find("/shop", "a", 10) == []


def test_records_for_everybody_and_of_other_namespaces_are_in_no_room() -> None:
    """Probes, canaries and commands have rooms too."""
    made = index(
        entry("1-0"), entry("2-0", "a", namespace="queuecast:probe"), entry("3-0", "a", namespace="/shop")
    )
    assert made.find("/", "a", 10) == []
    assert made.find("/shop", "a", 10) == ["3-0"]
    assert made.find("queuecast:probe", "a", 10) == []


@given(
    st.lists(st.sets(st.sampled_from(ROOMS)), max_size=40),
    st.integers(0, 41),
    st.integers(0, 41),
    st.integers(1, 45),
)
def test_segments_do_not_show(rooms: list[set[str]], split: int, after: int, most: int) -> None:
    """Whether records came one by one or before each other, a look-up finds what a list of them has."""
    entries = [entry(f"{number}-0", *names) for number, names in enumerate(rooms, start=1)]
    split = min(split, len(entries))
    before = room_index.SEGMENT_RECORDS
    room_index.SEGMENT_RECORDS = 3
    try:
        made = index(*entries[split:], start=f"{split}-0")
        made.prepend(index(*entries[:split]))
    finally:
        room_index.SEGMENT_RECORDS = before
    assert made.start == "0-0"
    for room in ROOMS:
        wanted = [each.offset for each in entries[after:] if room in each.address.rooms]
        assert made.find("/", room, most, after=f"{after}-0") == wanted[-most:]


def test_a_gap_drops_everything() -> None:
    """What came before it and what comes after it are no whole, and something was before the rest."""
    made = index(entry("5-0", "a"), start="4-0")
    older = index(entry("3-0", "a"))
    older.is_from_beginning = True
    made.prepend(older)
    assert made.is_from_beginning
    made.begin("9-0")
    made.add([entry("10-0", "a")], "10-0")
    assert made.find("/", "a", 10) == ["10-0"]
    assert (made.start, made.is_from_beginning, made.is_whole) == ("9-0", False, False)
    older = index()
    older.is_from_beginning = True
    made.prepend(older)
    assert not made.is_from_beginning


def test_what_redis_has_no_more_is_forgotten() -> None:
    """The stream is trimmed while the index knows of its records."""
    made = index(entry("1-0", "a"), entry("2-0", "a"), entry("3-0", "a"))
    made.forget("2-0")
    assert made.find("/", "a", 10) == ["3-0"]
    assert (made.start, made.is_whole) == ("2-0", True)


def test_it_takes_no_more_than_it_may() -> None:
    """The oldest records go first, and it says so: what is asked for beyond them is not complete."""
    made = index(*(entry(f"{number}-0", f"room-{number}") for number in range(1, 2_000)), max_bytes=100_000)
    assert made.size <= 100_000
    assert made.is_whole
    assert offset_key(made.start) > (1_000, 0)
    assert made.find("/", "room-1999", 1) == ["1999-0"]
    assert made.find("/", "room-1", 1) == []
    oldest = offset_key(made.start)[0] + 1
    assert made.find("/", f"room-{oldest}", 1) == [f"{oldest}-0"]


@pytest.mark.parametrize(
    "rooms",
    [
        lambda number: ("a",),
        lambda number: (f"sku:{number}",),
        lambda number: (f"{number}".ljust(200, "x"),),
        lambda number: tuple(f"{number}:{n}" for n in range(30)),
    ],
    ids=["one room", "a room each", "long names", "many rooms"],
)
def test_it_counts_what_it_takes(rooms: Callable[[int], tuple[str, ...]]) -> None:
    """Its limit holds whatever is published."""
    made = RoomIndex(("/",), 1 << 40, "0-0")
    with traced_memory() as traced:
        for number in range(2_000):
            offset = f"{1_764_428_400_000 + number}-0"
            made.add([Entry(offset, Address("/", rooms(number)), [])], offset)
        taken = traced()
    assert taken <= 1.1 * made.size
    assert made.size <= 2.5 * taken
