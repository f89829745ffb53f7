import pytest
from tests.unit.fakes import FakeClock

from queuecast_poller.pulse import Pulse


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def pulse(clock: FakeClock) -> Pulse:
    return Pulse("orders", 120.0, clock)


def test_an_intake_is_alive_until_it_made_no_step_for_too_long(pulse: Pulse, clock: FakeClock) -> None:
    """A long poll is a step too: only what takes longer than any step may is a stall."""
    clock.pass_by(120)
    assert pulse.alive().well
    clock.pass_by(1)
    assert pulse.alive().reasons == ("queue orders: the intake made no step for 121 s",)


def test_a_step_is_a_sign_of_life(pulse: Pulse, clock: FakeClock) -> None:
    """However long it took."""
    clock.pass_by(500)
    pulse.tick()
    assert pulse.alive().well


def test_trouble_does_not_make_it_dead(pulse: Pulse) -> None:
    """Restarting a poller does not bring Redis back."""
    pulse.suffers("bus", "away")
    assert pulse.alive().well
    assert not pulse.ready().well


def test_an_intake_is_not_ready_before_its_queue_was_opened(pulse: Pulse) -> None:
    """A queue that does not exist must show in a roll-out."""
    assert pulse.ready().reasons == ("queue orders: sqs: the queue is not opened yet",)
    assert pulse.recovered("sqs")
    assert pulse.ready().well


def test_each_part_recovers_by_itself(pulse: Pulse) -> None:
    """SQS that answers says nothing about Redis."""
    pulse.suffers("sqs", "throttled")
    pulse.suffers("bus", "away")
    assert pulse.ready().reasons == ("queue orders: sqs: throttled", "queue orders: bus: away")
    assert pulse.recovered("sqs")
    assert pulse.ready().reasons == ("queue orders: bus: away",)


def test_a_recovery_is_told_once(pulse: Pulse) -> None:
    """It becomes a log line."""
    pulse.suffers("bus", "away")
    assert [pulse.recovered("bus"), pulse.recovered("bus")] == [True, False]


def test_the_latest_trouble_of_a_part_counts(pulse: Pulse) -> None:
    """An operator wants to know what is wrong now."""
    pulse.recovered("sqs")
    pulse.suffers("bus", "connection refused")
    pulse.suffers("bus", "out of memory")
    assert pulse.ready().reasons == ("queue orders: bus: out of memory",)
