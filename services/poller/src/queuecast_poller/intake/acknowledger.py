"""Deletes the messages that the bus has stored, in batches that span receives.

A delete that fails does no harm: the message comes back, is a duplicate, and is deleted then. So it is tried
a few times, counted, and never delays the intake.
"""

import asyncio
import logging
from collections.abc import Sequence

from queuecast_bus.connection import jittered
from queuecast_poller.intake.leases import Leases
from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.sqs.failure import Call, Failed, QueueUnavailable
from queuecast_poller.sqs.message import BATCH
from queuecast_poller.sqs.queue import DELETERS, Queue

log = logging.getLogger(__name__)

TRIES = 4
FILL_SECONDS = 0.2
"""How long a batch waits for more messages: in a full batch, a message costs a tenth of a request."""

BACKLOG = 1_000
"""Most receipt handles that may wait to be deleted. The intake waits when there are more."""


class Acknowledger:
    """Deletes messages with a few calls at a time, whose batches fill up when it is busy.

    It releases a message's lease when the message is deleted or given up.
    """

    def __init__(self, queue: Queue, leases: Leases, metrics: QueueMetrics) -> None:
        self._queue = queue
        self._leases = leases
        self._metrics = metrics
        self._waiting: asyncio.Queue[str] = asyncio.Queue(BACKLOG)
        # A FIFO queue delivers no more of a group until the messages before are deleted.
        self._fill_seconds = 0.0 if queue.fifo else FILL_SECONDS
        self._gathering = asyncio.Lock()
        self._filling: asyncio.Timeout | None = None
        self._draining = False

    async def acknowledge(self, receipt_handles: Sequence[str]) -> None:
        """Delete these messages soon. Waits only while the backlog is full."""
        for handle in receipt_handles:
            if self._waiting.full():
                await self._waiting.put(handle)
            else:
                self._waiting.put_nowait(handle)

    async def run(self) -> None:
        """Delete until cancelled."""
        async with asyncio.TaskGroup() as deleters:
            for _ in range(DELETERS):
                deleters.create_task(self._delete_forever())

    async def drain(self) -> None:
        """Wait until all deletes are done. Meanwhile no batch waits to fill up."""
        self._draining = True
        if self._filling is not None:
            self._filling.reschedule(asyncio.get_running_loop().time())
        await self._waiting.join()
        self._draining = False

    async def _delete_forever(self) -> None:
        while True:
            # One deleter at a time, or each would get a part of what could be one batch.
            async with self._gathering:
                handles = await self._gather()
            try:
                await self._delete(handles)
            finally:
                for _ in handles:
                    self._waiting.task_done()

    async def _gather(self) -> list[str]:
        handles = [await self._waiting.get()]
        self._take_waiting(handles)
        if len(handles) == BATCH or self._draining or not self._fill_seconds:
            return handles
        try:
            async with asyncio.timeout(self._fill_seconds) as self._filling:
                while len(handles) < BATCH:
                    handles.append(await self._waiting.get())
                    self._take_waiting(handles)
        except TimeoutError:
            pass
        finally:
            self._filling = None
        return handles

    def _take_waiting(self, handles: list[str]) -> None:
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
        """Delete these; return those that are worth another try, and why they failed."""
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
        retriable = [entry.receipt_handle for entry in failed if not entry.final]
        self._leases.release([handle for handle in handles if handle not in retriable])
        return retriable, _codes(failed)

    def _give_up(self, handles: Sequence[str], why: str) -> None:
        self._leases.release(handles)
        self._metrics.delete_failures.inc(len(handles))
        log.warning("%d messages could not be deleted and will come back: %s", len(handles), why)


def _codes(failed: Sequence[Failed]) -> str:
    return ", ".join(sorted({entry.code for entry in failed}))
