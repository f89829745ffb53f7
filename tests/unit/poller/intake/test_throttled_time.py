"""The time that a rate limit held receives back, as intervals."""

from hypothesis import given
from hypothesis import strategies as st

from queuecast_poller.intake.throttled_time import MAX_INTERVALS, MERGE_SECONDS, ThrottledTime


def test_only_what_was_held_back_since_then_counts() -> None:
    """A message that came in the middle of a pause waited for the rest of it."""
    throttled = ThrottledTime()
    throttled.add(10, 12)
    throttled.add(20, 23)
    assert [throttled.seconds_since(moment) for moment in (5, 11, 15, 22, 30)] == [5, 4, 3, 1, 0]


def test_the_receive_between_two_pauses_counts() -> None:
    """It brings what the rate allows; the message behind it waits for the rate too."""
    throttled = ThrottledTime()
    throttled.add(10, 12)
    throttled.add(12 + MERGE_SECONDS / 2, 14)
    assert throttled.seconds_since(0) == 4


def test_pauses_of_several_receives_count_once() -> None:
    """They wait for the same rate at the same time."""
    throttled = ThrottledTime()
    throttled.add(10, 12)
    throttled.add(9.5, 13)
    throttled.add(11, 12.5)
    assert throttled.seconds_since(0) == 3.5


def test_what_is_not_known_counts() -> None:
    """Until this poller started, others kept the rate."""
    throttled = ThrottledTime(unknown_until=100)
    throttled.add(110, 111)
    assert [throttled.seconds_since(moment) for moment in (-1e9, 90, 105)] == [1e9 + 101, 11, 1]


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 0.5))), st.floats(0, 100))
def test_no_more_than_the_time_itself_was_throttled(pauses: list[tuple[float, float]], since: float) -> None:
    """A wait is never made negative."""
    throttled, now = ThrottledTime(), 0.0
    for gap, seconds in pauses:
        now += gap + seconds
        throttled.add(now - seconds, now)
    assert 0 <= throttled.seconds_since(since) <= max(0.0, now - since) + 1e-6


def test_old_intervals_are_forgotten() -> None:
    """A poller that runs for months keeps as much as one that runs for an hour."""
    throttled = ThrottledTime()
    for number in range(MAX_INTERVALS + 5):
        throttled.add(10 * number, 10 * number + 1)
    assert throttled.seconds_since(0) == MAX_INTERVALS
