import asyncio
import math
from typing import Any

import pytest
from tests.unit.fakes import FakeBus, FakeClock

from queuecast_bus import Record
from queuecast_bus.names import PROBE_NAMESPACE
from queuecast_gateway import probe as module
from queuecast_gateway.probe import DEAF_SECONDS, Probe


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


@pytest.fixture
def probe(bus: FakeBus, clock: FakeClock) -> Probe:
    return made(bus, clock)


def made(bus: Any, clock: FakeClock) -> Probe:
    return Probe(bus, "replica-1", lambda offset: None, clock)


async def until_sent(probe: Probe) -> None:
    """Run the probe until its first record was sent or refused; it must not end by itself."""
    running = asyncio.create_task(probe.run())
    for _ in range(5):  # turns of the loop: far less than the probe's interval
        await asyncio.sleep(0)
    assert not running.done()
    running.cancel()
    await asyncio.wait([running])


def test_a_replica_is_not_ready_before_it_heard_itself(probe: Probe) -> None:
    """That Redis answers does not mean that records arrive."""
    assert probe.ready().reasons == ("bus: nothing was heard yet",)


def test_a_replica_that_hears_itself_is_ready(probe: Probe, clock: FakeClock) -> None:
    """For as long as its records come back."""
    probe.heard()
    clock.pass_by(DEAF_SECONDS)
    assert probe.ready().well


def test_a_replica_that_hears_nothing_any_more_is_not_ready(probe: Probe, clock: FakeClock) -> None:
    """Browsers would sit there and miss everything."""
    probe.heard()
    clock.pass_by(DEAF_SECONDS + 1)
    assert not probe.ready().well
    assert "came back for 9 s" in probe.ready().reasons[0]
    probe.heard()
    assert probe.ready().well


async def test_records_of_the_probe_can_reach_no_browser(probe: Probe, bus: FakeBus) -> None:
    """A Socket.IO namespace begins with a slash; theirs does not."""
    await until_sent(probe)
    (record,) = bus.records
    assert record.namespace == PROBE_NAMESPACE
    assert not record.namespace.startswith("/")


async def test_every_record_of_the_probe_is_stored(probe: Probe, bus: FakeBus) -> None:
    """A dedup id would make all but the first disappear."""
    await until_sent(probe)
    assert [dedup_id for _, dedup_id in bus.tries[0]] == [None]


async def test_a_replica_tells_its_own_records_from_others(
    probe: Probe, bus: FakeBus, clock: FakeClock
) -> None:
    """Another replica's say nothing about what this one can send."""
    await until_sent(probe)
    assert probe.is_own(bus.records[0])
    assert not probe.is_own(Record("probe", b"[]", PROBE_NAMESPACE, ("replica-2",)))
    assert not probe.is_own(Record("probe", b"[]", PROBE_NAMESPACE))


async def test_the_reason_says_whether_sending_or_reading_fails(clock: FakeClock) -> None:
    """An operator looks in another place for each."""
    away, deaf = FakeBus(away_for=math.inf), FakeBus()
    cannot_send, cannot_read = made(away, clock), made(deaf, clock)
    await until_sent(cannot_send)
    await until_sent(cannot_read)
    assert cannot_send.ready().reasons == ("bus: publishing: ConnectionError: nobody there",)
    assert cannot_read.ready().reasons == ("bus: sent records do not come back",)


async def test_a_bus_that_is_away_does_not_end_the_probe(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has to notice when the bus is back."""
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 0)
    bus = FakeBus(away_for=1)
    await until_sent(made(bus, clock))
    assert bus.records
