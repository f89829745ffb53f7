"""A message of our own, now and then: what becomes of it is what becomes of everybody's.

It goes the whole way, from the queue over the poller and the bus to every gateway, which says how old the
newest is that came. It proves the path when nobody else sends anything.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Iterable

from queuecast_bus import BusManager, BusUnavailable
from queuecast_bus.connection import asking
from queuecast_poller.canary_token import canary_body, is_genuine
from queuecast_poller.failure import QueueUnavailable
from queuecast_poller.message import Message
from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.routing import CANARY
from queuecast_poller.sqs import Queue

log = logging.getLogger(__name__)


KEY_BYTES = 32


class Canary:
    """Sends one every so many seconds; 0 sends none. `key` is what tells ours from forged ones, once it is
    known.

    All pollers of a bus share the key. The first makes it and puts it into Redis, where no sender can read
    it.
    """

    def __init__(self, queue: Queue, bus: BusManager, seconds: float, metrics: QueueMetrics) -> None:
        self.key: bytes | None = None
        self._queue = queue
        self._bus = bus
        self._seconds = seconds
        self._metrics = metrics

    async def run(self) -> None:
        """Send, for ever. A failure is counted, and logged when it is the first after a success."""
        failing = False
        while self._seconds:
            try:
                await self._send()
            except (QueueUnavailable, BusUnavailable) as exc:
                if isinstance(exc, QueueUnavailable):
                    self._metrics.failed(exc)
                if not failing:
                    log.warning("no canary is sent, which needs sqs:SendMessage and Redis: %s", exc)
                failing = True
            else:
                self._metrics.canaries.inc()
                failing = False
            await asyncio.sleep(self._seconds)

    async def recognise(self, messages: Iterable[Message]) -> None:
        """Ask Redis for the key if there is a canary that the key we know did not make.

        Another poller may have made one since, for a Redis that had lost it. While Redis is away the old key
        stays.
        """
        if any(
            CANARY in message.attributes and not is_genuine(message.body, self.key, message.sent_ms)
            for message in messages
        ):
            try:
                await self._learn_key()
            except BusUnavailable as exc:
                log.warning("canaries cannot be told from forged ones: %s", exc)

    async def _send(self) -> None:
        key = await self._learn_key()
        if key is None:
            # Of two pollers that make one at a time the first one's counts.
            await self._make_key()
            key = await self._learn_key()
        if key is None:
            raise BusUnavailable("making the key of canaries: Redis has lost it at once")
        await self._queue.send_canary(canary_body(key, round(time.time() * 1000)))

    async def _learn_key(self) -> bytes | None:
        async with asking("asking for the key of canaries"):
            found: bytes | None = await self._bus.commands.get(self._bus.keys.canary)
        if found is not None:
            self.key = found
        return found

    async def _make_key(self) -> None:
        async with asking("making the key of canaries"):
            await self._bus.commands.set(self._bus.keys.canary, secrets.token_hex(KEY_BYTES), nx=True)
