"""Canaries: messages that the poller sends to its own queue now and then, to test the whole path.

A canary goes from the queue through the poller and the bus to every gateway, and each gateway reports the age
of the newest one. So the path is tested even while nobody else sends anything.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Iterable

from queuecast_bus import BusManager, BusUnavailable
from queuecast_bus.connection import redis_call
from queuecast_poller.judge.canary_token import canary_body, is_genuine
from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.sqs.failure import QueueUnavailable
from queuecast_poller.sqs.message import CANARY, Message
from queuecast_poller.sqs.queue import Queue

log = logging.getLogger(__name__)


KEY_BYTES = 32


class Canary:
    """Sends a canary every `seconds`; 0 sends none. `key` tells genuine canaries from forged ones, once it is
    known.

    All pollers of a bus share the key. The first one makes it and puts it into Redis, where no sender can
    read it.
    """

    def __init__(self, queue: Queue, bus: BusManager, seconds: float, metrics: QueueMetrics) -> None:
        self.key: bytes | None = None
        self._queue = queue
        self._bus = bus
        self._seconds = seconds
        self._metrics = metrics

    async def run(self) -> None:
        """Send for ever. Failures are counted, and the first one after a success is logged."""
        failing = False
        while self._seconds:
            try:
                await self._send()
            except (QueueUnavailable, BusUnavailable) as exc:
                if isinstance(exc, QueueUnavailable):
                    self._metrics.failed(exc)
                if not failing:
                    log.warning("canaries cannot be sent, which needs sqs:SendMessage and Redis: %s", exc)
                failing = True
            else:
                self._metrics.canaries.inc()
                failing = False
            await asyncio.sleep(self._seconds)

    async def recognise(self, messages: Iterable[Message]) -> None:
        """Look the key up in Redis if the known one did not make one of these canaries.

        Redis may have lost the key, and another poller have made a new one. While Redis is away the old key
        stays.
        """
        if any(
            CANARY in message.attributes and not is_genuine(message.body, self.key, message.sent_ms)
            for message in messages
        ):
            try:
                await self._learn_key()
            except BusUnavailable as exc:
                log.warning("genuine canaries cannot be told from forged ones: %s", exc)

    async def _send(self) -> None:
        key = await self._learn_key()
        if key is None:
            # If two pollers make one at the same time, the first one in Redis counts.
            await self._make_key()
            key = await self._learn_key()
        if key is None:
            raise BusUnavailable("making the key of canaries: Redis lost it at once")
        await self._queue.send_canary(canary_body(key, round(time.time() * 1000)))

    async def _learn_key(self) -> bytes | None:
        async with redis_call("asking for the key of canaries"):
            found: bytes | None = await self._bus.commands.get(self._bus.keys.canary)
        if found is not None:
            self.key = found
        return found

    async def _make_key(self) -> None:
        async with redis_call("making the key of canaries"):
            await self._bus.commands.set(self._bus.keys.canary, secrets.token_hex(KEY_BYTES), nx=True)
