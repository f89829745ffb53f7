"""A gateway reports that it is behind when it is, and not because of records that it never had to read."""

from typing import Any

import pytest
from tests.unit.fakes import FakeBus, FakeClock

from queuecast_bus import Batch
from queuecast_gateway.delivery.history import History
from queuecast_gateway.replica.backpressure import MAX_UNREAD, Backpressure


class Bus(FakeBus):
    def __init__(self) -> None:
        super().__init__()
        self.history = History(0)
        self.read("100-0")

    def read(self, offset: str) -> None:
        self.history.add(Batch(offset))


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def backpressure(bus: Bus, clock: FakeClock) -> Backpressure:
    made: Any = bus
    return Backpressure(made, 3, clock)


async def test_a_replica_that_has_read_all_is_not_behind(
    bus: Bus, backpressure: Backpressure, clock: FakeClock
) -> None:
    """However long nothing has been stored."""
    backpressure.stored("101-0")
    bus.read("101-0")
    clock.pass_by(60)
    await backpressure.check()
    assert backpressure.lag_seconds() == 0
    assert bus.pressure.reports == 0


async def test_pollers_are_asked_to_wait_as_long_as_it_is_behind(
    bus: Bus, backpressure: Backpressure, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A report expires after seconds, so it is repeated; the log has one line for each change."""
    caplog.set_level("INFO")
    backpressure.stored("101-0")
    clock.pass_by(2)
    backpressure.stored("102-0")
    await backpressure.check()
    assert bus.pressure.reports == 0, "not before it is too much"
    clock.pass_by(2)
    for _ in range(3):
        await backpressure.check()
    assert backpressure.lag_seconds() == 4
    assert bus.pressure.reports == 3
    bus.read("101-0")
    await backpressure.check()
    assert backpressure.lag_seconds() == 2
    assert bus.pressure.reports == 3
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_records_in_a_gap_are_not_waited_for(bus: Bus, backpressure: Backpressure) -> None:
    """What Redis has lost never arrives: the position counts, not each record."""
    backpressure.stored("101-0")
    bus.history.begin("200-0")
    assert backpressure.lag_seconds() == 0


async def test_it_goes_on_while_redis_is_away(bus: Bus, backpressure: Backpressure, clock: FakeClock) -> None:
    """Pollers cannot publish then either."""
    bus.pressure.away = True
    backpressure.stored("101-0")
    clock.pass_by(9)
    await backpressure.check()


async def test_0_never_asks(bus: Bus, clock: FakeClock) -> None:
    """For those who would rather lose history than wait."""
    made: Any = bus
    backpressure = Backpressure(made, 0, clock)
    backpressure.stored("101-0")
    clock.pass_by(9)
    await backpressure.check()
    assert bus.pressure.reports == 0
    assert backpressure.lag_seconds() == 9


async def test_the_records_that_it_tracks_are_limited(bus: Bus, backpressure: Backpressure) -> None:
    """A replica that reads nothing for an hour must not grow."""
    for number in range(2 * MAX_UNREAD):
        backpressure.stored(f"{101 + number}-0")
    bus.read(f"{100 + MAX_UNREAD}-0")
    assert backpressure.lag_seconds() == 0
