"""Back-pressure: a gateway that has fallen behind says so, and pollers receive nothing until it is over.

What cannot be delivered now is safer on the queue than on the stream, which keeps a number of records only.
"""

from redis.asyncio import Redis

from queuecast_bus.connection import asking
from queuecast_bus.keys import Keys

LASTING_SECONDS = 3
"""How long a gateway's word lasts: one that stands still, or is gone, holds nobody up for longer."""


class Pressure:
    """One key with an expiry, whoever is behind."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def report(self) -> None:
        """Say that a gateway is behind. Raises `BusUnavailable`."""
        async with asking("saying that this replica is behind"):
            await self._redis.set(self._keys.behind, b"1", ex=LASTING_SECONDS)

    async def is_reported(self) -> bool:
        """Say whether a gateway is behind. Raises `BusUnavailable`."""
        async with asking("asking whether a gateway is behind"):
            return await self._redis.get(self._keys.behind) is not None
