"""Messages that the bus has stored are deleted here, in batches across receives.

A delete that fails is harmless (the message comes back, is a duplicate, and is deleted then), so it is tried
a few times, counted, and not allowed to hold up the intake.
"""

import asyncio
import logging
from collections.abc import Sequence

from queuecast_bus.connection import jittered
from queuecast_poller.concurrency import BATCH
from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.sqs import DELETERS, Queue, QueueUnavailable

log = logging.getLogger(__name__)

TRIES = 4
DELETE_SECONDS = 10.0
BACKLOG = 1_000
"""Receipt handles that may wait for their delete; the intake waits when there are more."""


class Settlement:
    """Deletes what it is given, with a few calls under way at a time, which fill up when it is busy."""

    def __init__(self, queue: Queue, metrics: QueueMetrics) -> None:
        self._queue = queue
        self._metrics = metrics
        self._waiting: asyncio.Queue[str] = asyncio.Queue(BACKLOG)

    async def settle(self, receipt_handles: Sequence[str]) -> None:
        """Have these messages deleted; waits only while the backlog is full."""
        for handle in receipt_handles:
            await self._waiting.put(handle)

    async def run(self) -> None:
        """Delete until cancelled."""
        async with asyncio.TaskGroup() as deleters:
            for _ in range(DELETERS):
                deleters.create_task(self._delete_forever())

    async def drain(self) -> None:
        """Wait until nothing waits any more."""
        await self._waiting.join()

    async def _delete_forever(self) -> None:
        while True:
            handles = [await self._waiting.get()]
            while len(handles) < BATCH and not self._waiting.empty():
                handles.append(self._waiting.get_nowait())
            try:
                await self._delete(handles)
            finally:
                for _ in handles:
                    self._waiting.task_done()

    async def _delete(self, handles: Sequence[str]) -> None:
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(jittered(attempt))
            try:
                async with asyncio.timeout(DELETE_SECONDS):
                    failed = await self._queue.delete(handles)
                why = ", ".join(sorted({entry.code for entry in failed}))
                remaining = [entry.receipt_handle for entry in failed]
            except (QueueUnavailable, TimeoutError) as exc:
                why, remaining = getattr(exc, "code", "timeout"), list(handles)
            self._metrics.deleted.inc(len(handles) - len(remaining))
            if not remaining:
                return
            handles = remaining
        self._metrics.delete_failures.inc(len(handles))
        log.warning("%d messages could not be deleted and will come back: %s", len(handles), why)
