"""The pub/sub channels between replicas: short-lived control messages that are never replayed.

A message sent while Redis is away is lost, which is fine for control. What must not be lost is a record.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from redis.asyncio import Redis

from queuecast_bus.clients import Clients
from queuecast_bus.connection import redis_call
from queuecast_bus.subscription import Subscription


class ControlChannel:
    """Publishes messages on any pub/sub channel, and receives those of `channels`."""

    def __init__(self, redis: Redis, clients: Clients, channels: Sequence[str]) -> None:
        self._redis = redis
        self.subscription = Subscription(clients, "the control channel", channels)

    async def publish(self, channel: str, message: str) -> int:
        """Publish a message; return how many connections received it.

        0 means that there are no subscribers. Of some connections the other end may be gone. Raises
        `BusUnavailable` if Redis did not confirm.
        """
        async with redis_call("publishing on the control channel"):
            receivers: int = await self._redis.publish(channel, message)
        return receivers

    async def messages(self) -> AsyncGenerator[bytes, None]:
        """Yield messages for ever; see `Subscription.messages`."""
        async with aclosing(self.subscription.messages()) as messages:
            async for _, message in messages:
                yield message
