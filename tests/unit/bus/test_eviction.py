"""Which policies of Redis remove keys."""

import pytest

from queuecast_bus.eviction import eviction_policy


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-lru", "allkeys-random", "volatile-ttl"])
def test_a_policy_that_removes_keys_is_named(policy: str) -> None:
    """Message ids and sessions expire, so the policies for such keys remove them, too."""
    assert eviction_policy({"maxmemory": 1 << 30, "maxmemory_policy": policy}) == policy


@pytest.mark.parametrize(
    "memory",
    [
        {"maxmemory": 1 << 30, "maxmemory_policy": "noeviction"},
        {"maxmemory": 0, "maxmemory_policy": "allkeys-lru"},
        {"maxmemory": 1 << 30},
        {},
    ],
)
def test_nothing_is_removed_without_a_limit_or_a_policy(memory: dict[str, object]) -> None:
    """And what the server does not say is not guessed."""
    assert eviction_policy(memory) is None
