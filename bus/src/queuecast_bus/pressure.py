"""Back-pressure: a gateway that has fallen behind reports it, and pollers receive nothing until that is over.

Messages that cannot be delivered now are safer on the queue than on the stream, which keeps only so many
records.
"""

from redis.asyncio import Redis

from queuecast_bus.connection import redis_call
from queuecast_bus.keys import Keys

REPORT_SECONDS = 3
"""How long a report lasts: a gateway that hangs or is gone holds pollers up for no longer."""


class Pressure:
    """The reports of all gateways, as one key that expires."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def report(self) -> None:
        """Report that a gateway is behind. Raises `BusUnavailable`."""
        async with redis_call("reporting that this replica is behind"):
            await self._redis.set(self._keys.behind, b"1", ex=REPORT_SECONDS)

    async def is_reported(self) -> bool:
        """Return whether a gateway is behind. Raises `BusUnavailable`."""
        async with redis_call("asking whether a gateway is behind"):
            return await self._redis.get(self._keys.behind) is not None
