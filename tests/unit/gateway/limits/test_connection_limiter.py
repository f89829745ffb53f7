from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_gateway.limits.connection_limiter import ConnectionLimiter

steps = st.lists(st.tuples(st.booleans(), st.sampled_from("abc")), max_size=60)


@given(st.integers(1, 4), steps)
def test_it_counts_as_a_counter_does(max_per_key: int, made: list[tuple[bool, str]]) -> None:
    """In any order of connects and disconnects, with the mistakes of a caller among them."""
    limiter, counter = ConnectionLimiter(max_per_key), Counter[str]()
    for connects, key in made:
        if connects:
            assert limiter.acquire(key) is (counter[key] < max_per_key)
            counter[key] = min(max_per_key, counter[key] + 1)
        elif counter[key]:
            limiter.release(key)
            counter[key] -= 1
        else:
            with pytest.raises(ValueError, match=key):
                limiter.release(key)
        assert len(limiter) == len(+counter)


def test_a_refused_connection_is_not_counted() -> None:
    """Otherwise a client that tries often enough would lock its own address out."""
    limiter = ConnectionLimiter(1)
    assert limiter.acquire("a")
    assert not limiter.acquire("a")
    assert not limiter.acquire("a")
    limiter.release("a")
    assert limiter.acquire("a")


def test_a_key_without_connections_is_forgotten() -> None:
    """New addresses connect for months."""
    limiter = ConnectionLimiter(2)
    for number in range(1000):
        assert limiter.acquire(str(number))
        limiter.release(str(number))
    assert len(limiter) == 0


def test_one_release_too_many_is_an_error() -> None:
    """If it were ignored, it would release somebody else's connection once a key has two."""
    limiter = ConnectionLimiter(2)
    with pytest.raises(ValueError, match="'a' was released and not acquired"):
        limiter.release("a")
    assert limiter.acquire("a")
    assert limiter.acquire("a")
    assert not limiter.acquire("a")


def test_zero_means_no_limit_and_no_memory() -> None:
    """Without the limit, it costs nothing."""
    limiter = ConnectionLimiter(0)
    assert all(limiter.acquire("a") for _ in range(1000))
    assert len(limiter) == 0
    limiter.release("a")
