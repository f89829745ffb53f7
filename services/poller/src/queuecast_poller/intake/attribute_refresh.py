"""Reads a queue's attributes again now and then: its owner may change them while the poller runs."""

import asyncio
import logging
from collections.abc import Callable

from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.sqs.failure import QueueUnavailable
from queuecast_poller.sqs.queue import Queue

log = logging.getLogger(__name__)

REFRESH_SECONDS = 60.0
IDLE_ROUNDS = 10
"""An idle queue is refreshed only every tenth time: it must cost little more than its long polls."""


class AttributeRefresh:
    """Refreshes one queue's attributes once a minute while it brings messages."""

    def __init__(self, queue: Queue, metrics: QueueMetrics, changed: Callable[[], None]) -> None:
        self._queue = queue
        self._metrics = metrics
        self._changed = changed
        self._used = False
        self._failing = False

    def used(self) -> None:
        """Note that the queue has brought messages."""
        self._used = True

    async def run(self) -> None:
        """Refresh until cancelled."""
        idle = 0
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            idle = 0 if self._used else idle + 1
            self._used = False
            if idle % IDLE_ROUNDS == 0:
                await self.refresh()

    async def refresh(self) -> None:
        """Refresh now. Failures are counted, and the first one after a success is logged."""
        before = self._queue.visibility_seconds
        try:
            await self._queue.refresh()
        except QueueUnavailable as exc:
            self._metrics.failed(exc)
            if not self._failing:
                log.warning("the queue's attributes cannot be read again, the old ones stay in use: %s", exc)
            self._failing = True
            return
        self._failing = False
        if self._queue.visibility_seconds != before:
            text = "the visibility timeout changed from %d s to %d s"
            log.info(text, before, self._queue.visibility_seconds)
            self._changed()
