"""How often a key may connect: a burst, then a rate; a full bucket is forgotten."""

from queuecast_gateway.limits.rate_limiter import RateLimiter


def connects(limiter: RateLimiter, key: str, now: float) -> bool:
    """Connect if that is allowed; say whether it was."""
    if limiter.wait_seconds(key, now):
        return False
    limiter.take(key, now)
    return True


def test_a_burst_is_allowed_at_once_and_then_the_rate() -> None:
    """The browsers of a pod reconnect together; an address that does so again and again has to wait."""
    limiter = RateLimiter(2, burst=5)
    assert [connects(limiter, "a", 100.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert limiter.wait_seconds("a", 100.0) == 0.5
    assert [connects(limiter, "a", 101.0) for _ in range(3)] == [True, True, False]
    assert [connects(limiter, "a", 110.0) for _ in range(6)] == [True] * 5 + [False]


def test_a_refusal_does_not_prolong_the_wait() -> None:
    """A stock client tries again every few seconds, which must not keep it out for ever."""
    limiter = RateLimiter(1, burst=1)
    assert connects(limiter, "a", 100.0)
    assert not any(connects(limiter, "a", 100.0 + tenth / 10) for tenth in range(9))
    assert connects(limiter, "a", 101.0)


def test_one_at_once_is_one_whatever_the_clock_says() -> None:
    """Times are floats: their rounding must not refuse the first connect of all."""
    for thousandths in range(1_000):
        assert connects(RateLimiter(20, burst=1), "a", 4_321.0 + thousandths / 997)


def test_each_key_has_a_bucket_of_its_own() -> None:
    """One address must not slow down another."""
    limiter = RateLimiter(1, burst=1)
    assert connects(limiter, "a", 100.0)
    assert connects(limiter, "b", 100.0)


def test_without_a_rate_nothing_is_counted() -> None:
    """Without the limit, it costs nothing."""
    limiter = RateLimiter(0, burst=1)
    assert all(connects(limiter, "a", 100.0) for _ in range(100))
    assert len(limiter) == 0


def test_buckets_are_bounded_and_forgotten_when_full() -> None:
    """A client may have any number of addresses; a full bucket holds no information."""
    limiter = RateLimiter(1, burst=1, max_keys=100)
    for number in range(1_000):
        assert connects(limiter, f"{number}", 100.0)
    assert len(limiter) == 100
    for number in range(60):
        assert connects(limiter, f"later-{number}", 200.0)
    assert len(limiter) == 60
