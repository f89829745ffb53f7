from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_gateway.limits.tally import Tally

moves = st.lists(st.tuples(st.booleans(), st.sampled_from("abc")), max_size=60)


@given(st.integers(1, 4), moves)
def test_it_counts_as_a_counter_does(most: int, made: list[tuple[bool, str]]) -> None:
    """In any order of comings and goings, faults of the caller among them."""
    tally, counter = Tally(most), Counter[str]()
    for enters, key in made:
        if enters:
            assert tally.enter(key) is (counter[key] < most)
            counter[key] = min(most, counter[key] + 1)
        elif counter[key]:
            tally.leave(key)
            counter[key] -= 1
        else:
            with pytest.raises(ValueError, match=key):
                tally.leave(key)
        assert len(tally) == len(+counter)


def test_who_is_refused_takes_no_place() -> None:
    """Or one that knocks often enough would lock its own address out for ever."""
    tally = Tally(1)
    assert tally.enter("a")
    assert not tally.enter("a")
    assert not tally.enter("a")
    tally.leave("a")
    assert tally.enter("a")


def test_a_key_of_which_nothing_is_left_is_forgotten() -> None:
    """Addresses come and go for months."""
    tally = Tally(2)
    for number in range(1000):
        assert tally.enter(str(number))
        tally.leave(str(number))
    assert len(tally) == 0


def test_a_leave_too_many_is_an_error() -> None:
    """Passed over, it would free a place that is taken as soon as two of a key are there."""
    tally = Tally(2)
    with pytest.raises(ValueError, match="'a' leaves and had not entered"):
        tally.leave("a")
    assert tally.enter("a")
    assert tally.enter("a")
    assert not tally.enter("a")


def test_a_most_of_nothing_is_no_limit_and_no_memory() -> None:
    """Who wants no limit pays nothing for it."""
    tally = Tally(0)
    assert all(tally.enter("a") for _ in range(1000))
    assert len(tally) == 0
    tally.leave("a")
