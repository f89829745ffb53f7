"""Which gateways are there: each announces itself again and again, and pollers ask.

A poller that waits for acknowledgements has to know whose reports are still to come. The announcement says
from which offset on the gateway reads: of no record before it will it report.
"""

from collections.abc import Callable, Mapping
from typing import Any

from redis.asyncio import Redis

from queuecast_bus.connection import redis_call
from queuecast_bus.keys import Keys

INTERVAL_SECONDS = 2.0
SILENT_SECONDS = 8.0
"""After so long without an announcement a gateway counts as gone."""

FORGOTTEN_SECONDS = 60.0
"""After so long it is removed."""


class Replicas:
    """The announcements, in one hash. `now` is Unix time by Redis's clock. Every method raises
    `BusUnavailable`.
    """

    def __init__(self, redis: Redis, keys: Keys, now: Callable[[], float]) -> None:
        self._redis = redis
        self._key = keys.replicas
        self._now = now

    async def announce(self, replica: str, reads_from: str) -> None:
        """Announce a gateway that reads every record after an offset; remove those that are long gone."""
        now = self._now()
        async with redis_call("announcing this replica"):
            await self._redis.hset(self._key, replica, f"{reads_from} {round(1000 * now)}")
            # Fifteen times a minute for each gateway: a look at all of them costs nothing.
            found: Any = await self._redis.hgetall(self._key)
            gone = [name for name, text in found.items() if now - _announced(text)[1] > FORGOTTEN_SECONDS]
            if gone:
                await self._redis.hdel(self._key, *gone)

    async def withdraw(self, replica: str) -> None:
        """Say that a gateway leaves."""
        async with redis_call("withdrawing this replica"):
            await self._redis.hdel(self._key, replica)

    async def present(self) -> Mapping[str, str]:
        """Return the gateways that are there, each with the offset after which it reads."""
        async with redis_call("asking which replicas are there"):
            found: Any = await self._redis.hgetall(self._key)
        now = self._now()
        announced = {name.decode(errors="replace"): _announced(text) for name, text in found.items()}
        return {name: offset for name, (offset, at) in announced.items() if now - at <= SILENT_SECONDS}


def _announced(text: bytes) -> tuple[str, float]:
    offset, _, at_ms = text.decode(errors="replace").partition(" ")
    return (offset, int(at_ms) / 1000) if at_ms.isdecimal() else ("0-0", 0.0)
