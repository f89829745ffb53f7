from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from queuecast_gateway.limits.failure_limiter import FailureLimiter

WINDOW = 60.0

steps = st.lists(
    st.tuples(st.integers(0, 90), st.booleans(), st.sampled_from("abcdefgh")), min_size=5, max_size=60
)


@given(st.integers(1, 4), steps)
def test_the_waits_are_those_of_a_list_of_all_failures(
    max_failures: int, made: list[tuple[int, bool, str]]
) -> None:
    """The limiter keeps only two numbers per key."""
    limiter = FailureLimiter(max_failures, WINDOW)
    failures = defaultdict[str, list[float]](list)
    now = 0.0
    for passed, fails, key in made:
        now += passed
        mine = failures[key]
        if mine and now >= mine[0] + WINDOW:
            mine.clear()
        if fails:
            limiter.record(key, now)
            mine.append(now)
        assert limiter.wait_seconds(key, now) == (mine[0] + WINDOW - now if len(mine) >= max_failures else 0)


@given(st.integers(1, 3), st.integers(1, 4), steps)
def test_the_number_of_keys_is_bounded(
    max_failures: int, max_keys: int, made: list[tuple[int, bool, str]]
) -> None:
    """A client with many addresses must not fill the memory. And nobody waits longer than a window."""
    limiter = FailureLimiter(max_failures, WINDOW, max_keys)
    now = 0.0
    for passed, fails, key in made:
        now += passed
        if fails:
            limiter.record(key, now)
        assert len(limiter) <= max_keys
        assert 0 <= limiter.wait_seconds(key, now) <= WINDOW


def test_a_key_that_fails_too_often_waits_for_the_end_of_its_window() -> None:
    """After that it may fail as often again."""
    limiter = FailureLimiter(3, WINDOW)
    for now in (0, 10, 20):
        assert limiter.wait_seconds("a", now) == 0
        limiter.record("a", now)
    assert limiter.wait_seconds("a", 20) == 40
    assert limiter.wait_seconds("b", 20) == 0
    for now in (60, 70):
        assert limiter.wait_seconds("a", now) == 0
        limiter.record("a", now)
    assert limiter.wait_seconds("a", 70) == 0
    limiter.record("a", 80)
    assert limiter.wait_seconds("a", 80) == 40


def test_further_failures_do_not_prolong_the_wait() -> None:
    """A forgotten page that tries every second would lock out its whole office for ever."""
    limiter = FailureLimiter(1, WINDOW)
    for now in range(60):
        limiter.record("a", now)
    assert limiter.wait_seconds("a", 59) == 1
    assert limiter.wait_seconds("a", 60) == 0


def test_the_oldest_key_is_dropped_first() -> None:
    """Its wait would have ended first."""
    limiter = FailureLimiter(1, WINDOW, max_keys=2)
    limiter.record("a", 0)
    limiter.record("b", 1)
    limiter.record("a", 2)
    limiter.record("c", 3)
    assert len(limiter) == 2
    assert limiter.wait_seconds("a", 3) == 0
    assert limiter.wait_seconds("b", 3) == 58
    assert limiter.wait_seconds("c", 3) == 60


def test_windows_that_have_ended_are_forgotten() -> None:
    """Otherwise the memory of a bad hour would never be freed."""
    limiter = FailureLimiter(1, WINDOW)
    for number in range(1000):
        limiter.record(str(number), number / 1000)
    assert len(limiter) == 1000
    limiter.record("late", 60.5)
    assert 490 < len(limiter) < 510
    limiter.record("later", 200)
    assert len(limiter) == 1


def test_zero_means_no_limit_and_no_memory() -> None:
    """Without the limit, it costs nothing."""
    limiter = FailureLimiter(0, WINDOW)
    for _ in range(1000):
        limiter.record("a", 0)
    assert limiter.wait_seconds("a", 0) == 0
    assert len(limiter) == 0
