"""A subscription to pub/sub channels of Redis: messages for ever, whatever happens to the connection.

What is published while it is interrupted is lost, as always with pub/sub.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ResponseError

from queuecast_bus.connection import jittered, redis_call
from queuecast_bus.errors import BusUnavailable
from queuecast_bus.reader import RETRY_CAP_SECONDS

log = logging.getLogger(__name__)

QUIET_SECONDS = 5.0
"""After so long without a message Redis is pinged, and after twice that the connection is given up. A cut
without a reset would not be noticed otherwise."""

TURN_SECONDS = 0.01
"""After so long others get their turn: while messages are buffered, reading them never waits."""


class Connects(Protocol):
    """Makes clients, as `Clients` does."""

    def connect(self) -> Redis: ...


class Subscription:
    """Receives the messages of some channels, or of all channels that match some patterns.

    Its connection is one of `clients`, and is given up together with theirs. `what` names the messages in the
    log. `failure` says why they are not received now, None if they are. `answered` is set once Redis has
    confirmed the subscription, or refused it: before, messages may be lost that will be received later.
    """

    def __init__(
        self,
        clients: "Connects",
        what: str,
        channels: Sequence[str] = (),
        patterns: Sequence[str] = (),
    ) -> None:
        self._clients = clients
        self.what = what
        self._channels = channels
        self._patterns = patterns
        self.failure: str | None = "not subscribed yet"
        self.answered = asyncio.Event()

    async def messages(self) -> AsyncGenerator[tuple[bytes, bytes], None]:
        """Yield channels and messages for ever. Failures of Redis are waited out.

        Each try has a new client: one that is reused reconnects by itself, but without its subscriptions.
        """
        attempt = 0
        while True:
            client = self._clients.connect()
            try:
                async with redis_call("listening", None), client.pubsub() as pubsub:
                    async with redis_call("subscribing"):
                        if self._channels:
                            await pubsub.subscribe(*self._channels)
                        if self._patterns:
                            await pubsub.psubscribe(*self._patterns)
                    async with aclosing(_received(pubsub)) as received:
                        began = time.monotonic()
                        async for message in received:
                            if message["type"] not in ("message", "pmessage"):
                                self.failure = None  # Redis confirms a subscription
                                self.answered.set()
                                continue
                            attempt = 0
                            yield message["channel"], message["data"]
                            if time.monotonic() - began > TURN_SECONDS:
                                await asyncio.sleep(0)
                                began = time.monotonic()
            except BusUnavailable as exc:
                self.failure = str(exc)
                if isinstance(exc.__cause__, ResponseError):
                    self.answered.set()
                if attempt == 0:
                    log.warning("%s cannot be read, trying again: %s", self.what, exc)
            finally:
                await client.aclose()
            await asyncio.sleep(jittered(attempt, cap_seconds=RETRY_CAP_SECONDS))
            attempt += 1


async def _received(pubsub: PubSub) -> AsyncGenerator[dict[str, Any], None]:
    is_pinged = False
    while True:
        message = await pubsub.get_message(timeout=QUIET_SECONDS)
        if message is None and is_pinged:
            raise TimeoutError(f"no message for {2 * QUIET_SECONDS:.0f} s")
        is_pinged = message is None
        if message is None:
            await pubsub.ping()
        else:
            yield message
