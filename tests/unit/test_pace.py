import sys
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_gateway.limits.pace import FLOOD, OVER, WITHIN, Pace, Rates, Verdict

START = 1000.0


class Bucket:
    """A token bucket in exact numbers, as a book has it: full at first, below 0 when too much was taken."""

    def __init__(self, rate: int, burst: int) -> None:
        self.rate = rate
        self.burst = self.level = Fraction(burst)

    def fill(self, seconds: Fraction) -> None:
        self.level = min(self.burst, self.level + seconds * self.rate)

    def take(self, amount: int) -> Verdict:
        if not self.rate:
            return WITHIN
        self.level -= amount
        if self.level >= 0:
            return WITHIN
        return OVER if self.level >= -self.burst else FLOOD


# Quarters of a second are exact in both kinds of numbers, so that there is no verdict to argue about.
quarters = st.integers(0, 40)
steps = st.lists(st.tuples(quarters, st.integers(0, 5), st.integers(0, 400)), max_size=40)


@given(st.integers(0, 6), st.integers(0, 200), st.integers(0, 300), steps)
def test_the_verdicts_are_those_of_two_exact_buckets(
    events_rate: int, bytes_rate: int, largest: int, said: list[tuple[int, int, int]]
) -> None:
    """The fast form keeps what was taken, and works out a burst only near its end."""
    pace = Pace(Rates(events_rate, bytes_rate, largest), START)
    events_bucket = Bucket(events_rate, max(2 * events_rate, 2))
    bytes_bucket = Bucket(bytes_rate, max(2 * bytes_rate, 2 * largest))
    now = START
    for passed, events, size in said:
        now += passed / 4
        events_bucket.fill(Fraction(passed, 4))
        bytes_bucket.fill(Fraction(passed, 4))
        assert pace.take(now, events, size) is max(events_bucket.take(events), bytes_bucket.take(size))


def test_who_keeps_to_the_rate_is_never_refused() -> None:
    """For hours: what is taken and what comes back may not drift apart."""
    pace = Pace(Rates(10, 1000, 100), START)
    assert {pace.take(START + at / 10, 1, 100) for at in range(100_000)} == {WITHIN}


def test_a_burst_is_two_seconds_worth_and_then_comes_a_warning_and_then_the_end() -> None:
    """A page that says much at once is no attack; one that does not hear is."""
    pace = Pace(Rates(10, 0), START)
    assert [pace.take(START, 1, 1) for _ in range(41)] == [WITHIN] * 20 + [OVER] * 20 + [FLOOD]


def test_bytes_have_a_bucket_of_their_own() -> None:
    """A few large events cost as much as many small ones."""
    pace = Pace(Rates(1000, 100, 10), START)
    assert pace.take(START, 1, 200) is WITHIN
    assert pace.take(START, 1, 1) is OVER
    assert pace.take(START, 1, 200) is FLOOD


def test_who_pauses_recovers() -> None:
    """What was refused counts, so it takes the longer the more that was."""
    pace = Pace(Rates(10, 0), START)
    assert pace.take(START, 35, 0) is OVER
    assert pace.take(START + 1, 1, 0) is OVER
    assert pace.take(START + 2, 1, 0) is WITHIN


def test_a_long_silence_earns_no_more_than_one_burst() -> None:
    """Or a connection of a day could flood."""
    pace = Pace(Rates(10, 0), START)
    assert pace.take(START + 86_400, 20, 0) is WITHIN
    assert pace.take(START + 86_400, 1, 0) is OVER


def test_a_low_rate_still_lets_something_through() -> None:
    """Two seconds of one event in ten seconds, or of 100 bytes, would let nothing through at all."""
    pace = Pace(Rates(0.1, 100, 5000), START)
    assert pace.take(START, 1, 5000) is WITHIN
    assert pace.take(START, 1, 5000) is WITHIN
    assert pace.take(START, 1, 0) is OVER


@pytest.mark.parametrize(("rates", "said"), [(Rates(0, 100), (10**6, 1)), (Rates(100, 0), (1, 10**9))])
def test_a_rate_of_nothing_is_no_limit(rates: Rates, said: tuple[int, int]) -> None:
    """Each of the two can be turned off by itself."""
    pace = Pace(rates, START)
    assert pace.take(START, *said) is WITHIN
    assert pace.take(START, *reversed(said)) is FLOOD


def test_time_that_goes_backwards_gives_nothing() -> None:
    """Neither by itself nor when it comes back to where it was."""
    pace = Pace(Rates(10, 0), START)
    assert pace.take(START, 20, 0) is WITHIN
    assert pace.take(START - 60, 1, 0) is OVER
    assert pace.take(START, 1, 0) is OVER


def test_a_warning_is_true_and_the_worst_one_is_the_greatest() -> None:
    """Callers ask `if pace.take(…)`, and two buckets speak with one voice."""
    assert not WITHIN
    assert OVER
    assert FLOOD > OVER > WITHIN


def test_a_connection_costs_few_bytes() -> None:
    """There are tens of thousands: four references and no dictionary."""
    pace = Pace(Rates(10, 1000), START)
    assert not hasattr(pace, "__dict__")
    assert sys.getsizeof(pace) <= 64
