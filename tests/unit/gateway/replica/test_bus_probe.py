"""A replica is ready as long as its own records come back from the bus."""

import asyncio
import math
from typing import Any

import pytest
from tests.unit.fakes import FakeBus, FakeClock

from queuecast_bus import Record
from queuecast_bus.names import PROBE_NAMESPACE
from queuecast_gateway.replica import bus_probe as module
from queuecast_gateway.replica.bus_probe import SILENT_SECONDS, BusProbe


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


@pytest.fixture
def probe(bus: FakeBus, clock: FakeClock) -> BusProbe:
    return made(bus, clock)


def made(bus: Any, clock: FakeClock) -> BusProbe:
    return BusProbe(bus, "replica-1", lambda offset: None, clock)


async def until_sent(probe: BusProbe) -> None:
    """Run the probe until its first record was published or refused; it must not end by itself."""
    running = asyncio.create_task(probe.run())
    for _ in range(5):  # iterations of the loop: far less than the probe's interval
        await asyncio.sleep(0)
    assert not running.done()
    running.cancel()
    await asyncio.wait([running])


def test_a_replica_is_not_ready_before_its_first_record_comes_back(probe: BusProbe) -> None:
    """That Redis answers does not mean that records arrive."""
    assert probe.ready().reasons == ("bus: nothing was received yet",)


def test_a_replica_whose_records_come_back_is_ready(probe: BusProbe, clock: FakeClock) -> None:
    """For as long as they do."""
    probe.received()
    clock.pass_by(SILENT_SECONDS)
    assert probe.ready().healthy


def test_a_replica_whose_records_no_longer_come_back_is_not_ready(probe: BusProbe, clock: FakeClock) -> None:
    """Its browsers would miss everything."""
    probe.received()
    clock.pass_by(SILENT_SECONDS + 1)
    assert not probe.ready().healthy
    assert "came back for 9 s" in probe.ready().reasons[0]
    probe.received()
    assert probe.ready().healthy


async def test_records_of_the_probe_can_reach_no_browser(probe: BusProbe, bus: FakeBus) -> None:
    """A Socket.IO namespace begins with a slash; the probe's does not."""
    await until_sent(probe)
    (record,) = bus.records
    assert record.namespace == PROBE_NAMESPACE
    assert not record.namespace.startswith("/")


async def test_every_record_of_the_probe_is_stored(probe: BusProbe, bus: FakeBus) -> None:
    """With a dedup id, all but the first would be dropped."""
    await until_sent(probe)
    assert [dedup_id for _, dedup_id in bus.tries[0]] == [None]


async def test_a_replica_tells_its_own_records_from_others(
    probe: BusProbe, bus: FakeBus, clock: FakeClock
) -> None:
    """Another replica's say nothing about what this one can publish."""
    await until_sent(probe)
    assert probe.is_own(bus.records[0])
    assert not probe.is_own(Record("probe", b"[]", PROBE_NAMESPACE, ("replica-2",)))
    assert not probe.is_own(Record("probe", b"[]", PROBE_NAMESPACE))


async def test_the_reason_says_whether_publishing_or_reading_fails(clock: FakeClock) -> None:
    """An operator looks in a different place for each."""
    away, deaf = FakeBus(away_for=math.inf), FakeBus()
    cannot_send, cannot_read = made(away, clock), made(deaf, clock)
    await until_sent(cannot_send)
    await until_sent(cannot_read)
    assert cannot_send.ready().reasons == ("bus: publishing: ConnectionError: nobody there",)
    assert cannot_read.ready().reasons == ("bus: published records do not come back",)


async def test_a_bus_that_is_away_does_not_end_the_probe(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probe has to notice when the bus is back."""
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 0)
    bus = FakeBus(away_for=1)
    await until_sent(made(bus, clock))
    assert bus.records
