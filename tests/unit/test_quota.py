"""How much the things of one owner may take, while they are there and for a while after."""

import pytest

from queuecast_gateway.limits.quota import Quota


@pytest.fixture
def quota() -> Quota:
    return Quota(1_000, away_seconds=60)


def test_an_owners_things_have_a_bound_together(quota: Quota) -> None:
    """One that does not fit counts nothing; those of others are not concerned."""
    assert quota.hold("one", "a", 600, 0.0)
    assert not quota.hold("two", "a", 401, 0.0)
    assert quota.hold("three", "a", 400, 0.0)
    assert quota.hold("four", "b", 1_000, 0.0)


def test_a_thing_may_grow_up_to_the_bound(quota: Quota) -> None:
    """The rooms of a session come one by one. Beyond it counts no more, and says so once."""
    assert quota.hold("one", "a", 600, 0.0)
    assert quota.grow("one", 400, 0.0)
    assert not quota.grow("one", 1, 0.0)
    assert quota.grow("one", 5_000, 0.0), "it is none of ours any more"
    assert quota.hold("two", "a", 1_000, 0.0)


def test_what_was_left_counts_for_a_while(quota: Quota) -> None:
    """Who comes and goes again and again leaves something behind each time."""
    assert quota.hold("one", "a", 600, 0.0)
    quota.leave("one", 10.0)
    assert not quota.hold("two", "a", 600, 69.0)
    assert quota.hold("two", "a", 600, 70.0)


def test_what_comes_back_counts_once(quota: Quota) -> None:
    """A browser on a bad network is the same session each time."""
    for moment in range(20):
        assert quota.hold("one", "a", 600, float(moment))
        quota.leave("one", float(moment))


def test_what_is_released_counts_no_more(quota: Quota) -> None:
    """And nothing of it stays."""
    assert quota.hold("one", "a", 1_000, 0.0)
    quota.leave("one", 0.0)
    quota.release("one")
    quota.release("never there")
    assert quota.hold("two", "a", 1_000, 0.0)
    quota.release("two")
    assert (quota._sizes, quota._totals, quota._left) == ({}, {}, {})


def test_what_is_remembered_of_the_past_is_bounded() -> None:
    """Of so many addresses as there are, each may leave something."""
    quota = Quota(1_000, away_seconds=60, max_left=3)
    for number in range(10):
        assert quota.hold(f"{number}", f"{number}", 600, 0.0)
        quota.leave(f"{number}", 0.0)
    assert sorted(quota._sizes) == ["7", "8", "9"]


def test_without_a_bound_nothing_is_counted() -> None:
    """Who turns it off pays nothing for it."""
    quota = Quota(0, away_seconds=60)
    assert quota.hold("one", "a", 1 << 40, 0.0)
    assert quota._sizes == {}
