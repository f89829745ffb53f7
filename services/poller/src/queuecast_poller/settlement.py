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
FILL_SECONDS = 0.2
"""How long a batch waits for more messages to delete: one that is full costs a tenth per message."""

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
        # Of a FIFO queue SQS hands out no more of a group until the one before is deleted.
        self._fill_seconds = 0.0 if queue.fifo else FILL_SECONDS
        self._gathering = asyncio.Lock()
        self._filling: asyncio.Timeout | None = None
        self._draining = False

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
        """Wait until nothing waits any more; no batch waits for others meanwhile."""
        self._draining = True
        if self._filling is not None:
            self._filling.reschedule(asyncio.get_running_loop().time())
        await self._waiting.join()
        self._draining = False

    async def _delete_forever(self) -> None:
        while True:
            # One at a time, or each would have a part of what could be one batch.
            async with self._gathering:
                handles = await self._gather()
            try:
                await self._delete(handles)
            finally:
                for _ in handles:
                    self._waiting.task_done()

    async def _gather(self) -> list[str]:
        handles = [await self._waiting.get()]
        self._take_what_waits(handles)
        if len(handles) == BATCH or self._draining or not self._fill_seconds:
            return handles
        try:
            async with asyncio.timeout(self._fill_seconds) as self._filling:
                while len(handles) < BATCH:
                    handles.append(await self._waiting.get())
                    self._take_what_waits(handles)
        except TimeoutError:
            pass
        finally:
            self._filling = None
        return handles

    def _take_what_waits(self, handles: list[str]) -> None:
        while len(handles) < BATCH and not self._waiting.empty():
            handles.append(self._waiting.get_nowait())

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
