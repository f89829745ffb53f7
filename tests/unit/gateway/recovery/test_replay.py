"""What a session has missed: by the same rules as delivery, bounded, and in order."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.replica import ANYONE, BOUNDS, SID, Bench, entry, events, known, texts

from queuecast_bus import Entry, Record
from queuecast_bus.record import Address
from queuecast_gateway.access.grant import Identity, patterns
from queuecast_gateway.recovery.replay import Bounds, Missed, NotRecovered
from queuecast_gateway.wire.presence import watch_room


def missed(bounds: Bounds = BOUNDS, **state: Any) -> Missed:
    return Missed(known(**state).state, "100-0", "100-0", ANYONE, bounds)


@pytest.mark.parametrize(
    ("address", "theirs"),
    [
        (Address("/"), True),
        (Address("/", ("a",)), True),
        (Address("/", ("b", "a")), True),
        (Address("/", (SID,)), True),
        (Address("/", ("b",)), False),
        (Address("/shop"), False),
        (Address("/shop", ("a",)), False),
        (Address("/", (), (SID,)), False),
        (Address("/", ("a",), (SID,)), False),
        (Address("/", (), ("other",)), True),
        (Address("queuecast:probe", ("me",)), False),
    ],
)
def test_what_was_missed_is_what_would_have_been_delivered(
    bench: Bench, address: Address, *, theirs: bool
) -> None:
    """The same rules of namespace, rooms and exclusions as for connected sessions."""
    found = missed()
    one = entry("101-0", *address.rooms, namespace=address.namespace, skip=address.skip_sids)
    assert found.add([one], bench.bus.history) == []
    assert bool(found.pieces) is theirs


def test_a_record_that_was_not_delivered_is_not_replayed(bench: Bench) -> None:
    """Its data cannot be read; its neighbours are replayed."""
    broken = Entry("101-0", Address("/"), [b"p", b"0-0", *Record("e", b"{").to_fields()])
    found = missed()
    found.add([broken, entry("102-0")], bench.bus.history)
    assert texts(b"".join(piece.frames for piece in found.pieces)) == events(102)


def test_a_replay_is_bounded_in_bytes(bench: Bench) -> None:
    """One write must not be larger than what a browser may be behind."""
    size = len(bench.bus.history.replayed(entry("101-0")) or b"")
    both = [entry("101-0"), entry("102-0")]
    missed(replace(BOUNDS, max_bytes=2 * size)).add(both, bench.bus.history)
    with pytest.raises(NotRecovered, match="too_much"):
        missed(replace(BOUNDS, max_bytes=2 * size - 1)).add(both, bench.bus.history)


def test_it_ends_before_a_text_that_only_redis_has(bench: Bench) -> None:
    """The order holds: later events follow when that text has been read."""
    bench.bus.read_unwanted(entry("104-0", "a"), entry("105-0", "b"))
    bench.bus.read(entry("106-0"))
    bench.bus.read_unwanted(entry("107-0", SID))
    found, history = missed(), bench.bus.history
    assert [each.offset for each in found.add(history.after("102-0"), history)] == ["104-0", "107-0"]
    assert (found.pieces, found.after) == ([], "100-0")


def test_a_session_watches_on_where_it_may_still_be() -> None:
    """A watch room is allowed where its room is; that of the namespace always."""
    rooms = dict.fromkeys(("a", watch_room("a"), "b", watch_room("b"), watch_room("")), "1-0")
    state = known(rooms=rooms).state
    identity = Identity("ann", patterns(["a"]))
    found = Missed(state, "100-0", "100-0", identity, BOUNDS)
    assert set(found.state.rooms) == {"a", watch_room("a"), watch_room("")}
