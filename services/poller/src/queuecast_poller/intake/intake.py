"""Receive, judge, publish, acknowledge: the way of a message from a queue to the bus.

It carries out verdicts and decides nothing about messages. While Redis is away it keeps what it has received,
hidden by leases, and receives nothing more: every redelivery costs a message one of the few receives after
which its queue moves it to the dead-letter queue.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from functools import partial

from queuecast_bus import BusManager, Stored
from queuecast_poller.intake.ack_wait import Ways
from queuecast_poller.intake.acknowledger import Acknowledger
from queuecast_poller.intake.attribute_refresh import AttributeRefresh
from queuecast_poller.intake.awaiting import Awaiting, divide
from queuecast_poller.intake.bus_retry import BusRetry
from queuecast_poller.intake.canary import Canary
from queuecast_poller.intake.counts import count_received, count_stored
from queuecast_poller.intake.drain import Drain
from queuecast_poller.intake.leases import Leases
from queuecast_poller.intake.left_messages import LeftMessages, report_left
from queuecast_poller.intake.liveness import Liveness
from queuecast_poller.intake.receivers import Receivers
from queuecast_poller.intake.recent_waits import RecentWaits
from queuecast_poller.intake.retry import visibility_changes
from queuecast_poller.intake.throttle import Throttle
from queuecast_poller.judge.freshness import drop_too_old
from queuecast_poller.judge.message_judge import MessageJudge
from queuecast_poller.judge.verdict import Drop, DropReason, Leave, Publish
from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.settings import Settings
from queuecast_poller.sqs.message import BATCH, Message
from queuecast_poller.sqs.queue import Queue

log = logging.getLogger(__name__)


class Intake:
    """Works on one queue until it is stopped."""

    def __init__(
        self,
        queue: Queue,
        bus: BusManager,
        settings: Settings,
        metrics: QueueMetrics,
        liveness: Liveness,
        message_judge: MessageJudge,
    ) -> None:
        self._queue = queue
        self._bus = bus
        self._settings = settings
        self._metrics = metrics
        self._liveness = liveness
        self._message_judge = message_judge
        # If two pollers publish a message because its visibility timeout ended, the second publish is a
        # duplicate for as long as the bus remembers the message's id. Half of that time is left for clocks
        # and the publish itself. On a FIFO queue the message is not published at all: SQS may have moved it
        # to the dead-letter queue, and let the messages behind it pass.
        metrics.clock_skew.set_function(lambda: bus.clock.skew_seconds)
        self._leases = Leases(queue, metrics, 0.0 if queue.fifo else settings.dedup_seconds / 2)
        self._acknowledger = Acknowledger(queue, self._leases, metrics)
        self._refresh = AttributeRefresh(queue, metrics, self._leases.adapt)
        self._canary = Canary(queue, bus, settings.canary_seconds, metrics)
        self.left = LeftMessages()
        self.waits = RecentWaits(bus.clock.now)
        self._bus_retry = BusRetry(self._leases, liveness, metrics, self._tick)
        self._awaiting: Awaiting | None = None
        if settings.ack_seconds or settings.hold_seconds:
            self._awaiting = Awaiting(queue, bus, settings, metrics, self._ways, self.waits)
        throttle = Throttle(bus, lambda: message_judge.rules.rate, metrics)
        self._receivers = Receivers(queue, throttle, liveness, metrics, self._max_receives, self._tick)

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
            background = [
                tasks.create_task(each)
                for each in (
                    *(() if self._awaiting is None else (self._awaiting.run(stop),)),
                    self._leases.run(),
                    self._drain.run(stop),
                    self._acknowledger.run(),
                    self._canary.run(),
                    self._refresh.run(),
                )
            ]
            await self._receivers.run(self, stop)
            await self._drain.flush("stop")
            if self._awaiting is not None:
                await self._awaiting.drain()
            await self._acknowledger.drain()
            for task in background:
                task.cancel()

    def _max_receives(self) -> int:
        return self._message_judge.rules.receives or self._settings.max_receives

    async def handle(self, messages: Sequence[Message], stop: asyncio.Event, *, is_backlog: bool) -> int:
        """Judge messages and carry out the verdicts; return about how many bytes they brought, with S3's."""
        received = time.monotonic()
        count_received(messages, self._bus.clock.now(), self._metrics)
        self._refresh.used()
        handles = [message.receipt_handle for message in messages]
        self._leases.add(handles)
        await self._canary.recognise(messages)
        batch = self._message_judge.batch(messages, self._queue.max_receive_count, self._canary.key)
        judged = await self._bus_retry.until_confirmed("namespaces", batch.judge, handles, stop)
        if judged is None:
            await self._give_back(handles)
            return 0
        verdicts = drop_too_old(judged, 1000 * self._bus.clock.now())
        await self._drop([verdict for verdict in verdicts if isinstance(verdict, Drop)])
        fresh = [verdict for verdict in verdicts if isinstance(verdict, Publish)]
        awaited: Sequence[Sequence[Publish]] = ()
        if self._awaiting is not None:
            awaited, fresh = divide(fresh)
        publish = partial(self._drain.submit, fresh, received, stop, is_backlog=is_backlog)
        if left := [verdict for verdict in verdicts if isinstance(verdict, Leave)]:
            self._note_left(left)
            # At the same time: neither waits for the other, however long SQS or Redis takes.
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._return_left(left))
                await publish()
        else:
            await publish()
        if awaited and self._awaiting is not None:
            await self._awaiting.submit(awaited, received, stop)
        bodies = sum([len(message.body) for message in messages])
        return max(bodies, sum([verdict.record.payload_size for verdict in fresh]))

    async def on_empty(self) -> None:
        """Publish what waits for newer messages: the queue has none."""
        await self._drain.flush("drained")

    def _leave(self, verdict: Leave) -> None:
        report_left(verdict, self._queue.max_receive_count, self._metrics)
        self.left.add(verdict, self._queue.max_receive_count, self._bus.clock.now())

    @property
    def _ways(self) -> Ways:
        """What becomes of a message that waits for acknowledgements."""
        return Ways(
            self._bus_retry.until_confirmed,
            lambda verdicts, handles, stop: self._store(verdicts, handles, stop),
            lambda verdict, received, stop: self._publish(stop, [verdict], (), received),
            self._give_back,
            self._leave_all,
            self._drop,
            self._acknowledger.acknowledge,
            self._tick,
        )

    def _note_left(self, left: Sequence[Leave]) -> None:
        self._leases.release([verdict.message.receipt_handle for verdict in left])
        for verdict in left:
            self._leave(verdict)

    async def _leave_all(self, left: Sequence[Leave]) -> None:
        self._note_left(left)
        await self._return_left(left)

    async def _return_left(self, left: Sequence[Leave]) -> None:
        changes = visibility_changes(
            left,
            visibility_seconds=self._queue.visibility_seconds,
            max_receive_count=self._queue.max_receive_count,
        )
        for seconds, handles in changes.items():
            await self._leases.give_back(handles, seconds)

    async def _drop(self, verdicts: Sequence[Drop]) -> None:
        for verdict in verdicts:
            self._metrics.dropped[verdict.reason].inc()
            log.info("message %s is dropped: %s: %s", verdict.message.id, verdict.reason, verdict.detail)
        if verdicts:
            handles = [verdict.message.receipt_handle for verdict in verdicts]
            self._metrics.in_flight.dec(len(handles))
            await self._acknowledger.acknowledge(handles)

    async def _publish(
        self, stop: asyncio.Event, verdicts: Sequence[Publish], superseded: Sequence[str], received: float
    ) -> bool:
        """Publish these, then acknowledge them and the messages that they supersede.

        Returns whether it did. If not, all of them have been given back.
        """
        handles = [*superseded, *(verdict.message.receipt_handle for verdict in verdicts)]
        stored = await self._store(verdicts, handles, stop) if verdicts else ()
        if stored is None:
            await self._give_back(handles)
            return False
        count_stored(stored, self._metrics)
        self._metrics.dropped[DropReason.SUPERSEDED].inc(len(superseded))
        self._metrics.in_flight.dec(len(superseded))
        if verdicts:
            self._metrics.handling.observe(time.monotonic() - received)
        await self._acknowledger.acknowledge(handles)
        return True

    async def _give_back(self, handles: Sequence[str]) -> None:
        for start in range(0, len(handles), BATCH):
            await self._leases.give_back(handles[start : start + BATCH])
        self._metrics.returned.inc(len(handles))
        self._metrics.in_flight.dec(len(handles))

    async def _store(
        self, verdicts: Sequence[Publish], handles: Sequence[str], stop: asyncio.Event
    ) -> Sequence[Stored] | None:
        """Publish until Redis confirms; None as of `BusRetry.until_confirmed`.

        Each try publishes the same whole batch. What Redis stored in a try that looked failed is then a
        duplicate, and no message of a group overtakes another.
        """
        batch = [(verdict.record, verdict.dedup_id or verdict.message.id) for verdict in verdicts]

        async def publish() -> Sequence[Stored]:
            began = time.monotonic()
            stored = await self._bus.publish(batch)
            self._metrics.publish_duration.observe(time.monotonic() - began)
            if self._liveness.recovered("bus"):
                log.info("publishing")
            return stored

        return await self._bus_retry.until_confirmed("publish", publish, handles, stop)

    def _tick(self) -> None:
        self._liveness.tick()
        self._metrics.loop_tick.set_to_current_time()
