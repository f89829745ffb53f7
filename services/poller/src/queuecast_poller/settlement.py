"""Messages that the bus has stored are deleted here, in batches across receives.

A delete that fails is harmless (the message comes back, is a duplicate, and is deleted then), so it is tried
a few times, counted, and not allowed to hold up the intake.
"""

import asyncio
import logging
from collections.abc import Sequence

from queuecast_bus.connection import jittered
from queuecast_poller.concurrency import BATCH
from queuecast_poller.custody import Custody
from queuecast_poller.failure import Call, Failed, QueueUnavailable
from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.sqs import DELETERS, Queue

log = logging.getLogger(__name__)

TRIES = 4
BACKLOG = 1_000
"""Receipt handles that may wait for their delete; the intake waits when there are more."""


class Settlement:
    """Deletes what it is given, with a few calls under way at a time, which fill up when it is busy.

    A message stays in custody until then, and no longer.
    """

    def __init__(self, queue: Queue, custody: Custody, metrics: QueueMetrics) -> None:
        self._queue = queue
        self._custody = custody
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
        why = ""
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(jittered(attempt))
            handles, why = await self._try(handles)
            if not handles:
                return
        self._give_up(handles, why)

    async def _try(self, handles: Sequence[str]) -> tuple[Sequence[str], str]:
        """Delete what can be deleted; return what is worth another try, and why it is necessary."""
        try:
            failed = await self._queue.delete(handles)
        except QueueUnavailable as exc:
            self._metrics.failed(exc)
            return handles, exc.reason
        self._metrics.refused(Call.DELETE, failed)
        self._metrics.deleted.inc(len(handles) - len(failed))
        final = [entry for entry in failed if entry.final]
        if final:
            self._give_up([entry.receipt_handle for entry in final], _codes(final))
        again = [entry.receipt_handle for entry in failed if not entry.final]
        self._custody.release([handle for handle in handles if handle not in again])
        return again, _codes(failed)

    def _give_up(self, handles: Sequence[str], why: str) -> None:
        self._custody.release(handles)
        self._metrics.delete_failures.inc(len(handles))
        log.warning("%d messages could not be deleted and will come back: %s", len(handles), why)


def _codes(failed: Sequence[Failed]) -> str:
    return ", ".join(sorted({entry.code for entry in failed}))
