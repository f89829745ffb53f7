"""Messages with `hold`: published if somebody is there, else held, and at last left, dropped or forwarded."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum

from queuecast_bus import BusManager, BusUnavailable
from queuecast_poller.intake.held_messages import HeldMessages
from queuecast_poller.intake.recent_waits import RecentWaits, WaitState
from queuecast_poller.intake.roll_call import RollCall, places
from queuecast_poller.judge.verdict import Drop, DropReason, Leave, Publish, Reason
from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.settings import Settings
from queuecast_poller.sqs.failure import QueueUnavailable
from queuecast_poller.sqs.queue import Queue

log = logging.getLogger(__name__)


class Held(Enum):
    """What became of a message with `hold`."""

    SOMEBODY_IS_THERE = "publish it, or find that it is stored already"
    ENDED = "it is deleted, and its group goes on"
    WAITS = "it is held or left, and its group waits with it"


class Holding:
    """Decides for messages of one queue, and carries out what becomes of those that nobody came for."""

    def __init__(
        self,
        queue: Queue,
        bus: BusManager,
        settings: Settings,
        metrics: QueueMetrics,
        roll_call: RollCall,
        waits: RecentWaits,
        wake: Callable[[Sequence[str]], Awaitable[None]],
        leave: Callable[[Sequence[Leave]], Awaitable[None]],
        drop: Callable[[Sequence[Drop]], Awaitable[None]],
    ) -> None:
        self.held = HeldMessages(roll_call, settings.max_held, metrics, wake)
        self._queue = queue
        self._bus = bus
        self._metrics = metrics
        self._roll_call = roll_call
        self._waits = waits
        self._expired = settings.hold_expired
        self._target = settings.hold_queue
        self._leave = leave
        self._drop = drop

    async def decide(self, verdict: Publish, hold_seconds: float) -> Held:
        """Hold a message if nobody is there, or find another end for it if it is too old for that."""
        try:
            if await self._roll_call.is_anybody_in(places(verdict.record)):
                return Held.SOMEBODY_IS_THERE
            if await self._is_done(verdict):
                return Held.SOMEBODY_IS_THERE
        except BusUnavailable as exc:
            log.info("cannot find out who is there, message %s is held: %s", verdict.message.id, exc)
        return await self.hold(verdict, hold_seconds)

    async def _is_done(self, verdict: Publish) -> bool:
        """Return whether a message was published, or acknowledged, and could not be deleted. If it were held,
        Redis would have forgotten that when somebody comes.
        """
        message = verdict.message
        if message.receives < 2:
            return False
        if verdict.ack is not None:
            return (await self._bus.ack_reports.marked([message.id]))[0]
        return await self._bus.is_stored(verdict.dedup_id or message.id)

    async def hold(self, verdict: Publish, hold_seconds: float) -> Held:
        """The same for a message for which nobody is there."""
        message = verdict.message
        sent_ms = message.sent_ms or 0
        left_seconds = hold_seconds - (self._bus.clock.now() - sent_ms / 1000)
        most = self._queue.max_receive_count
        if left_seconds <= 0:
            return await self._end(verdict, f"nobody came within {hold_seconds:g} s")
        if most is not None and message.receives >= most:
            # If it were made visible for somebody, SQS would move it away instead.
            return await self._end(verdict, "nobody came, and this was its last receive")
        if self.held.hold(message.receipt_handle, places(verdict.record), left_seconds):
            self._metrics.holds["held"].inc()
            self._waits.note(verdict, WaitState.HELD, "nobody is there", seconds=left_seconds)
            return Held.WAITS
        self._metrics.holds["full"].inc()
        detail = "nobody is there, and too many messages are held (QUEUECAST_MAX_HELD)"
        self._waits.note(verdict, WaitState.LEFT, detail)
        await self._leave([Leave(message._replace(body=""), Reason.NOBODY_THERE, detail, permanent=False)])
        return Held.WAITS

    async def _end(self, verdict: Publish, detail: str) -> Held:
        message = verdict.message
        if self._expired == "drop":
            self._waits.note(verdict, WaitState.DROPPED, detail)
            await self._drop([Drop(message, DropReason.NOBODY_CAME, detail)])
            return Held.ENDED
        if self._expired == "forward" and self._target is not None:
            try:
                await self._queue.forward(message, self._target)
            except QueueUnavailable as exc:
                self._metrics.failed(exc)
                self._waits.note(verdict, WaitState.LEFT, f"{detail}; {exc}")
                await self._leave([Leave(message, Reason.NOBODY_CAME, f"{detail}; {exc}", permanent=False)])
                return Held.WAITS
            self._waits.note(verdict, WaitState.FORWARDED, f"{detail}: now on {self._target}")
            await self._drop([Drop(message, DropReason.FORWARDED, f"{detail}: now on {self._target}")])
            return Held.ENDED
        self._waits.note(verdict, WaitState.LEFT, detail)
        await self._leave([Leave(message, Reason.NOBODY_CAME, detail)])
        return Held.WAITS
