"""How often one may come: a burst, then a rate; what is over leaves nothing behind."""

from queuecast_gateway.limits.arrivals import Arrivals


def come(arrivals: Arrivals, key: str, now: float) -> bool:
    """Come if that is allowed, and say whether it was."""
    if arrivals.wait(key, now):
        return False
    arrivals.came(key, now)
    return True


def test_a_burst_may_come_at_once_and_then_as_many_as_the_rate() -> None:
    """A pod's browsers come back together; who does it again and again has to wait."""
    arrivals = Arrivals(2, burst=5)
    assert [come(arrivals, "a", 100.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert arrivals.wait("a", 100.0) == 0.5
    assert [come(arrivals, "a", 101.0) for _ in range(3)] == [True, True, False]
    assert [come(arrivals, "a", 110.0) for _ in range(6)] == [True] * 5 + [False]


def test_who_is_refused_waits_no_longer_for_it() -> None:
    """A stock client tries again every few seconds; that must not keep it out for ever."""
    arrivals = Arrivals(1, burst=1)
    assert come(arrivals, "a", 100.0)
    assert not any(come(arrivals, "a", 100.0 + tenth / 10) for tenth in range(9))
    assert come(arrivals, "a", 101.0)


def test_others_have_a_bucket_of_their_own() -> None:
    """One address says nothing about another."""
    arrivals = Arrivals(1, burst=1)
    assert come(arrivals, "a", 100.0)
    assert come(arrivals, "b", 100.0)


def test_without_a_rate_nothing_is_counted() -> None:
    """Who turns it off pays nothing for it."""
    arrivals = Arrivals(0, burst=1)
    assert all(come(arrivals, "a", 100.0) for _ in range(100))
    assert len(arrivals) == 0


def test_what_is_kept_is_bounded_and_forgotten() -> None:
    """Addresses cost nothing; a full bucket is no bucket."""
    arrivals = Arrivals(1, burst=1, max_keys=100)
    for number in range(1_000):
        assert come(arrivals, f"{number}", 100.0)
    assert len(arrivals) == 100
    for number in range(60):
        assert come(arrivals, f"later-{number}", 200.0)
    assert len(arrivals) == 60
