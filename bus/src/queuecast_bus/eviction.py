"""Says whether Redis removes keys by itself when it is full: records, message ids and sessions. Pure."""

from collections.abc import Mapping
from typing import Any


def eviction_policy(memory: Mapping[str, Any]) -> str | None:
    """Return the policy by which Redis removes keys, from `INFO memory`; None if it never does."""
    policy = memory.get("maxmemory_policy")
    # Without a limit Redis is never full.
    return policy if policy not in (None, "noeviction") and memory.get("maxmemory") else None
