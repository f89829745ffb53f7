import sys
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_gateway.limits.token_bucket import FLOOD, OVER, WITHIN, Rates, TokenBuckets, Verdict

START = 1000.0


class Bucket:
    """A textbook token bucket, in exact numbers: full at first, below 0 when too much was taken."""

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


# Quarters of a second are exact as floats and as fractions, so both give the same verdict.
quarters = st.integers(0, 40)
steps = st.lists(st.tuples(quarters, st.integers(0, 5), st.integers(0, 400)), max_size=40)


@given(st.integers(0, 6), st.integers(0, 200), st.integers(0, 300), steps)
def test_the_verdicts_are_those_of_two_exact_buckets(
    events_rate: int, bytes_rate: int, largest: int, sent: list[tuple[int, int, int]]
) -> None:
    """The fast form keeps what was taken, and computes the burst only near its limit."""
    buckets = TokenBuckets(Rates(events_rate, bytes_rate, largest), START)
    events_bucket = Bucket(events_rate, max(2 * events_rate, 2))
    bytes_bucket = Bucket(bytes_rate, max(2 * bytes_rate, 2 * largest))
    now = START
    for passed, events, size in sent:
        now += passed / 4
        events_bucket.fill(Fraction(passed, 4))
        bytes_bucket.fill(Fraction(passed, 4))
        assert buckets.take(now, events, size) is max(events_bucket.take(events), bytes_bucket.take(size))


def test_a_client_that_keeps_to_the_rate_is_never_refused() -> None:
    """For hours: what is taken and what refills must not drift apart."""
    buckets = TokenBuckets(Rates(10, 1000, 100), START)
    assert {buckets.take(START + at / 10, 1, 100) for at in range(100_000)} == {WITHIN}


def test_two_seconds_worth_are_allowed_then_refused_then_a_flood() -> None:
    """A page that sends much at once is not an attack; one that ignores refusals is."""
    buckets = TokenBuckets(Rates(10, 0), START)
    assert [buckets.take(START, 1, 1) for _ in range(41)] == [WITHIN] * 20 + [OVER] * 20 + [FLOOD]


def test_bytes_have_a_bucket_of_their_own() -> None:
    """A few large events cost as much as many small ones."""
    buckets = TokenBuckets(Rates(1000, 100, 10), START)
    assert buckets.take(START, 1, 200) is WITHIN
    assert buckets.take(START, 1, 1) is OVER
    assert buckets.take(START, 1, 200) is FLOOD


def test_a_client_that_pauses_recovers() -> None:
    """Refused events count, so the more there were, the longer it takes."""
    buckets = TokenBuckets(Rates(10, 0), START)
    assert buckets.take(START, 35, 0) is OVER
    assert buckets.take(START + 1, 1, 0) is OVER
    assert buckets.take(START + 2, 1, 0) is WITHIN


def test_a_long_silence_earns_no_more_than_one_burst() -> None:
    """Otherwise a connection that was idle for a day could flood."""
    buckets = TokenBuckets(Rates(10, 0), START)
    assert buckets.take(START + 86_400, 20, 0) is WITHIN
    assert buckets.take(START + 86_400, 1, 0) is OVER


def test_a_low_rate_still_allows_a_message() -> None:
    """Two seconds of one event in ten seconds, or of 100 bytes, would allow nothing at all."""
    buckets = TokenBuckets(Rates(0.1, 100, 5000), START)
    assert buckets.take(START, 1, 5000) is WITHIN
    assert buckets.take(START, 1, 5000) is WITHIN
    assert buckets.take(START, 1, 0) is OVER


@pytest.mark.parametrize(("rates", "amounts"), [(Rates(0, 100), (10**6, 1)), (Rates(100, 0), (1, 10**9))])
def test_a_rate_of_zero_is_no_limit(rates: Rates, amounts: tuple[int, int]) -> None:
    """Each of the two can be turned off alone."""
    buckets = TokenBuckets(rates, START)
    assert buckets.take(START, *amounts) is WITHIN
    assert buckets.take(START, *reversed(amounts)) is FLOOD


def test_time_that_goes_backwards_refills_nothing() -> None:
    """Nor does it when it comes back to where it was."""
    buckets = TokenBuckets(Rates(10, 0), START)
    assert buckets.take(START, 20, 0) is WITHIN
    assert buckets.take(START - 60, 1, 0) is OVER
    assert buckets.take(START, 1, 0) is OVER


def test_verdicts_other_than_within_are_truthy_and_ordered() -> None:
    """Callers write `if buckets.take(…)`, and the worse verdict of the two buckets counts."""
    assert not WITHIN
    assert OVER
    assert FLOOD > OVER > WITHIN


def test_a_connection_costs_few_bytes() -> None:
    """There are tens of thousands: each has four references and no dictionary."""
    buckets = TokenBuckets(Rates(10, 1000), START)
    assert not hasattr(buckets, "__dict__")
    assert sys.getsizeof(buckets) <= 64
