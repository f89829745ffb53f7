"""Drains a backlog: messages of which only the newest counts wait, within bounds, for newer ones.

It waits only if there is a backlog, and only with messages of routes with `latest`. `conflation` decides
which message is the newest.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

from queuecast_poller.intake.conflation import Conflated, Conflation, NewestPublished
from queuecast_poller.judge.verdict import Publish
from queuecast_poller.loop_thread import pause
from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.sqs.message import BATCH
from queuecast_poller.sqs.queue import Queue

log = logging.getLogger(__name__)

MAX_MESSAGES = 10_000
"""Most messages that may wait, superseded ones included. They are in flight, of which SQS allows 120,000."""

MAX_BYTES = 16 << 20
"""Most memory for those of them that are not superseded."""

VISIBILITY_SHARE = 0.25
"""They wait for at most this share of the queue's visibility timeout: not all could be extended in time."""

Publisher = Callable[[Sequence[Publish], Sequence[str], float], Awaitable[bool]]
"""Publishes messages, then acknowledges them and the receipt handles of those that they supersede. Returns
whether it did; if not, it has given all of them back. The third argument is when the first was received."""


class Drain:
    """Publishes messages at once, or only the newest of each key at the end of a drain.

    A drain begins with a receive that shows a backlog. It ends with the first that shows none, after
    `seconds`, or when it is full. On a FIFO queue it lasts for one receive: SQS delivers no more of a group
    while any of its messages are in flight.
    """

    def __init__(
        self,
        queue: Queue,
        seconds: float,
        metrics: QueueMetrics,
        publish: Publisher,
        give_back: Callable[[Sequence[str]], Awaitable[None]],
    ) -> None:
        self._queue = queue
        self._seconds = seconds
        self._metrics = metrics
        self._publish = publish
        self._give_back = give_back
        self._conflation = Conflation()
        self._published = NewestPublished()
        self._flushing = asyncio.Lock()
        self._begun = asyncio.Event()
        self._due = 0.0

    async def submit(
        self, verdicts: Sequence[Publish], received: float, stop: asyncio.Event, *, is_backlog: bool
    ) -> None:
        """Publish the messages of one receive. While there is a backlog, those with `latest` may wait."""
        conflated = [verdict for verdict in verdicts if verdict.latest is not None]
        others = [verdict for verdict in verdicts if verdict.latest is None]
        if self._queue.fifo and conflated:
            # No message of a group may overtake another.
            conflated, others = list(verdicts), []
        for verdict in conflated:
            self._add(verdict, received)
        if others:
            await self._publish(others, (), received)
        if not is_backlog or self._queue.fifo or not self._seconds:
            await self.flush("drained")
        elif stop.is_set():
            await self.flush("stop")
        elif conflated:
            await self._wait_for_newer()

    async def flush(self, cause: str) -> None:
        """Publish the newest message of each key, and acknowledge all that wait."""
        if not self._conflation and not self._flushing.locked():
            return
        async with self._flushing:
            waiting = self._conflation.take()
            if self._begun.is_set():
                self._begun.clear()
                self._metrics.drains[cause].inc()
            stale: list[Conflated] = []
            fresh: list[Conflated] = []
            for each in waiting:
                (stale if self._published.has_newer(each.newest) else fresh).append(each)
            if stale:
                await self._publish((), list(_handles(stale)), stale[0].received)
            while fresh:
                batch, fresh = fresh[:BATCH], fresh[BATCH:]
                if not await self._publish_newest(batch):
                    # On a FIFO queue, none may be published after another of its group was given back. And
                    # a poller that stops has no time to try each batch.
                    await self._give_back(list(_handles(fresh)))
                    break

    async def run(self, stop: asyncio.Event) -> None:
        """End each drain when its time is over or `stop` is set, until cancelled."""
        while True:
            await self._begun.wait()
            await pause(stop, self._due - time.monotonic())
            if self._begun.is_set() and (stop.is_set() or time.monotonic() >= self._due):
                await self.flush("stop" if stop.is_set() else "seconds")

    def _add(self, verdict: Publish, received: float) -> None:
        superseded = self._conflation.add(verdict, received)
        if superseded is not None:
            log.debug("message %s is superseded", superseded.message.id)

    async def _wait_for_newer(self) -> None:
        if self._conflation and not self._begun.is_set():
            hidden_seconds = VISIBILITY_SHARE * self._queue.visibility_seconds
            self._due = time.monotonic() + min(self._seconds, hidden_seconds)
            self._begun.set()
        if self._conflation.messages >= MAX_MESSAGES:
            await self.flush("messages")
        elif self._conflation.bytes >= MAX_BYTES:
            await self.flush("bytes")
        else:
            # A flush may be waiting for Redis. Until that answers, nothing more is received.
            async with self._flushing:
                pass

    async def _publish_newest(self, batch: Sequence[Conflated]) -> bool:
        superseded = [handle for each in batch for handle in each.superseded]
        received = min(each.received for each in batch)
        if not await self._publish([each.newest for each in batch], superseded, received):
            return False
        for each in batch:
            self._published.remember(each.newest)
        self._metrics.latest_keys.set(len(self._published))
        return True


def _handles(conflated: Iterable[Conflated]) -> Iterator[str]:
    for each in conflated:
        yield from each.superseded
        yield each.newest.message.receipt_handle
