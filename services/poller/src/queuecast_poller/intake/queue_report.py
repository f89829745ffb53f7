"""Reports how a queue is to operators, as long as one of them looks at a gateway's live board."""

import asyncio
import json
import logging
from typing import Any

from queuecast_bus import BusManager, BusUnavailable
from queuecast_edge.metrics import total
from queuecast_poller.intake.board_sends import BoardSends
from queuecast_poller.intake.left_messages import LeftMessages
from queuecast_poller.intake.recent_waits import RecentWaits
from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.sqs.failure import QueueUnavailable
from queuecast_poller.sqs.queue import Queue

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 2.0


class QueueReport:
    """The report of one queue: what is on it, what became of its messages, and those that were left last.

    While nobody looks it costs one command to Redis in each interval. While somebody does, also one request
    to SQS. Before the queue is open, nothing is known of what is on it.
    """

    def __init__(
        self, name: str, poller: str, bus: BusManager, metrics: QueueMetrics, *, takes_sends: bool = False
    ) -> None:
        self._name = name
        self._poller = poller
        self._bus = bus
        self._metrics = metrics
        self._queue: Queue | None = None
        self._left = LeftMessages()
        self._waits = RecentWaits(bus.clock.now)
        self._sends = BoardSends(name, bus, metrics) if takes_sends else None
        self._failing = False

    def opened(self, queue: Queue, left: LeftMessages, waits: RecentWaits) -> None:
        """Report what is on this queue, and the messages that were left or wait there, from now on."""
        self._queue, self._left, self._waits = queue, left, waits

    async def run(self) -> None:
        """Report while reports are wanted, until cancelled."""
        while True:
            await self.check()
            await asyncio.sleep(INTERVAL_SECONDS)

    async def check(self) -> None:
        """Report once, if that is wanted. The first failure after a success is logged."""
        try:
            if await self._bus.queue_reports.are_wanted():
                if self._sends is not None and self._queue is not None:
                    await self._sends.carry_out(self._queue)
                report = json.dumps(await self._report())
                await self._bus.queue_reports.put(f"{self._name} {self._poller}", report)
            self._failing = False
        except BusUnavailable as exc:
            if not self._failing:
                log.info("the live board learns nothing of queue %s: %s", self._name, exc)
            self._failing = True

    async def _report(self) -> dict[str, Any]:
        metrics = self._metrics
        return {
            "queue": self._name,
            "poller": self._poller,
            "at_ms": round(1000 * self._bus.clock.now()),
            "backlog": await self._backlog(),
            "in_flight": total(metrics.in_flight),
            "received": total(metrics.received),
            "published": total(metrics.published),
            "duplicates": total(metrics.duplicates),
            "left": {reason: count for reason, each in metrics.left.items() if (count := total(each))},
            "dropped": {reason: count for reason, each in metrics.dropped.items() if (count := total(each))},
            "dead_letters": sum(map(total, metrics.dead_letters.values())),
            "recent": self._left.recent,
            "held": total(metrics.held),
            "awaited": total(metrics.awaited),
            "holds": {outcome: count for outcome, each in metrics.holds.items() if (count := total(each))},
            "acks": {outcome: count for outcome, each in metrics.acks.items() if (count := total(each))},
            "waits": self._waits.recent,
            "takes_sends": self._sends is not None,
            "sent": [] if self._sends is None else self._sends.recent,
        }

    async def _backlog(self) -> dict[str, int] | None:
        if self._queue is None:
            return None
        try:
            return (await self._queue.backlog())._asdict()
        except QueueUnavailable as exc:
            self._metrics.failed(exc)
            return None
