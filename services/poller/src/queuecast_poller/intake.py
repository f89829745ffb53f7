"""Receive, judge, publish, settle: the way of a message from a queue to the bus.

It carries out verdicts and decides nothing about messages. While Redis is away it keeps what it holds, keeps
that hidden from others, and receives nothing more: a redelivery would cost each message one of the few
receives before its queue takes it for dead.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

from queuecast_bus import BusManager, BusUnavailable, Stored
from queuecast_bus.connection import jittered
from queuecast_poller.concurrency import wanted_receives
from queuecast_poller.loop_thread import pause
from queuecast_poller.message import Message
from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.pulse import Pulse
from queuecast_poller.settings import Settings
from queuecast_poller.settlement import Settlement
from queuecast_poller.sqs import Queue, QueueUnavailable
from queuecast_poller.verdict import Leave, Publish, judge

log = logging.getLogger(__name__)

RECEIVE_RETRY_CAP_SECONDS = 20.0


class Intake:
    """Works on one queue until it is told to stop."""

    def __init__(
        self, queue: Queue, bus: BusManager, settings: Settings, metrics: QueueMetrics, pulse: Pulse
    ) -> None:
        self._queue = queue
        self._bus = bus
        self._settings = settings
        self._metrics = metrics
        self._pulse = pulse
        self._settlement = Settlement(queue, metrics)
        self._open_receives = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Receive and publish until `stop` is set; then finish or return what was received, and end."""
        async with asyncio.TaskGroup() as tasks:
            settling = tasks.create_task(self._settlement.run())
            async with asyncio.TaskGroup() as receivers:
                self._open(receivers, stop)
            await self._settlement.drain()
            settling.cancel()

    def _open(self, receivers: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        self._open_receives += 1
        self._metrics.open_receives.set(self._open_receives)
        receivers.create_task(self._receive_repeatedly(receivers, stop))

    async def _receive_repeatedly(self, receivers: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        attempt = 0
        wanted = self._open_receives
        while not stop.is_set() and self._open_receives <= wanted:
            self._step()
            try:
                messages = await self._queue.receive()
            except QueueUnavailable as exc:
                self._metrics.receives["error"].inc()
                self._pulse.suffers("sqs", str(exc))
                if attempt == 0 and not stop.is_set():
                    log.warning("receiving pauses: %s", exc)
                await pause(stop, jittered(attempt, cap_seconds=RECEIVE_RETRY_CAP_SECONDS))
                attempt += 1
                continue
            attempt = 0
            if self._pulse.recovered("sqs"):
                log.info("receiving")
            await self._handle(messages, stop)
            wanted = wanted_receives(self._open_receives, len(messages), self._settings.max_receives)
            if wanted > self._open_receives and not stop.is_set():
                self._open(receivers, stop)
        self._open_receives -= 1
        self._metrics.open_receives.set(self._open_receives)

    async def _handle(self, messages: Sequence[Message], stop: asyncio.Event) -> None:
        self._count_received(messages)
        verdicts = judge(
            messages,
            default_event=self._settings.event,
            max_body_bytes=self._settings.max_body_bytes,
        )
        for verdict in verdicts:
            if isinstance(verdict, Leave):
                self._leave(verdict)
        await self._publish([verdict for verdict in verdicts if isinstance(verdict, Publish)], stop)

    def _leave(self, verdict: Leave) -> None:
        self._metrics.left[verdict.reason].inc()
        self._metrics.in_flight.dec()
        log.warning("message %s is left: %s: %s", verdict.message.id, verdict.reason, verdict.detail)

    async def _publish(self, verdicts: Sequence[Publish], stop: asyncio.Event) -> None:
        if not verdicts:
            return
        batch = [(verdict.record, verdict.message.id) for verdict in verdicts]
        handles = [verdict.message.receipt_handle for verdict in verdicts]
        hidden_until = time.monotonic() + self._queue.visibility_seconds
        attempt = 0
        while True:
            self._step()
            began = time.monotonic()
            try:
                stored = await self._bus.publish(batch)
            except BusUnavailable as exc:
                self._metrics.publish_failures.inc()
                self._pulse.suffers("bus", str(exc))
                if attempt == 0:
                    log.warning("publishing pauses, nothing is deleted: %s", exc)
            else:
                self._metrics.publish_duration.observe(time.monotonic() - began)
                break
            if stop.is_set():
                await self._return(handles)
                return
            if hidden_until - time.monotonic() < self._queue.visibility_seconds / 2:
                hidden_until = await self._extend(handles, hidden_until)
            await pause(stop, jittered(attempt))
            attempt += 1
        if self._pulse.recovered("bus"):
            log.info("publishing")
        self._count_stored(stored)
        await self._settlement.settle(handles)

    async def _return(self, handles: Sequence[str]) -> None:
        try:
            await self._queue.change_visibility(handles, 0)
        except QueueUnavailable as exc:
            log.warning("%d messages come back later than they could: %s", len(handles), exc)
        self._metrics.returned.inc(len(handles))
        self._metrics.in_flight.dec(len(handles))

    async def _extend(self, handles: Sequence[str], hidden_until: float) -> float:
        try:
            failed = await self._queue.change_visibility(handles, self._queue.visibility_seconds)
        except QueueUnavailable as exc:
            log.warning("%d messages could not be kept hidden: %s", len(handles), exc)
            return hidden_until
        self._metrics.extended.inc(len(handles) - len(failed))
        return time.monotonic() + self._queue.visibility_seconds

    def _step(self) -> None:
        self._pulse.tick()
        self._metrics.loop_tick.set_to_current_time()

    def _count_received(self, messages: Sequence[Message]) -> None:
        self._metrics.receives["messages" if messages else "empty"].inc()
        self._metrics.received.inc(len(messages))
        self._metrics.in_flight.inc(len(messages))
        now = time.time()
        for message in messages:
            if message.receives > 1:
                self._metrics.redelivered.inc()
            elif message.sent_ms is not None:
                self._metrics.queue_wait.observe(max(0.0, now - message.sent_ms / 1000))

    def _count_stored(self, stored: Sequence[Stored]) -> None:
        duplicates = sum(answer.duplicate for answer in stored)
        self._metrics.published.inc(len(stored) - duplicates)
        self._metrics.duplicates.inc(duplicates)
        self._metrics.in_flight.dec(len(stored))
