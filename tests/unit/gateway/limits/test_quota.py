"""How many bytes the items of one owner may take, while they are in use and for a while after."""

import pytest

from queuecast_gateway.limits.quota import Quota


@pytest.fixture
def quota() -> Quota:
    return Quota(1_000, away_seconds=60)


def test_the_items_of_an_owner_share_one_limit(quota: Quota) -> None:
    """An item that does not fit is not counted, and other owners are not affected."""
    assert quota.reserve("a", 600, 0.0)
    assert not quota.reserve("a", 401, 0.0)
    assert quota.reserve("a", 400, 0.0)
    assert quota.reserve("b", 1_000, 0.0)


def test_an_item_that_becomes_smaller_makes_room(quota: Quota) -> None:
    """A session leaves rooms, too."""
    assert quota.reserve("a", 1_000, 0.0)
    assert quota.reserve("a", -100, 0.0)
    assert not quota.reserve("a", 101, 0.0)
    assert quota.reserve("a", 100, 0.0)


def test_an_item_that_is_released_later_still_counts_for_a_while(quota: Quota) -> None:
    """A client that connects and disconnects again and again leaves a session behind each time."""
    assert quota.reserve("a", 600, 0.0)
    quota.release_later("one", "a", 600, 10.0)
    assert not quota.reserve("a", 600, 69.0)
    assert quota.reserve("a", 600, 70.0)


def test_an_item_that_comes_back_counts_once(quota: Quota) -> None:
    """A browser on a bad network reconnects to the same session."""
    for moment in range(20):
        quota.come_back("one")
        assert quota.reserve("a", 600, float(moment))
        quota.release_later("one", "a", 600, float(moment))


def test_a_released_item_is_no_longer_counted(quota: Quota) -> None:
    """Nothing of it is kept."""
    assert quota.reserve("a", 1_000, 0.0)
    quota.release_later("one", "a", 1_000, 0.0)
    quota.come_back("one")
    quota.come_back("never there")
    assert quota.reserve("a", 1_000, 0.0)
    quota.release("a", 1_000)
    assert (quota._totals, quota._away) == ({}, {})


def test_the_number_of_items_to_release_later_is_bounded() -> None:
    """Each of any number of addresses may leave something behind."""
    quota = Quota(1_000, away_seconds=60, max_away=3)
    for number in range(10):
        assert quota.reserve(f"{number}", 600, 0.0)
        quota.release_later(f"{number}", f"{number}", 600, 0.0)
    assert sorted(quota._away) == sorted(quota._totals) == ["7", "8", "9"]


def test_without_a_limit_nothing_is_counted() -> None:
    """Without the limit, it costs nothing."""
    quota = Quota(0, away_seconds=60)
    assert quota.reserve("a", 1 << 40, 0.0)
    quota.release_later("one", "a", 1 << 40, 0.0)
    quota.release("a", 1)
    assert (quota._totals, quota._away) == ({}, {})
