"""A message of our own, now and then: what becomes of it is what becomes of everybody's.

It goes the whole way, from the queue over the poller and the bus to every gateway, which says how old the
newest is that came. It proves the path when nobody else sends anything.
"""

import asyncio
import logging

from queuecast_poller.failure import QueueUnavailable
from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.sqs import Queue

log = logging.getLogger(__name__)


class Canary:
    """Sends one every so many seconds; 0 sends none."""

    def __init__(self, queue: Queue, seconds: float, metrics: QueueMetrics) -> None:
        self._queue = queue
        self._seconds = seconds
        self._metrics = metrics

    async def run(self) -> None:
        """Send, for ever. A failure is counted, and logged when it is the first after a success."""
        failing = False
        while self._seconds:
            try:
                await self._queue.send_canary()
            except QueueUnavailable as exc:
                self._metrics.failed(exc)
                if not failing:
                    log.warning("no canary is sent, which needs sqs:SendMessage: %s", exc)
                failing = True
            else:
                self._metrics.canaries.inc()
                failing = False
            await asyncio.sleep(self._seconds)
