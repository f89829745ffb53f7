"""Load on the bus itself: records that are published at a steady pace, and readers that follow the stream."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench.events import compact, tick
from queuecast_bus import BusManager, BusSettings, BusUnavailable, Record

_ids = itertools.count()


def bus_settings(port: int) -> BusSettings:
    """Return the settings of a bus on the Redis at this port."""
    return BusSettings.model_validate({"redis_url": url(port)})


def url(port: int) -> str:
    """Return the URL of the Redis at this port."""
    return f"redis://127.0.0.1:{port}/0"


async def store(buses: Sequence[BusManager], records: int, *, publish: int, rate: float) -> None:
    """Publish records as pollers do, some at a time with a dedup id each, at so many a second in all.

    The buses take turns.
    """
    began = time.monotonic()
    for bus, start in zip(itertools.cycle(buses), range(0, records, publish), strict=False):
        batch = [Record("tick", b"[%b]" % compact(tick(start, 0).argument)) for _ in range(publish)]
        await _publish(bus, [(record, f"id{next(_ids)}") for record in batch])
        await asyncio.sleep(max(0.0, began + (start + publish) / rate - time.monotonic()))


async def _publish(bus: BusManager, batch: Sequence[tuple[Record, str]]) -> None:
    while True:
        try:
            await bus.publish(batch)
        except BusUnavailable:
            continue  # the machine is busy: as pollers do, try again with the same ids
        return


@dataclass(slots=True)
class Reader:
    """A gateway's reader. `records` and `reads` count what it has read."""

    bus: BusManager
    records: int = 0
    reads: int = 0

    async def run(self) -> None:
        """Follow the stream, for ever."""
        async for batch in self.bus.follow():
            self.records += len(batch.entries)
            self.reads += bool(batch.entries)


@asynccontextmanager
async def reading(settings: BusSettings, read_urls: Sequence[str | None]) -> AsyncIterator[list[Reader]]:
    """Follow the stream within the context: a reader for each URL, or at the primary for None."""
    readers = [Reader(BusManager(settings, read_url=each)) for each in read_urls]
    tasks = [asyncio.create_task(reader.run()) for reader in readers]
    for reader in readers:
        await reader.bus.reading.wait()
    yield readers
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for reader in readers:
        await reader.bus.aclose()
