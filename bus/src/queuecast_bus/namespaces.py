"""Which namespaces the gateways serve: each gateway announces its own repeatedly, and pollers ask.

An event for a namespace that no gateway serves would be stored, read by all gateways and delivered to nobody.
"""

import asyncio
from collections.abc import Iterable

from redis.asyncio import Redis

from queuecast_bus.connection import redis_call
from queuecast_bus.keys import Keys

ANNOUNCED_SECONDS = 60
"""How long an announcement lasts. It is long enough that no namespace seems gone when a gateway restarts or
Redis loses its keys."""

ANY = "any"
"""Stands for any namespace: its key exists while a gateway announces anything. No namespace has this name."""


class Namespaces:
    """The namespaces that are served, as keys that expire: one for each, whichever gateway serves it."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def announce(self, namespaces: Iterable[str]) -> None:
        """Announce that these are served. Raises `BusUnavailable`."""
        async with redis_call("announcing which namespaces are served"):
            await asyncio.gather(*(self._set(name) for name in (ANY, *namespaces)))

    async def announced(self, namespaces: Iterable[str]) -> set[str]:
        """Return those of these that a gateway serves, and `ANY` if a gateway serves any.

        Raises `BusUnavailable`.
        """
        names = [ANY, *namespaces]
        async with redis_call("asking which namespaces are served"):
            found = await asyncio.gather(*(self._redis.get(self._keys.namespace(name)) for name in names))
        return {name for name, value in zip(names, found, strict=True) if value is not None}

    async def _set(self, name: str) -> None:
        await self._redis.set(self._keys.namespace(name), b"1", ex=ANNOUNCED_SECONDS)
