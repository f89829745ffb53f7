"""Reports of acknowledgements reach Redis, however long it is away; the replica announces itself."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.claims import WITHIN_SECONDS
from tests.unit.fakes import FakeClock

from queuecast_bus import BusUnavailable, Record
from queuecast_bus.awaited import FIRST_ID, AckMode, AckReport, AckWanted
from queuecast_gateway.delivery import ack_reporter as module
from queuecast_gateway.delivery.ack_reporter import AckReporter
from queuecast_gateway.delivery.awaited_events import AwaitedEvents
from queuecast_gateway.metrics import Metrics


class FakeBus:
    """Redis as the reporter uses it. It is away for so many calls."""

    host_id = "here"

    def __init__(self) -> None:
        self.ack_reports = self.replicas = self
        self.reports: list[AckReport] = []
        self.announced: dict[str, str] = {}
        self.away_for = 0
        self.reported = asyncio.Event()

    async def put(self, inbox: str, reports: Sequence[AckReport]) -> None:
        self._answer()
        self.reports += reports
        self.reported.set()

    async def announce(self, replica: str, reads_from: str) -> None:
        self._answer()
        self.announced[replica] = reads_from

    async def withdraw(self, replica: str) -> None:
        self._answer()
        self.announced.pop(replica, None)

    def _answer(self) -> None:
        if self.away_for:
            self.away_for -= 1
            raise BusUnavailable("reporting: nobody there")


class Bench:
    """A reporter and the events that it reports on."""

    def __init__(self) -> None:
        self.bus: Any = FakeBus()
        self.events = AwaitedEvents("here", lambda *_: True, FakeClock(0), Metrics(CollectorRegistry()))
        self.reporter = AckReporter(self.bus, self.events)

    def begin(self, number: int = 0) -> None:
        wanted = AckWanted(AckMode.ANY, FIRST_ID + number, "inbox", 10_000)
        self.events.begin("1-0", Record("order", b"[1]", ack=wanted), {"one"})


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(module, "jittered", lambda attempt, cap_seconds: 0)
    monkeypatch.setattr(module, "GATHER_SECONDS", 0)
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 0)
    return Bench()


async def test_a_report_is_repeated_until_redis_has_it(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """With those that Redis had before, which it may have lost; the log says once that it fails."""
    bench.begin()
    await bench.reporter.flush()
    bench.bus.reported.clear()
    bench.bus.away_for = 3
    running = asyncio.create_task(bench.reporter.run())
    with caplog.at_level(logging.WARNING):
        bench.begin(1)
        async with asyncio.timeout(WITHIN_SECONDS):
            await bench.bus.reported.wait()
    running.cancel()
    await asyncio.wait([running])
    assert [report.ack_id for report in bench.bus.reports] == [FIRST_ID, FIRST_ID, FIRST_ID + 1]
    assert caplog.text.count("cannot be reported") == 1


async def test_a_replica_announces_itself_once_it_reads(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """With the offset, so that no poller waits for its report of what came before."""
    await bench.reporter.announce()
    assert bench.bus.announced == {}
    bench.reporter.reads_from = "5-0"
    bench.bus.away_for = 2
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await bench.reporter.announce()
    assert bench.bus.announced == {"here": "5-0"}
    assert caplog.text.count("pollers may not wait") == 1


async def test_it_goes_on_announcing(bench: Bench) -> None:
    """A poller takes a silent one for gone."""
    bench.reporter.reads_from = "5-0"
    running = asyncio.create_task(bench.reporter.keep_announcing())
    for _ in range(2):
        bench.bus.announced.clear()
        async with asyncio.timeout(WITHIN_SECONDS):
            while not bench.bus.announced:  # noqa: ASYNC110  # each turn is a round
                await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])


async def test_a_replica_that_leaves_reports_first(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Its browsers have gone, and may answer elsewhere; if Redis is away, their messages come back."""
    bench.reporter.reads_from = "5-0"
    await bench.reporter.announce()
    bench.begin()
    await bench.reporter.leave()
    assert bench.bus.reports == [AckReport(FIRST_ID, "here", 1, 0)]
    assert bench.bus.announced == {}
    bench.begin(1)
    bench.bus.away_for = 1
    with caplog.at_level(logging.WARNING):
        await bench.reporter.leave()
    assert "may be lost" in caplog.text
