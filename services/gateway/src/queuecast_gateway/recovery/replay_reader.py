"""Reads the records that a session has missed, from this replica's history or, where it ends, from Redis.

`Missed` decides which of them are for the session.
"""

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from queuecast_bus import BusUnavailable, Entry
from queuecast_bus.record import offset_key
from queuecast_gateway.delivery.gateway_bus import GatewayBus
from queuecast_gateway.delivery.history import History
from queuecast_gateway.recovery.replay import Missed, NotRecovered

PAGE = 500
READERS = 4
"""How many clients at once read from Redis, or scan a long history; the others wait."""

SCAN_RECORDS, SCAN_PAUSE_SECONDS = 1_000, 0.005
"""How much of the history is scanned for one client, which takes half a millisecond, before all others get
this much time. The history may have 50,000 records, and clients may recover from its far end again and
again."""

CATCH_UP_SECONDS = 5.0
"""How long this replica may take to read up to an offset that a client received from another replica."""


class _Scanned(NamedTuple):
    without_text: list[Entry]
    was_last: bool


class ReplayReader:
    """Fills `Missed` with events. Every method raises `NotRecovered` and `BusUnavailable`."""

    def __init__(self, bus: GatewayBus) -> None:
        self._bus = bus
        self._readers = asyncio.Semaphore(READERS)

    async def read_older(self, missed: Missed) -> None:
        """Read the records from before the history, until it has all the others."""
        history = self._bus.history
        async with self._readers:
            while not history.covers(missed.after):
                batch = await self._bus.between(missed.after, history.position, PAGE)
                if batch.gap is not None:
                    raise NotRecovered("lost" if batch.gap.reason == "rewound" else "trimmed")
                missed.add(batch.entries, history)
                missed.after = batch.position

    async def scan(self, missed: Missed) -> bool:
        """Take events from the next part of the history; return True if it was the last part.

        If it was, this has awaited nothing.
        """
        if self._scan(missed).was_last:
            return True
        async with self._readers:
            # Scanned again, so that those who wait hold no records; others may have recalled them meanwhile.
            found = self._scan(missed)
            if found.without_text:
                await self._recall(missed, found.without_text)
            else:
                await asyncio.sleep(SCAN_PAUSE_SECONDS)
        return False

    def _scan(self, missed: Missed) -> _Scanned:
        history = self._bus.history
        page = list(islice(history.after(missed.after), SCAN_RECORDS))
        without_text = missed.add(page, history)
        if page and not without_text:
            missed.after = page[-1].offset
        return _Scanned(without_text, not without_text and len(page) < SCAN_RECORDS)

    async def _recall(self, missed: Missed, entries: Sequence[Entry]) -> None:
        """Read the texts of records again that nobody on this replica wanted when they arrived."""
        size, done = 0, 0
        while done < len(entries):
            page = entries[done : done + PAGE]
            found = await self._bus.recall([entry.offset for entry in page])
            for entry, fields in zip(page, found, strict=False):
                if not fields:
                    raise NotRecovered("trimmed")
                size += self._bus.history.recall(entry, fields)
            missed.check(len(entries), size)
            done += len(found)


async def catch_up(history: History, after: str) -> None:
    """Wait until this replica has read the bus up to an offset. Raises `BusUnavailable`."""
    try:
        async with asyncio.timeout(CATCH_UP_SECONDS):
            while offset_key(history.position) < offset_key(after):  # noqa: ASYNC110  # rare, and short
                await asyncio.sleep(0.01)
    except TimeoutError as exc:
        raise BusUnavailable(f"this replica has not read the bus up to {after}") from exc
