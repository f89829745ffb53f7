"""A session that can come back: what it misses, and what is said of it while it is there and when it goes."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.replica import ANYONE, BOUNDS, SID, Bench, entry, events, known, make_bench, texts

from queuecast_bus import BusUnavailable, Entry, Gap, Record
from queuecast_bus.record import Address
from queuecast_gateway.recovery import Welcome
from queuecast_gateway.replay import Bounds, Missed, NotRecovered
from queuecast_gateway.session_state import State


@pytest.fixture
def bench() -> Bench:
    return make_bench()


# What was missed


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
    """The same rule of namespace, rooms and exclusions as for who is connected."""
    found = missed()
    one = entry("101-0", *address.rooms, namespace=address.namespace, skip=address.skip_sids)
    assert found.add([one], bench.bus.history) == []
    assert bool(found.frames) is theirs


def test_a_record_that_nobody_was_given_is_not_replayed(bench: Bench) -> None:
    """Its data cannot be read; its neighbours are replayed."""
    broken = Entry("101-0", Address("/"), [b"p", b"0-0", *Record("e", b"{").to_fields()])
    found = missed()
    found.add([broken, entry("102-0")], bench.bus.history)
    assert texts(b"".join(found.frames)) == events(102)


def test_a_replay_is_bounded_in_bytes(bench: Bench) -> None:
    """What is sent at once may not be more than a browser may be behind."""
    size = len(bench.bus.history.replayed(entry("101-0")) or b"")
    both = [entry("101-0"), entry("102-0")]
    missed(replace(BOUNDS, max_bytes=2 * size)).add(both, bench.bus.history)
    with pytest.raises(NotRecovered, match="too_much"):
        missed(replace(BOUNDS, max_bytes=2 * size - 1)).add(both, bench.bus.history)


def test_it_ends_before_what_only_redis_has(bench: Bench) -> None:
    """Their order holds: what comes behind is taken in when that is here."""
    bench.bus.overhear(entry("104-0", "a"), entry("105-0", "b"))
    bench.bus.read(entry("106-0"))
    bench.bus.overhear(entry("107-0", SID))
    found, history = missed(), bench.bus.history
    assert [each.offset for each in found.add(history.after("102-0"), history)] == ["104-0", "107-0"]
    assert (found.frames, found.after) == ([], "100-0")


# Being there, and going


@pytest.fixture
def there(bench: Bench) -> Bench:
    """A bench with the connection `eio`, in both namespaces."""
    for namespace, pid in (("/", "pid"), ("/shop", "shop-pid")):
        bench.bus.connected["eio", namespace] = f"sid-of-{pid}"
        bench.recovery.opened(
            f"sid-of-{pid}", namespace, Welcome(pid, b"", b"", "103-0"), "alice", "192.0.2.1"
        )
    return bench


def test_a_session_is_written_down_at_once(there: Bench) -> None:
    """A replica that is killed says nothing: it must have said it before."""
    assert there.sessions.said == [
        ("pid", "save", State("sid-of-pid", "/", {"a": "100-0"}, "103-0", "alice")),
        ("shop-pid", "save", State("sid-of-shop-pid", "/shop", {"a": "100-0"}, "103-0", "alice")),
    ]


def test_a_ping_tells_where_the_replica_is(there: Bench) -> None:
    """A client that hears nothing for hours comes back with an offset of half a minute ago."""
    there.bus.read(entry("104-0"))
    assert sorted(texts(there.recovery.pinged("eio"))) == [
        '42/shop,["queuecast:offset","104-0"]',
        '42["queuecast:offset","104-0"]',
    ]
    assert sorted(there.sessions.said[-2:], key=lambda word: word[0]) == [
        ("pid", "here", State("sid-of-pid", "/", {"a": "100-0"}, "103-0", "alice")),
        ("shop-pid", "here", State("sid-of-shop-pid", "/shop", {"a": "100-0"}, "103-0", "alice")),
    ], "its time begins anew, and it still began where it did"


def test_a_ping_of_who_cannot_recover_is_a_ping(bench: Bench) -> None:
    """Who opted out, or joined only the board, is told no offsets."""
    bench.bus.connected["eio", "/"] = SID
    assert bench.recovery.pinged("eio") == b""
    assert bench.sessions.said == []


@pytest.mark.parametrize(("for_good", "verb"), [(False, "left"), (True, "drop")])
def test_an_end_is_written_down(there: Bench, verb: str, *, for_good: bool) -> None:
    """Of every session of the connection, once."""
    for _ in range(2):
        there.recovery.left("eio", for_good=for_good)
    said = sorted((pid, what) for pid, what, _ in there.sessions.said[2:])
    assert said == [("pid", verb), ("shop-pid", verb)]


def test_a_session_that_leaves_its_namespace_is_over(there: Bench) -> None:
    """Not the connection's other one. Nothing more is said of it."""
    there.recovery.dropped("sid-of-pid", "/")
    there.recovery.changed("sid-of-pid", "/", "a", entered=True)
    there.recovery.left("eio", for_good=False)
    assert there.sessions.verbs("pid") == ["save", "drop"]
    assert there.sessions.verbs("shop-pid") == ["save", "left"]


async def test_rooms_can_be_written_down_now(there: Bench) -> None:
    """Before they are acknowledged; who cannot recover has nothing to be written down."""
    await there.recovery.remember("sid-of-pid", "/")
    await there.recovery.remember("sid-of-nobody", "/")
    assert len(there.sessions.said) == 3
    there.sessions.away = True
    with pytest.raises(BusUnavailable):
        await there.recovery.remember("sid-of-pid", "/")
    await there.recovery.remember("sid-of-nobody", "/")


@pytest.mark.parametrize(
    ("gap", "lost_up_to"),
    [(Gap("trimmed", "103-0", "200-0"), []), (Gap("rewound", "103-0", "50-0"), ["103-0"])],
)
def test_after_a_gap_no_session_goes_on(there: Bench, gap: Gap, lost_up_to: list[str]) -> None:
    """Browsers would believe that they have seen everything; those that are away are warned of a loss."""
    there.recovery.lost(gap)
    assert there.sessions.verbs("pid") == there.sessions.verbs("shop-pid") == ["save", "drop"]
    assert there.sessions.lost_up_to == lost_up_to
    there.recovery.left("eio", for_good=False)
    assert there.recovery.pinged("eio") == b""
    assert there.sessions.verbs("pid") == ["save", "drop"], "it is not said anew"


def test_the_bus_tells_of_rooms(bench: Bench) -> None:
    """Each change of a table is a word on a session."""
    assert bench.bus.watcher is bench.recovery
