"""A recovered session gets what was published since it began, and to each room since it joined:
never more.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.replica import ANYONE, BOUNDS, SID, Bench, entry, events, known, texts

from queuecast_bus import Batch, Entries
from queuecast_bus.record import offset_key
from queuecast_gateway.delivery.history import History
from queuecast_gateway.recovery.eligibility import RECOVERIES_AT_ONCE, RECOVERIES_PER_SECOND
from queuecast_gateway.recovery.replay import Bounds, Missed
from queuecast_gateway.recovery.session_state import State


@pytest.mark.parametrize("offset", ["100-0", "50-0", "0-0", "101-0", None])
async def test_nothing_from_before_a_session_began_is_replayed(bench: Bench, offset: str | None) -> None:
    """A client may send any offset; with a new session it would read what others received before it
    connected.
    """
    bench.sessions.known["pid"] = known(offset="101-0")
    back = {} if offset is None else {"offset": offset}
    bench.assert_recovered(await bench.admitted(pid="pid", **back), 102)


async def test_an_offset_from_before_the_session_counts_as_its_beginning(bench: Bench) -> None:
    """A session that is younger than the window cannot have missed anything older."""
    tail = f"{101 + BOUNDS.window_seconds * 1000:.0f}-0"
    bench.sessions.known["pid"] = known(offset="101-0", tail=tail)
    assert (await bench.admitted(pid="pid", offset="1-0")).pid == "pid"


@pytest.mark.parametrize(
    ("joined", "missed"),
    [({"a": "100-0"}, (101, 102)), ({"a": "101-0"}, (101, 102)), ({"a": "102-0"}, (101,)), ({}, (101,))],
)
async def test_nothing_of_a_room_from_before_it_was_joined_is_replayed(
    bench: Bench, joined: dict[str, str], missed: tuple[int, ...]
) -> None:
    """Events that were published to the room before were not for this session."""
    bench.sessions.known["pid"] = known(rooms=joined)
    welcome = await bench.admitted(pid="pid", offset="100-0")
    assert texts(welcome.missed) == events(*missed)


async def test_a_room_keeps_the_offset_at_which_it_was_joined(bench: Bench) -> None:
    """Over any number of recoveries: the next replica gets it too."""
    bench.sessions.known["pid"] = known(rooms={"a": "102-0"}, offset="99-0")
    welcome = await bench.admitted(pid="pid", offset="101-0")
    assert welcome.began == "99-0"
    assert ("expect", "eio", SID, {"a": "102-0"}) in bench.bus.asked


async def test_a_new_session_begins_where_the_replica_is(bench: Bench) -> None:
    """Records that are read while its connect handler runs are for it already, though it is saved later."""
    welcome = await bench.admitted()
    bench.bus.read(entry("104-0"))
    bench.bus.connected["eio", "/"] = SID
    bench.recovery.sessions.opened(SID, "/", welcome, "", "192.0.2.1")
    bench.bus.read(entry("105-0"))
    bench.recovery.sessions.left("eio", "left")
    assert {state.offset for _, _, state in bench.sessions.notes} == {"103-0"}


numbers = st.integers(1, 12)
rooms = st.sampled_from("abc")


@given(
    st.lists(st.lists(rooms, max_size=2, unique=True), min_size=12, max_size=12),
    st.dictionaries(rooms, numbers),
    numbers,
)
def test_what_is_replayed_is_what_would_have_been_delivered(
    published: list[list[str]], joined: dict[str, int], after: int
) -> None:
    """Whichever rooms it joined when, and whatever was published to which room."""
    history = History(1 << 20)
    history.add(Batch("0-0"))
    records = [entry(f"{at}-0", *where) for at, where in enumerate(published, 1)]
    history.add(Batch("12-0", Entries.of(*records)))
    state = State(SID, "/", {room: f"{at}-0" for room, at in joined.items()}, "0-0")
    missed = Missed(state, f"{after}-0", "0-0", ANYONE, Bounds(60, 100, 100_000, 10))
    assert missed.add(history.after(missed.after), history) == []
    expected = [
        at
        for at, where in enumerate(published, 1)
        if at > after and (not where or any(room in joined and at > joined[room] for room in where))
    ]
    assert texts(b"".join(piece.frames for piece in missed.pieces)) == events(*expected)


# How often


def at_age(seconds: float, number: int) -> Any:
    """Return a session of this age that is claimed for the `number`-th time."""
    tail = f"{100_000 + seconds * 1000:.0f}-0"
    return known(offset="100000-0", tail=tail)._replace(number=number)


@pytest.mark.parametrize("seconds", [0, 100, 1_000])
async def test_how_often_a_session_is_recovered_is_limited(bench: Bench, seconds: float) -> None:
    """Each time costs a replay, for a few bytes of the client's."""
    most = round(RECOVERIES_AT_ONCE + RECOVERIES_PER_SECOND * seconds)
    bench.bus.history.begin(f"{100_000 + seconds * 1000:.0f}-0")
    offset = bench.bus.history.position
    bench.sessions.known["pid"] = at_age(seconds, most)
    assert (await bench.admitted("/", ANYONE, pid="pid", offset=offset)).pid == "pid"
    bench.sessions.known["pid"] = at_age(seconds, most + 1)
    assert (await bench.admitted("/", ANYONE, pid="pid", offset=offset)).pid != "pid"
    assert bench.figure("recoveries_total", outcome="too_often") == 1
    assert bench.sessions.verbs("pid")[-1] == "drop", "a new session may be recovered as often again"


async def test_a_session_whose_id_could_be_joined_is_not_recovered(bench: Bench) -> None:
    """An earlier version gave out such ids, and kept no offsets of rooms either."""
    bench.sessions.known["pid"] = known(sid="AAAAAAAAAAAAAAAAAAAA")
    bench.assert_new(await bench.admitted(pid="pid", offset="103-0"), "unknown")


async def test_a_session_is_not_recovered_into_the_room_of_another(bench: Bench) -> None:
    """An earlier version may have saved it so."""
    bench.sessions.known["pid"] = known(rooms={"a": "100-0", SID[:-1] + "B": "100-0"})
    bench.assert_recovered(await bench.admitted(pid="pid", offset="103-0"))


def test_offsets_are_compared_as_numbers() -> None:
    """As text, 9-0 comes after 10-0."""
    state = State(SID, "/", {"a": "10-0"}, "0-0")
    history = History(1 << 20)
    history.add(Batch("8-0"))
    history.add(Batch("11-0", Entries.of(entry("9-0", "a"), entry("11-0", "a"))))
    missed = Missed(state, "8-0", "0-0", ANYONE, BOUNDS)
    missed.add(history.after("8-0"), history)
    assert texts(b"".join(piece.frames for piece in missed.pieces)) == events(11)
    assert offset_key("9-0") < offset_key("10-0")
