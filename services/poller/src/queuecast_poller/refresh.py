"""A queue's attributes are asked for again now and then: its owner changes them under a running poller."""

import asyncio
import logging
from collections.abc import Callable

from queuecast_poller.failure import QueueUnavailable
from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.sqs import Queue

log = logging.getLogger(__name__)

REFRESH_SECONDS = 60.0
IDLE_ROUNDS = 10
"""A queue that brings nothing is asked each tenth time: it must cost little more than its long polls."""


class AttributeRefresh:
    """Has one queue ask for its attributes once a minute while it is used."""

    def __init__(self, queue: Queue, metrics: QueueMetrics, changed: Callable[[], None]) -> None:
        self._queue = queue
        self._metrics = metrics
        self._changed = changed
        self._used = False
        self._failing = False

    def used(self) -> None:
        """The queue has brought messages."""
        self._used = True

    async def run(self) -> None:
        """Ask, until cancelled."""
        idle = 0
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            idle = 0 if self._used else idle + 1
            self._used = False
            if idle % IDLE_ROUNDS == 0:
                await self.refresh()

    async def refresh(self) -> None:
        """Ask now. A failure is counted, and logged when it is the first after a success."""
        before = self._queue.visibility_seconds
        try:
            await self._queue.refresh()
        except QueueUnavailable as exc:
            self._metrics.failed(exc)
            if not self._failing:
                log.warning("what the queue's owner may have changed is not known: %s", exc)
            self._failing = True
            return
        self._failing = False
        if self._queue.visibility_seconds != before:
            text = "the visibility timeout is %d s now, and was %d s"
            log.info(text, self._queue.visibility_seconds, before)
            self._changed()
