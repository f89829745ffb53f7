"""The pub/sub channels between replicas: short-lived control that nobody replays.

What is said while Redis is away is lost, and that is fine for it; what must not be lost is a record.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from queuecast_bus.connection import asking, connect, jittered
from queuecast_bus.errors import BusUnavailable
from queuecast_bus.reader import RETRY_CAP_SECONDS

log = logging.getLogger(__name__)

QUIET_SECONDS = 5.0
"""After so long without a word, Redis is asked whether it is still there; after twice that the connection is
given up. A cut without a reset is not noticed otherwise."""


class ControlChannel:
    """Says messages on a pub/sub channel, and hears those of `channels`."""

    def __init__(self, redis: Redis, url: str, channels: Sequence[str]) -> None:
        self._redis = redis
        self._url = url
        self._channels = channels

    async def say(self, channel: str, message: str) -> int:
        """Publish a message; return how many connections it was handed to.

        None means that nobody is there; some may be connections whose other end is gone. Raises
        `BusUnavailable` if Redis did not confirm.
        """
        async with asking("publishing on the control channel"):
            heard_by: int = await self._redis.publish(channel, message)
        return heard_by

    async def messages(self) -> AsyncIterator[bytes]:
        """Yield what is said, for ever; Redis's failures are waited out.

        Each try has a client of its own: one that is reused reconnects by itself and lives on unheard.
        """
        attempt = 0
        while True:
            client = connect(self._url)
            try:
                async with asking("listening", None), client.pubsub() as pubsub:
                    async with asking("subscribing"):
                        await pubsub.subscribe(*self._channels)
                    async with aclosing(_heard(pubsub)) as heard:
                        async for message in heard:
                            attempt = 0
                            yield message
            except BusUnavailable as exc:
                if attempt == 0:
                    log.warning("the control channel cannot be heard, trying again: %s", exc)
            finally:
                await client.aclose()
            await asyncio.sleep(jittered(attempt, cap_seconds=RETRY_CAP_SECONDS))
            attempt += 1


async def _heard(pubsub: PubSub) -> AsyncGenerator[bytes, None]:
    asked = False
    while True:
        message = await pubsub.get_message(timeout=QUIET_SECONDS)
        if message is None and asked:
            raise TimeoutError(f"nothing heard for {2 * QUIET_SECONDS:.0f} s")
        asked = message is None
        if message is None:
            await pubsub.ping()
        elif message["type"] == "message":
            yield message["data"]
