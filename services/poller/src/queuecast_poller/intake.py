"""Receive, judge, publish, settle: the way of a message from a queue to the bus.

It carries out verdicts and decides nothing about messages. While Redis is away it keeps what it holds, hidden
from others by its custody, and receives nothing more: a redelivery would cost each message one of the few
receives before its queue takes it for dead.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from queuecast_bus import BusManager, BusUnavailable, Stored
from queuecast_bus.connection import jittered
from queuecast_poller.canary import Canary
from queuecast_poller.concurrency import BATCH, has_backlog, wanted_receives
from queuecast_poller.custody import Custody
from queuecast_poller.drain import Drain
from queuecast_poller.failure import QueueUnavailable
from queuecast_poller.freshness import drop_too_old
from queuecast_poller.judgement import Judgement
from queuecast_poller.left import tell_left
from queuecast_poller.loop_thread import pause
from queuecast_poller.message import Message
from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.pulse import Pulse
from queuecast_poller.refresh import AttributeRefresh
from queuecast_poller.retry import visibility_changes
from queuecast_poller.settings import Settings
from queuecast_poller.settlement import Settlement
from queuecast_poller.sqs import Queue
from queuecast_poller.throttle import Throttle
from queuecast_poller.verdict import Drop, DropReason, Leave, Publish, Verdict

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

RECEIVE_RETRY_CAP_SECONDS = 5.0
"""Longest pause before SQS is asked again: how late, at worst, a poller notices that an outage is over."""

SHORTEST_ROUND_SECONDS = 1.0
"""A receive that brings nothing is followed by another so long after its begin, at the earliest: without long
polling (`QUEUECAST_WAIT_SECONDS=0`) they would follow each other as fast as SQS answers."""


class Intake:
    """Works on one queue until it is told to stop."""

    def __init__(
        self,
        queue: Queue,
        bus: BusManager,
        settings: Settings,
        metrics: QueueMetrics,
        pulse: Pulse,
        judgement: Judgement,
    ) -> None:
        self._queue = queue
        self._bus = bus
        self._settings = settings
        self._metrics = metrics
        self._pulse = pulse
        self._judgement = judgement
        # A message that is published after its visibility was over is a duplicate for whoever comes second,
        # as long as its id is remembered; half of that time is left for clocks and the publish itself. On a
        # FIFO queue it is not published at all: SQS may have taken it for dead and let its followers pass.
        self._custody = Custody(queue, metrics, 0.0 if queue.fifo else settings.dedup_seconds / 2)
        self._settlement = Settlement(queue, self._custody, metrics)
        self._refresh = AttributeRefresh(queue, metrics, self._custody.adapt)
        self._canary = Canary(queue, bus, settings.canary_seconds, metrics)
        self._throttle = Throttle(bus, lambda: judgement.rules.rate, metrics)
        self._open_receives = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Receive and publish until `stop` is set; then finish or return what was received, and end."""
        self._drain = Drain(
            self._queue,
            self._settings.latest_seconds,
            self._metrics,
            partial(self._publish, stop),
            self._give_back,
        )
        async with asyncio.TaskGroup() as tasks:
            beside = (
                self._custody.run(),
                self._drain.run(stop),
                self._settlement.run(),
                self._canary.run(),
                self._refresh.run(),
            )
            keeping = [tasks.create_task(each) for each in beside]
            async with asyncio.TaskGroup() as receivers:
                self._open(receivers, stop)
            await self._drain.flush("stop")
            await self._settlement.drain()
            for task in keeping:
                task.cancel()

    def _open(self, receivers: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        self._open_receives += 1
        self._metrics.open_receives.set(self._open_receives)
        receivers.create_task(self._receive_repeatedly(receivers, stop))

    async def _receive_repeatedly(self, receivers: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        attempt = 0
        wanted = self._open_receives
        while not stop.is_set() and self._open_receives <= wanted:
            if not (most := await self._throttle.reserve(stop, self._step)):
                break
            began = time.monotonic()
            messages: Sequence[Message] = ()
            try:
                messages = await self._queue.receive(most)
            except QueueUnavailable as exc:
                self._metrics.receives["error"].inc()
                self._metrics.failed(exc)
                self._pulse.suffers("sqs", str(exc))
                if attempt == 0 and not stop.is_set():
                    log.warning("receiving pauses: %s", exc)
                await pause(stop, jittered(attempt, cap_seconds=RECEIVE_RETRY_CAP_SECONDS))
                attempt += 1
                continue
            finally:
                self._throttle.put_back(most - len(messages))
            attempt = 0
            if self._pulse.recovered("sqs"):
                log.info("receiving")
            took_seconds = time.monotonic() - began
            size = 0
            if messages:
                is_backlog = has_backlog(len(messages), most, took_seconds)
                size = await self._handle(messages, stop, is_backlog=is_backlog)
            else:
                self._metrics.receives["empty"].inc()
                await self._drain.flush("drained")
                await pause(stop, SHORTEST_ROUND_SECONDS - took_seconds)
            wanted = wanted_receives(self._open_receives, len(messages), self._max_receives, size)
            while wanted > self._open_receives and not stop.is_set():
                self._open(receivers, stop)
        self._open_receives -= 1
        self._metrics.open_receives.set(self._open_receives)

    @property
    def _max_receives(self) -> int:
        return self._judgement.rules.receives or self._settings.max_receives

    async def _handle(self, messages: Sequence[Message], stop: asyncio.Event, *, is_backlog: bool) -> int:
        """Carry out the verdicts on messages; return about how many bytes they brought, from SQS or S3."""
        received = time.monotonic()
        self._count_received(messages)
        self._refresh.used()
        handles = [message.receipt_handle for message in messages]
        self._custody.take(handles)
        await self._canary.recognise(messages)
        judged = await self._judge(messages, handles, stop)
        if judged is None:
            await self._give_back(handles)
            return 0
        verdicts = drop_too_old(judged, 1000 * time.time())
        await self._drop([verdict for verdict in verdicts if isinstance(verdict, Drop)])
        left = [verdict for verdict in verdicts if isinstance(verdict, Leave)]
        self._custody.release([verdict.message.receipt_handle for verdict in left])
        for verdict in left:
            self._leave(verdict)
        async with asyncio.TaskGroup() as tasks:
            # Side by side: neither waits for the other, however long SQS or Redis takes.
            if left:
                tasks.create_task(self._return_left(left))
            fresh = [verdict for verdict in verdicts if isinstance(verdict, Publish)]
            await self._drain.hand_on(fresh, received, stop, is_backlog=is_backlog)
        bodies = sum([len(message.body) for message in messages])
        return max(bodies, sum([verdict.record.payload_size for verdict in fresh]))

    async def _judge(
        self, messages: Sequence[Message], handles: Sequence[str], stop: asyncio.Event
    ) -> Sequence[Verdict] | None:
        """Judge, once Redis has said whether anybody serves each namespace. None as of `_insist`."""
        limit = self._queue.max_receive_count
        return await self._insist(
            partial(self._judgement.of, messages, limit, self._canary.key), handles, stop
        )

    def _leave(self, verdict: Leave) -> None:
        tell_left(verdict, self._queue.max_receive_count, self._metrics)

    async def _return_left(self, left: Sequence[Leave]) -> None:
        changes = visibility_changes(
            left,
            visibility_seconds=self._queue.visibility_seconds,
            max_receive_count=self._queue.max_receive_count,
        )
        for seconds, handles in changes.items():
            await self._custody.give_back(handles, seconds)

    async def _drop(self, verdicts: Sequence[Drop]) -> None:
        for verdict in verdicts:
            self._metrics.dropped[verdict.reason].inc()
            log.info("message %s is dropped: %s: %s", verdict.message.id, verdict.reason, verdict.detail)
        if verdicts:
            handles = [verdict.message.receipt_handle for verdict in verdicts]
            self._metrics.in_flight.dec(len(handles))
            await self._settlement.settle(handles)

    async def _publish(
        self, stop: asyncio.Event, verdicts: Sequence[Publish], superseded: Sequence[str], received: float
    ) -> bool:
        """Publish these, then settle them and what they supersede. If they cannot be, give all of it back."""
        handles = [*superseded, *(verdict.message.receipt_handle for verdict in verdicts)]
        stored = await self._store(verdicts, handles, stop) if verdicts else ()
        if stored is None:
            await self._give_back(handles)
            return False
        self._count_stored(stored)
        self._metrics.dropped[DropReason.SUPERSEDED].inc(len(superseded))
        self._metrics.in_flight.dec(len(superseded))
        if verdicts:
            self._metrics.handling.observe(time.monotonic() - received)
        await self._settlement.settle(handles)
        return True

    async def _give_back(self, handles: Sequence[str]) -> None:
        for start in range(0, len(handles), BATCH):
            await self._custody.give_back(handles[start : start + BATCH])
        self._metrics.returned.inc(len(handles))
        self._metrics.in_flight.dec(len(handles))

    async def _store(
        self, verdicts: Sequence[Publish], handles: Sequence[str], stop: asyncio.Event
    ) -> Sequence[Stored] | None:
        """Publish until Redis confirms. None as of `_insist`.

        The same batch each time and whole: what Redis had stored without our knowing is then a duplicate, and
        none of a group overtakes another.
        """
        batch = [(verdict.record, verdict.message.id) for verdict in verdicts]

        async def publish() -> Sequence[Stored]:
            began = time.monotonic()
            stored = await self._bus.publish(batch)
            self._metrics.publish_duration.observe(time.monotonic() - began)
            if self._pulse.recovered("bus"):
                log.info("publishing")
            return stored

        return await self._insist(publish, handles, stop)

    async def _insist(
        self, ask: Callable[[], Awaitable[Answer]], handles: Sequence[str], stop: asyncio.Event
    ) -> Answer | None:
        """Ask until Redis answers; None if a message was lost meanwhile or we are told to stop."""
        for attempt in itertools.count():
            self._step()
            if self._custody.lost(handles):
                log.warning("%d messages were held for too long and come back", len(handles))
                break
            try:
                return await ask()
            except BusUnavailable as exc:
                self._metrics.publish_failures.inc()
                self._pulse.suffers("bus", str(exc))
                if attempt == 0:
                    log.warning("publishing pauses, nothing is deleted: %s", exc)
            if stop.is_set():
                break
            await pause(stop, jittered(attempt))
        return None

    def _step(self) -> None:
        self._pulse.tick()
        self._metrics.loop_tick.set_to_current_time()

    def _count_received(self, messages: Sequence[Message]) -> None:
        self._metrics.receives["messages"].inc()
        self._metrics.received.inc(len(messages))
        self._metrics.in_flight.inc(len(messages))
        now = time.time()
        for message in messages:
            if message.receives > 1:
                self._metrics.redelivered.inc()
            elif (available_ms := message.available_ms) is not None:
                self._metrics.queue_wait.observe(max(0.0, now - available_ms / 1000))

    def _count_stored(self, stored: Sequence[Stored]) -> None:
        duplicates = sum(answer.duplicate for answer in stored)
        self._metrics.published.inc(len(stored) - duplicates)
        self._metrics.duplicates.inc(duplicates)
        self._metrics.in_flight.dec(len(stored))
