"""Pollers' reports about their queues, for operators who look at them now.

A gateway says that somebody looks, and pollers report as long as that lasts. All of it is forgotten soon
after.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from redis.asyncio import Redis

from queuecast_bus.connection import redis_call
from queuecast_bus.keys import Keys

WANTED_SECONDS = 10
"""How long reports are wanted after somebody has looked at them."""

KEPT_SECONDS = 30
"""How long the last reports are kept."""


class QueueReports:
    """One text for each queue of each poller."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def want(self) -> None:
        """Say that somebody looks. Raises `BusUnavailable`."""
        async with redis_call("asking pollers for reports"):
            await self._redis.set(self._keys.reports_wanted, b"1", ex=WANTED_SECONDS)

    async def are_wanted(self) -> bool:
        """Return whether somebody looks. Raises `BusUnavailable`."""
        async with redis_call("asking whether reports are wanted"):
            return await self._redis.get(self._keys.reports_wanted) is not None

    async def put(self, name: str, text: str) -> None:
        """Report; `name` is the queue's and the poller's. Raises `BusUnavailable`."""
        async with redis_call("reporting how a queue is"):
            await asyncio.gather(
                self._redis.hset(self._keys.reports, name, text),
                self._redis.pexpire(self._keys.reports, 1000 * KEPT_SECONDS),
            )

    async def all(self) -> dict[str, str]:
        """Return the last reports, by their names. Raises `BusUnavailable`."""
        async with redis_call("reading pollers' reports"):
            found: Any = await self._redis.hgetall(self._keys.reports)
        return {name.decode(errors="replace"): text.decode(errors="replace") for name, text in found.items()}

    async def remove(self, names: Iterable[str]) -> None:
        """Remove the reports of pollers that are gone. Raises `BusUnavailable`."""
        async with redis_call("removing old reports"):
            await self._redis.hdel(self._keys.reports, *names)
