"""Which namespaces the gateways serve: each says so again and again, and pollers ask.

An event for a namespace that nobody serves would be stored, read by all gateways and shown to nobody.
"""

import asyncio
from collections.abc import Iterable

from redis.asyncio import Redis

from queuecast_bus.connection import asking
from queuecast_bus.keys import Keys

LASTING_SECONDS = 60
"""How long a gateway's word lasts. A gateway that restarts, and a Redis that lost its keys, must not make
anybody believe that a namespace has gone."""

ANY = "any"
"""Stands for whatever there is: the key exists while a gateway says anything. No namespace is called so."""


class Namespaces:
    """The namespaces that are served, as keys with an expiry: one for each, whoever serves it."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def announce(self, namespaces: Iterable[str]) -> None:
        """Say that these are served. Raises `BusUnavailable`."""
        async with asking("saying which namespaces are served"):
            await asyncio.gather(*(self._set(name) for name in (ANY, *namespaces)))

    async def announced(self, namespaces: Iterable[str]) -> set[str]:
        """Return those of these that somebody serves, and `ANY` if anybody serves any.

        Raises `BusUnavailable`.
        """
        names = [ANY, *namespaces]
        async with asking("asking which namespaces are served"):
            found = await asyncio.gather(*(self._redis.get(self._keys.namespace(name)) for name in names))
        return {name for name, value in zip(names, found, strict=True) if value is not None}

    async def _set(self, name: str) -> None:
        await self._redis.set(self._keys.namespace(name), b"1", ex=LASTING_SECONDS)
