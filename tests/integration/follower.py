"""A reader of the bus that keeps the records it reads."""

import asyncio
import contextlib

from queuecast_bus import Batch, BusManager, Record


def record(number: int) -> Record:
    return Record(event="item_added", arguments=b'[{"id":%d}]' % number)


class Follower:
    """A manager that reads in the background, and what it has read."""

    def __init__(self, manager: BusManager) -> None:
        self.manager = manager
        self.batches: list[Batch] = []
        self._task = asyncio.create_task(self._follow())

    @property
    def arguments(self) -> list[bytes]:
        return [entry.record.arguments for batch in self.batches for entry in batch.entries]

    @property
    def gaps(self) -> list[str]:
        return [batch.gap.reason for batch in self.batches if batch.gap]

    async def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _follow(self) -> None:
        async for batch in self.manager.follow():
            self.batches.append(batch)
