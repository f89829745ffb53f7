"""Reports to pollers which of their events browsers here have acknowledged, and that this replica is there.

A report that Redis did not confirm is repeated until it does: the poller waits for it, or has long given up.
"""

import asyncio
import logging

from queuecast_bus import BusManager, BusUnavailable
from queuecast_bus.connection import jittered
from queuecast_bus.replicas import INTERVAL_SECONDS
from queuecast_gateway.delivery.awaited_events import AwaitedEvents

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.02
"""How long reports gather before the next ones are sent: a room with 10,000 browsers acknowledges at once."""

RETRY_CAP_SECONDS = 1.0


class AckReporter:
    """Reports what is new in `events`. `reads_from` is the offset after which this replica reads all."""

    def __init__(self, bus: BusManager, events: AwaitedEvents) -> None:
        self.reads_from: str | None = None
        self._bus = bus
        self._events = events
        self._news = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._failing = False
        events.on_news = self._news.set

    async def run(self) -> None:
        """Report, for ever."""
        attempt = 0
        while True:
            await self._news.wait()
            try:
                await self.flush()
                attempt = 0
                await asyncio.sleep(GATHER_SECONDS)
            except BusUnavailable as exc:
                if attempt == 0:
                    log.warning("acknowledgements cannot be reported, trying again: %s", exc)
                attempt += 1
                await asyncio.sleep(jittered(attempt, cap_seconds=RETRY_CAP_SECONDS))

    async def flush(self) -> None:
        """Report everything that is new. Raises `BusUnavailable`; it is new again then."""
        async with self._flushing:
            self._news.clear()
            try:
                for inbox, reports in self._events.take_news().items():
                    await self._bus.ack_reports.put(inbox, reports)
            except BusUnavailable:
                self._events.report_all_again()
                self._news.set()
                raise

    async def announce(self) -> None:
        """Say once that this replica is there. A failure is logged if it is the first after a success."""
        if self.reads_from is None:
            return
        try:
            await self._bus.replicas.announce(self._bus.host_id, self.reads_from)
            self._failing = False
        except BusUnavailable as exc:
            if not self._failing:
                log.warning("pollers may not wait for acknowledgements from here: %s", exc)
            self._failing = True

    async def keep_announcing(self) -> None:
        """Say again and again that this replica is there, for ever; forget what nobody waits for."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            await self.announce()
            self._events.forget_old()

    async def leave(self) -> None:
        """Report what is left to report, and say that this replica is gone. Failures are logged."""
        try:
            await self.flush()
            await self._bus.replicas.withdraw(self._bus.host_id)
        except BusUnavailable as exc:
            log.warning("the last acknowledgements may be lost, their messages come back: %s", exc)
