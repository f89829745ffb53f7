"""When a receive may begin, and how much it may bring: the backlog waits in SQS, not here.

Two things hold receives back: the queue's rate limit, and gateways that have fallen behind.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from queuecast_bus import BusManager, BusUnavailable
from queuecast_poller.concurrency import BATCH
from queuecast_poller.loop_thread import pause
from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.token_bucket import TokenBucket

log = logging.getLogger(__name__)

FRESH_SECONDS = 1.0
"""How long it is believed that no gateway is behind."""

LOOK_SECONDS = 0.5
"""Longest pause before it is looked again whether a receive may begin."""


class Throttle:
    """Lets the receives of one queue begin.

    `rate` returns the most messages a second; None or 0 is no limit.
    """

    def __init__(
        self,
        bus: BusManager,
        rate: Callable[[], float | None],
        metrics: QueueMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bus = bus
        self._rate = rate
        self._metrics = metrics
        self._clock = clock
        self._bucket: TokenBucket | None = None
        self._asked: float | None = None
        self._behind = False

    async def reserve(self, stop: asyncio.Event, step: Callable[[], object]) -> int:
        """Wait until a receive may begin; return how many messages it may bring, 0 if we are to stop.

        `step` is called with each look: to wait is no sign of being stuck.
        """
        while not stop.is_set():
            step()
            began = self._clock()
            if await self._is_held_up():
                await pause(stop, LOOK_SECONDS)
                self._metrics.throttled_seconds["lag"].inc(self._clock() - began)
                continue
            taken, wait_seconds = self._take()
            if taken:
                return taken
            await pause(stop, min(LOOK_SECONDS, wait_seconds))
            self._metrics.throttled_seconds["rate"].inc(self._clock() - began)
        return 0

    def put_back(self, messages: int) -> None:
        """A receive has brought so many less than it might have."""
        if self._bucket is not None:
            self._bucket.put_back(messages)

    def _take(self) -> tuple[int, float]:
        """Take what there is for one receive; return it, and for how long there is nothing else."""
        rate = self._rate()
        if not rate:
            self._bucket = None
            return BATCH, 0.0
        if self._bucket is None:
            self._bucket = TokenBucket(rate, self._clock())
        return self._bucket.take(rate, BATCH, self._clock()), self._bucket.wait_seconds

    async def _is_held_up(self) -> bool:
        now = self._clock()
        if self._behind or self._asked is None or now - self._asked >= FRESH_SECONDS:
            # At once, so that of many receives one asks.
            self._asked = now
            try:
                behind = await self._bus.pressure.is_reported()
            except BusUnavailable:
                # Publishing will wait for Redis, and say so.
                behind = False
            if behind != self._behind:
                log.info(
                    "a gateway is behind, receiving waits" if behind else "no gateway is behind any more"
                )
            self._behind = behind
        return self._behind
