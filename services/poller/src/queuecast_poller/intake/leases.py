"""Visibility leases: a received message stays hidden from other consumers until it is deleted or given back.

A message that comes back too early uses up one of the few receives after which its queue moves it to the
dead-letter queue. That does no other harm at first, as the second publish is a duplicate. `lost` says when it
would.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from queuecast_poller.loop_thread import pause
from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.sqs.failure import Call, Failed, QueueUnavailable
from queuecast_poller.sqs.message import BATCH
from queuecast_poller.sqs.queue import Queue

log = logging.getLogger(__name__)

CHECKS_PER_TIMEOUT = 8
"""Checks per visibility timeout. A message is extended at the first check after half of it, and if that fails
there is time for three more tries."""


@dataclass(slots=True)
class _Lease:
    """The lease of one message: until when it is hidden, by our clock, and whether SQS may extend that."""

    hidden_until: float
    extendable: bool = True


class Leases:
    """The leases of one queue's messages, by receipt handle.

    It needs no bound of its own: the open receives, the drain and the acknowledger's backlog are bounded.
    `trusted_seconds` is for how long a message may still be published after its visibility timeout ended.
    """

    def __init__(self, queue: Queue, metrics: QueueMetrics, trusted_seconds: float) -> None:
        self._queue = queue
        self._metrics = metrics
        self._changed = asyncio.Event()
        self._trusted_seconds = trusted_seconds
        self._by_handle: dict[str, _Lease] = {}
        self._changing = asyncio.Lock()
        self._failing = False

    @property
    def _seconds(self) -> int:
        # SQS allows a timeout of 0, but extending by 0 would give the message back.
        return max(1, self._queue.visibility_seconds)

    def adapt(self) -> None:
        """Check now, and from now on as often as the queue's changed visibility timeout demands."""
        self._changed.set()

    def add(self, receipt_handles: Sequence[str]) -> None:
        """Add leases for these messages, which SQS has just delivered."""
        hidden_until = time.monotonic() + self._seconds
        self._by_handle.update((handle, _Lease(hidden_until)) for handle in receipt_handles)

    def release(self, receipt_handles: Sequence[str]) -> None:
        """End these leases: the messages are deleted, or come back when their visibility timeout ends."""
        for handle in receipt_handles:
            self._by_handle.pop(handle, None)

    def lost(self, receipt_handles: Sequence[str]) -> bool:
        """Return whether one of these leases ended too long ago for the message to be published still."""
        trusted = time.monotonic() - self._trusted_seconds
        return any(self._by_handle[handle].hidden_until < trusted for handle in receipt_handles)

    async def give_back(self, receipt_handles: Sequence[str], seconds: int = 0) -> None:
        """Release these (ten at most) and make them visible again after so many seconds. Never raises."""
        self.release(receipt_handles)
        # An extension under way may include some of them, and would hide them again if it came second.
        async with self._changing:
            await self._hide(receipt_handles, seconds)

    async def _hide(self, receipt_handles: Sequence[str], seconds: int) -> None:
        try:
            refused = await self._queue.change_visibility(receipt_handles, seconds)
        except QueueUnavailable as exc:
            self._metrics.failed(exc)
            text = "%d messages come back when their visibility timeout ends, not in %d s: %s"
            log.warning(text, len(receipt_handles), seconds, exc)
        else:
            self._metrics.refused(Call.VISIBILITY, refused)

    async def run(self) -> None:
        """Extend leases in time, until cancelled."""
        while True:
            await pause(self._changed, self._seconds / CHECKS_PER_TIMEOUT)
            self._changed.clear()
            await self.extend()

    async def extend(self) -> None:
        """Extend each lease that has less than half a visibility timeout left to a whole one from now."""
        soon = time.monotonic() + self._seconds / 2
        due = [
            handle
            for handle, lease in self._by_handle.items()
            if lease.extendable and lease.hidden_until < soon
        ]
        for start in range(0, len(due), BATCH):
            async with self._changing:
                # Messages that were deleted or given back meanwhile must not be hidden again.
                await self._extend(
                    [handle for handle in due[start : start + BATCH] if handle in self._by_handle]
                )

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
            lease = self._by_handle.get(handle)
            if lease is not None:
                lease.hidden_until = hidden_until
        self._stop_extending([entry for entry in refused if entry.final])

    def _stop_extending(self, refused: Sequence[Failed]) -> None:
        """Never extend these again: SQS refuses for good, as it does twelve hours after a receive."""
        leased = [entry for entry in refused if entry.receipt_handle in self._by_handle]
        for entry in leased:
            self._by_handle[entry.receipt_handle].extendable = False
        if leased:
            codes = ", ".join(sorted({entry.code for entry in leased}))
            log.warning("%d messages cannot be kept hidden any longer and come back: %s", len(leased), codes)
