"""What gateways report of the acknowledgements that this poller waits for, and what came of each try.

It reads only while something is waited for.
"""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from queuecast_bus import BusManager, BusUnavailable
from queuecast_bus.ack_reports import READ_REPORTS
from queuecast_bus.awaited import AckReport
from queuecast_bus.connection import jittered
from queuecast_bus.record import offset_key
from queuecast_poller.judge.ack_outcome import AckOutcome, Rule

log = logging.getLogger(__name__)

GRACE_SECONDS = 0.5
"""How much longer than browsers the poller waits, for reports under way."""

POLL_SECONDS = 0.02
"""How long to wait if there was nothing to read. A poller that waits for nothing reads nothing."""

CHECK_SECONDS = 0.5
"""How often all tries are looked at, and not only those of which something was reported."""

RETRY_CAP_SECONDS = 1.0


class Try:
    """One publish of a message, and the reports about it. `outcome` is set when there is one."""

    __slots__ = ("offset", "outcome", "over_at", "reports", "rule", "stored_at")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.reports: dict[str, AckReport] = {}
        self.outcome: asyncio.Future[AckOutcome] = asyncio.get_running_loop().create_future()
        self.offset: str | None = None
        self.stored_at = self.over_at = 0.0


class AckInbox:
    """The inbox of one queue's poller."""

    def __init__(self, bus: BusManager) -> None:
        self._bus = bus
        self._tries: dict[int, Try] = {}
        self._wanted = asyncio.Event()
        self._present: dict[str, tuple[int, int]] = {}
        self._present_at = 0.0
        self._all_checked_at = 0.0

    @contextmanager
    def expecting(self, ack_id: int, rule: Rule) -> Iterator[Try]:
        """Collect the reports about a try."""
        tried = self._tries[ack_id] = Try(rule)
        self._wanted.set()
        try:
            yield tried
        finally:
            del self._tries[ack_id]
            if not self._tries:
                self._wanted.clear()

    def stored(self, tried: Try, offset: str, seconds: float) -> None:
        """Redis has confirmed a try: browsers have so many seconds from now on."""
        tried.offset, tried.stored_at = offset, time.monotonic()
        tried.over_at = tried.stored_at + seconds + GRACE_SECONDS
        self._settle(tried, is_over=False)  # reports may be faster than the confirmation

    async def run(self) -> None:
        """Read while something is waited for, for ever."""
        attempt = 0
        while True:
            await self._wanted.wait()
            began = time.monotonic()
            try:
                if not await self._read(began):
                    await asyncio.sleep(POLL_SECONDS)
                attempt = 0
            except BusUnavailable as exc:
                # Messages wait on: nobody knows what has been acknowledged.
                if attempt == 0:
                    log.warning("acknowledgements cannot be read, trying again: %s", exc)
                attempt += 1
                await asyncio.sleep(jittered(attempt, cap_seconds=RETRY_CAP_SECONDS))

    async def _read(self, began: float) -> int:
        """Take reports, and settle what they concern; return how many there were."""
        reports = await self._bus.ack_reports.take(self._bus.host_id)
        concerned: dict[int, Try] = {}
        for report in reports:
            tried = self._tries.get(report.ack_id)
            if tried is not None:
                tried.reports[report.replica] = report
                concerned[report.ack_id] = tried
        if began - self._all_checked_at >= CHECK_SECONDS:
            self._all_checked_at = began
            concerned = dict(self._tries)
        # Time is over for a try if what was reported before its end has been read.
        is_all_read = len(reports) < READ_REPORTS
        for tried in concerned.values():
            if self._depends_on_others(tried) and self._present_at <= tried.stored_at:
                await self._ask_who_is_there()
            self._settle(tried, is_over=is_all_read and began > tried.over_at)
        return len(reports)

    def _depends_on_others(self, tried: Try) -> bool:
        return tried.offset is not None and bool(tried.reports) and tried.rule.needs_all(tried.reports)

    async def _ask_who_is_there(self) -> None:
        asked = time.monotonic()
        present = await self._bus.replicas.present()
        self._present = {name: offset_key(offset) for name, offset in present.items()}
        self._present_at = asked

    def _settle(self, tried: Try, *, is_over: bool) -> None:
        """Set the outcome if there is one."""
        if tried.offset is None or tried.outcome.done():
            return
        expected = self._expected(tried)
        outcome = tried.rule.outcome(tried.reports, expected, is_over=is_over)
        if outcome is not None:
            tried.outcome.set_result(outcome)

    def _expected(self, tried: Try) -> frozenset[str] | None:
        """Return the replicas that have to report, None if that is not known yet."""
        if tried.offset is None or self._present_at <= tried.stored_at:
            return None
        key = offset_key(tried.offset)
        return frozenset(name for name, reads_from in self._present.items() if reads_from < key)
