"""What people put on queues from a live board: a gateway asks for it, and a poller of the queue sends it.

Gateways have no access to SQS. What no poller takes is forgotten soon after.
"""

from typing import Any

from redis.asyncio import Redis

from queuecast_bus.connection import redis_call
from queuecast_bus.keys import Keys

MAX_ASKED = 100
"""Most that may wait for pollers at once."""

KEPT_SECONDS = 30
"""For how long pollers may still take what was asked for last."""


class QueueSends:
    """Texts by the id of a request. What they say is between gateways and pollers."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def ask(self, request: str, text: str) -> bool:
        """Ask pollers to send; return False if too much waits already. Raises `BusUnavailable`."""
        async with redis_call("asking a poller to send"):
            if await self._redis.hlen(self._keys.queue_sends) >= MAX_ASKED:
                return False
            await self._redis.hset(self._keys.queue_sends, request, text)
            await self._redis.pexpire(self._keys.queue_sends, 1000 * KEPT_SECONDS)
        return True

    async def asked(self) -> dict[str, str]:
        """Return everything that waits, by request. Raises `BusUnavailable`."""
        async with redis_call("reading what is to be sent"):
            found: Any = await self._redis.hgetall(self._keys.queue_sends)
        return {name.decode(errors="replace"): text.decode(errors="replace") for name, text in found.items()}

    async def take(self, request: str) -> bool:
        """Take one; return False if another poller has. Raises `BusUnavailable`."""
        async with redis_call("taking what is to be sent"):
            return bool(await self._redis.hdel(self._keys.queue_sends, request))
