from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from queuecast_gateway.limits.tries import Tries

WINDOW = 60.0

moves = st.lists(
    st.tuples(st.integers(0, 90), st.booleans(), st.sampled_from("abcdefgh")), min_size=5, max_size=60
)


@given(st.integers(1, 4), moves)
def test_the_waits_are_those_of_a_list_of_all_failures(most: int, made: list[tuple[int, bool, str]]) -> None:
    """The short form keeps two numbers per key."""
    tries = Tries(most, WINDOW)
    failures = defaultdict[str, list[float]](list)
    now = 0.0
    for passed, fails, key in made:
        now += passed
        mine = failures[key]
        if mine and now >= mine[0] + WINDOW:
            mine.clear()
        if fails:
            tries.failed(key, now)
            mine.append(now)
        assert tries.wait(key, now) == (mine[0] + WINDOW - now if len(mine) >= most else 0)


@given(st.integers(1, 3), st.integers(1, 4), moves)
def test_no_more_keys_are_kept_than_may_be(
    most: int, max_keys: int, made: list[tuple[int, bool, str]]
) -> None:
    """Whoever has many addresses would fill the memory; and nobody waits longer than a window."""
    tries = Tries(most, WINDOW, max_keys)
    now = 0.0
    for passed, fails, key in made:
        now += passed
        if fails:
            tries.failed(key, now)
        assert len(tries) <= max_keys
        assert 0 <= tries.wait(key, now) <= WINDOW


def test_who_fails_too_often_waits_for_the_end_of_the_window() -> None:
    """And may then try as often again."""
    tries = Tries(3, WINDOW)
    for now in (0, 10, 20):
        assert tries.wait("a", now) == 0
        tries.failed("a", now)
    assert tries.wait("a", 20) == 40
    assert tries.wait("b", 20) == 0
    for now in (60, 70):
        assert tries.wait("a", now) == 0
        tries.failed("a", now)
    assert tries.wait("a", 70) == 0
    tries.failed("a", 80)
    assert tries.wait("a", 80) == 40


def test_who_goes_on_failing_waits_no_longer() -> None:
    """A forgotten page that tries every second would be locked out with its whole office, for ever."""
    tries = Tries(1, WINDOW)
    for now in range(60):
        tries.failed("a", now)
    assert tries.wait("a", 59) == 1
    assert tries.wait("a", 60) == 0


def test_the_oldest_key_makes_room() -> None:
    """It is the one that would have been let in first."""
    tries = Tries(1, WINDOW, max_keys=2)
    tries.failed("a", 0)
    tries.failed("b", 1)
    tries.failed("a", 2)
    tries.failed("c", 3)
    assert len(tries) == 2
    assert tries.wait("a", 3) == 0
    assert tries.wait("b", 3) == 58
    assert tries.wait("c", 3) == 60


def test_what_has_ended_is_forgotten() -> None:
    """Nothing else would ever make the memory of a bad hour smaller."""
    tries = Tries(1, WINDOW)
    for number in range(1000):
        tries.failed(str(number), number / 1000)
    assert len(tries) == 1000
    tries.failed("late", 60.5)
    assert 490 < len(tries) < 510
    tries.failed("later", 200)
    assert len(tries) == 1


def test_a_most_of_nothing_is_no_limit_and_no_memory() -> None:
    """Who wants no limit pays nothing for it."""
    tries = Tries(0, WINDOW)
    for _ in range(1000):
        tries.failed("a", 0)
    assert tries.wait("a", 0) == 0
    assert len(tries) == 0
