"""Who is in watched rooms: never anything but the sum of what living replicas have announced."""

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.memory import traced_memory

from queuecast_gateway.presence.own_part import INEXACT, NAMELESS, REPLICA_KEY, key_of
from queuecast_gateway.presence.totals import Total, Totals

ROOM, OTHER = key_of("/", "a"), key_of("/", "b")


def news(total: Total) -> bool:
    """Say whether there is news, as browsers are told it."""
    was, total.is_news = total.is_news, False
    return was


def test_an_identity_counts_once_however_many_sessions_it_has() -> None:
    """A second tab is no news, on the same replica or on another."""
    totals = Totals()
    total = totals.watch(ROOM)
    totals.change("one", {ROOM: {"ann": 1, NAMELESS: 2}, OTHER: {"bob": 1}})
    assert (total.count, total.sessions, news(total)) == (3, 3, True)
    for change in ({"ann": 2}, {"ann": 1}):
        totals.change("one", {ROOM: change})
        assert not news(total)
    totals.change("two", {ROOM: {"ann": 1}})
    assert (total.count, total.sessions, news(total)) == (3, 4, False)
    totals.change("one", {ROOM: {"ann": 0}})
    assert (total.count, news(total)) == (3, False)
    totals.change("two", {ROOM: {"ann": 0}})
    assert (total.count, news(total)) == (2, True)
    assert OTHER not in totals.rooms


def test_a_part_goes_with_its_replica() -> None:
    """Whatever it had announced."""
    totals = Totals()
    total = totals.watch(ROOM)
    totals.change("one", {ROOM: {"ann": 1, NAMELESS: 2, INEXACT: 1}})
    totals.change("two", {ROOM: {"ann": 1, "bob": 1}})
    assert (total.count, total.inexact) == (4, 1)
    totals.remove("one")
    assert (total.count, total.inexact, set(total.users), news(total)) == (2, 0, {"ann", "bob"}, True)
    totals.remove("two")
    assert (total.count, total.parts) == (0, {})


def test_what_may_have_been_missed_is_read_anew() -> None:
    """All parts after a gap, one part if its replica began anew; nothing twice."""
    totals = Totals()
    total = totals.watch(ROOM)
    totals.begin(["one", "two"])
    ((replicas, keys),) = totals.take_unread()
    assert (set(replicas), set(keys)) == ({"one", "two"}, {ROOM, REPLICA_KEY})
    assert totals.take_unread() == []
    totals.read("one", ROOM, {"ann": 1})
    totals.read("gone meanwhile", ROOM, {"eve": 1})
    totals.know(keys)
    assert (total.count, total.is_known) == (1, True)
    totals.renew("two")
    totals.renew("three")
    totals.remove("three")
    totals.watch(OTHER)
    first, second = totals.take_unread()
    assert (set(first[0]), first[1]) == ({"one", "two"}, [OTHER])
    assert (first[0] and list(second[0]), set(second[1])) == (["two"], {ROOM, REPLICA_KEY})
    totals.begin(["two"])
    assert total.count == 0
    totals.forget(ROOM)
    totals.forget(OTHER)
    assert totals.rooms == {}
    assert totals.take_unread() == []


def test_sessions_that_no_replica_counts_are_known_of_all_rooms() -> None:
    """What they are missing from cannot say so itself."""
    totals = Totals()
    assert totals.skipped == 0
    totals.watch(ROOM)
    totals.change("one", {REPLICA_KEY: {INEXACT: 3}})
    totals.change("two", {REPLICA_KEY: {INEXACT: 1}})
    assert totals.skipped == 4
    totals.change("one", {REPLICA_KEY: {INEXACT: 0}})
    assert totals.skipped == 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["one", "two", "three"]),
            st.one_of(
                st.none(), st.dictionaries(st.sampled_from(["ann", "bob", NAMELESS]), st.integers(0, 3))
            ),
        )
    )
)
def test_a_total_is_the_sum_of_the_parts(steps: list[tuple[str, dict[str, int] | None]]) -> None:
    """In whatever order replicas announce and end."""
    totals = Totals()
    total = totals.watch(ROOM)
    parts: dict[str, dict[str, int]] = {}
    for replica, change in steps:
        before = total.count, set(total.users)
        if change is None:
            parts.pop(replica, None)
            totals.remove(replica)
        else:
            parts.setdefault(replica, {}).update(change)
            totals.change(replica, {ROOM: change})
        users = {user for part in parts.values() for user, number in part.items() if number and user}
        nameless = sum(part.get(NAMELESS, 0) for part in parts.values())
        assert (set(total.users), total.nameless) == (users, nameless)
        assert total.sessions == sum(number for part in parts.values() for number in part.values())
        if before != (total.count, set(total.users)):
            assert news(total)
    for replica in list(parts):
        totals.remove(replica)
    assert (total.count, total.parts, total.users) == (0, {}, {})
    assert total.size == Total(ROOM).size


def test_its_size_is_about_the_memory_that_it_takes() -> None:
    """The bound counts it."""
    with traced_memory() as taken:
        totals = Totals()
        for number in range(300):
            totals.watch(key_of("/", f"room-{number}"))
            for replica in ("one", "two"):
                users = {f"{replica}-{number}-{user}": 1 for user in range(15)}
                totals.change(replica, {key_of("/", f"room-{number}"): users})
        assert 0.5 < totals.size / taken() < 2
