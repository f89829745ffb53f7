"""Holds what was received until it is deleted, and keeps it hidden from everybody else for so long.

A message that comes back while it is still held costs one of the few receives before its queue takes it for
dead. It does no other harm: who publishes it second gets the answer that it is a duplicate. `lost` draws the
line where that ends.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from queuecast_poller.concurrency import BATCH
from queuecast_poller.failure import Call, Failed, QueueUnavailable
from queuecast_poller.loop_thread import pause
from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.sqs import Queue

log = logging.getLogger(__name__)

LOOKS = 8
"""Looks per visibility timeout: with half of it gone a message is extended at the next, and three more tries
are left if that fails."""


@dataclass(slots=True)
class _Hold:
    """One message in our hands: hidden until then (by our clock), and for longer if SQS allows it."""

    hidden_until: float
    extendable: bool = True


class Custody:
    """The messages in our hands, by receipt handle.

    There are as many as the receives under way can bring, a drain and the settlement's backlog can hold, so
    it needs no bound of its own. `trusted_seconds` is how long after its visibility ended a message may still
    be published.
    """

    def __init__(self, queue: Queue, metrics: QueueMetrics, trusted_seconds: float) -> None:
        self._queue = queue
        self._metrics = metrics
        self._changed = asyncio.Event()
        self._trusted_seconds = trusted_seconds
        self._holds: dict[str, _Hold] = {}
        self._changing = asyncio.Lock()
        self._failing = False

    @property
    def _seconds(self) -> int:
        # SQS allows a timeout of 0, which to extend by would mean to give back.
        return max(1, self._queue.visibility_seconds)

    def adapt(self) -> None:
        """Look again, and as often as the queue's visibility timeout now demands."""
        self._changed.set()

    def take(self, receipt_handles: Sequence[str]) -> None:
        """Hold these from now on; SQS has just handed them out."""
        hidden_until = time.monotonic() + self._seconds
        self._holds.update((handle, _Hold(hidden_until)) for handle in receipt_handles)

    def release(self, receipt_handles: Sequence[str]) -> None:
        """Hold these no longer: they are deleted, or will come back by themselves."""
        for handle in receipt_handles:
            self._holds.pop(handle, None)

    def lost(self, receipt_handles: Sequence[str]) -> bool:
        """Say whether one of these has been in nobody's custody for too long to be published still."""
        trusted = time.monotonic() - self._trusted_seconds
        return any(self._holds[handle].hidden_until < trusted for handle in receipt_handles)

    async def give_back(self, receipt_handles: Sequence[str], seconds: int = 0) -> None:
        """Release these (ten at most) and let others have them in so many seconds. It never fails."""
        self.release(receipt_handles)
        # An extension under way may hold some of them, and would hide them again if it came second.
        async with self._changing:
            await self._hide(receipt_handles, seconds)

    async def _hide(self, receipt_handles: Sequence[str], seconds: int) -> None:
        try:
            refused = await self._queue.change_visibility(receipt_handles, seconds)
        except QueueUnavailable as exc:
            self._metrics.failed(exc)
            text = "%d messages come back when their visibility timeout is over, not in %d s: %s"
            log.warning(text, len(receipt_handles), seconds, exc)
        else:
            self._metrics.refused(Call.VISIBILITY, refused)

    async def run(self) -> None:
        """Extend what needs it, until cancelled."""
        while True:
            await pause(self._changed, self._seconds / LOOKS)
            self._changed.clear()
            await self.extend()

    async def extend(self) -> None:
        """Hide for a whole visibility timeout, from now, what has less than half of it left."""
        soon = time.monotonic() + self._seconds / 2
        due = [handle for handle, hold in self._holds.items() if hold.extendable and hold.hidden_until < soon]
        for start in range(0, len(due), BATCH):
            async with self._changing:
                # What was settled or given back meanwhile must not be hidden again.
                await self._extend([handle for handle in due[start : start + BATCH] if handle in self._holds])

    async def _extend(self, handles: Sequence[str]) -> None:
        if not handles:
            return
        hidden_until = time.monotonic() + self._seconds
        try:
            refused = await self._queue.change_visibility(handles, self._seconds)
        except QueueUnavailable as exc:
            self._metrics.failed(exc)
            if not self._failing:
                log.warning("%d messages could not be kept hidden: %s", len(handles), exc)
            self._failing = True
            return
        self._failing = False
        self._metrics.refused(Call.VISIBILITY, refused)
        self._metrics.extended.inc(len(handles) - len(refused))
        for handle in set(handles).difference(entry.receipt_handle for entry in refused):
            self._hold_until(handle, hidden_until)
        self._accept([entry for entry in refused if entry.final])

    def _hold_until(self, handle: str, hidden_until: float) -> None:
        hold = self._holds.get(handle)
        if hold is not None:
            hold.hidden_until = hidden_until

    def _accept(self, refused: Sequence[Failed]) -> None:
        """Try no more to extend what SQS says cannot be: twelve hours after a receive it refuses all."""
        held = [entry for entry in refused if entry.receipt_handle in self._holds]
        for entry in held:
            self._holds[entry.receipt_handle].extendable = False
        if held:
            codes = ", ".join(sorted({entry.code for entry in held}))
            log.warning("%d messages in hand can be hidden no longer and come back: %s", len(held), codes)
