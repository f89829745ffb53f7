"""Decides when a receive may begin, and how many messages it may bring: the backlog waits in SQS.

Receives wait for two things: the queue's rate limit, and gateways that have fallen behind.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from queuecast_bus import BusManager, BusUnavailable
from queuecast_poller.intake.throttled_time import ThrottledTime
from queuecast_poller.intake.token_bucket import TokenBucket
from queuecast_poller.loop_thread import pause
from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.sqs.message import BATCH, Message

log = logging.getLogger(__name__)

RECHECK_SECONDS = 1.0
"""How often Redis is asked whether a gateway is behind, while none is."""

MAX_PAUSE_SECONDS = 0.5
"""Longest pause before the next check whether a receive may begin."""


class Throttle:
    """The throttle of one queue's receives. `rate` returns the limit in messages a second; None or 0 is no
    limit.
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
        self._throttled = ThrottledTime(clock() if rate() else None)
        self._checked_at: float | None = None
        self._behind = False

    async def reserve(self, stop: asyncio.Event, tick: Callable[[], object]) -> int:
        """Wait until a receive may begin; return how many messages it may bring, or 0 if `stop` is set.

        `tick` is called before each check: waiting is no sign of being stuck.
        """
        while not stop.is_set():
            tick()
            began = self._clock()
            if await self._is_gateway_behind():
                await pause(stop, MAX_PAUSE_SECONDS)
                self._metrics.throttled_seconds["lag"].inc(self._clock() - began)
                continue
            taken, wait_seconds = self._take()
            if taken:
                return taken
            await pause(stop, min(MAX_PAUSE_SECONDS, wait_seconds))
            ended = self._clock()
            self._metrics.throttled_seconds["rate"].inc(ended - began)
            self._throttled.add(began, ended)
        return 0

    def with_throttled_time(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Return messages that were received now, with the time for which the rate limit held each back."""
        if self._throttled.is_empty:
            return messages
        now, server_now = self._clock(), self._bus.clock.now()
        return [self._with_throttled_time(message, now, server_now) for message in messages]

    def _with_throttled_time(self, message: Message, now: float, server_now: float) -> Message:
        available_ms = message.available_ms
        if available_ms is None:
            return message
        seconds = self._throttled.seconds_since(now - (server_now - available_ms / 1000))
        return message._replace(throttled_ms=round(1000 * seconds)) if seconds else message

    def put_back(self, messages: int) -> None:
        """Put back what a receive reserved and did not bring."""
        if self._bucket is not None:
            self._bucket.put_back(messages)

    def _take(self) -> tuple[int, float]:
        """Take the messages of one receive; return how many, and for how many seconds there are no more."""
        rate = self._rate()
        if not rate:
            self._bucket = None
            return BATCH, 0.0
        if self._bucket is None:
            self._bucket = TokenBucket(rate, self._clock())
        return self._bucket.take(rate, BATCH, self._clock()), self._bucket.wait_seconds

    async def _is_gateway_behind(self) -> bool:
        now = self._clock()
        if self._behind or self._checked_at is None or now - self._checked_at >= RECHECK_SECONDS:
            # Set before the answer, so that only one of several receives asks.
            self._checked_at = now
            try:
                behind = await self._bus.pressure.is_reported()
            except BusUnavailable:
                # Publishing will wait for Redis, and log it.
                behind = False
            if behind != self._behind:
                log.info("a gateway is behind, receiving waits" if behind else "no gateway is behind now")
            self._behind = behind
        return self._behind
