import pytest
from tests.unit.fakes import FakeClock

from queuecast_poller.intake.liveness import Liveness


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def liveness(clock: FakeClock) -> Liveness:
    return Liveness("orders", 120.0, clock)


def test_an_intake_is_alive_until_it_makes_no_progress_for_too_long(
    liveness: Liveness, clock: FakeClock
) -> None:
    """A long poll is a step too: only what takes longer than any step may is a stall."""
    clock.pass_by(120)
    assert liveness.alive().healthy
    clock.pass_by(1)
    assert liveness.alive().reasons == ("queue orders: the intake made no progress for 121 s",)


def test_a_tick_shows_that_it_is_alive(liveness: Liveness, clock: FakeClock) -> None:
    """However long the step took."""
    clock.pass_by(500)
    liveness.tick()
    assert liveness.alive().healthy


def test_a_failing_dependency_does_not_make_it_dead(liveness: Liveness) -> None:
    """Restarting a poller does not bring Redis back."""
    liveness.failing("bus", "away")
    assert liveness.alive().healthy
    assert not liveness.ready().healthy


def test_an_intake_is_not_ready_before_its_queue_was_opened_and_redis_answered(liveness: Liveness) -> None:
    """A missing queue or a wrong password must show in a roll-out."""
    assert liveness.ready().reasons == (
        "queue orders: sqs: the queue is not opened yet",
        "queue orders: bus: Redis has not answered yet",
    )
    assert liveness.recovered("sqs")
    assert not liveness.ready().healthy
    assert liveness.recovered("bus")
    assert liveness.ready().healthy


def test_each_dependency_recovers_by_itself(liveness: Liveness) -> None:
    """When SQS answers, that says nothing about Redis."""
    liveness.failing("sqs", "throttled")
    liveness.failing("bus", "away")
    assert liveness.ready().reasons == ("queue orders: sqs: throttled", "queue orders: bus: away")
    assert liveness.recovered("sqs")
    assert liveness.ready().reasons == ("queue orders: bus: away",)


def test_a_recovery_is_reported_once(liveness: Liveness) -> None:
    """It becomes a log line."""
    liveness.failing("bus", "away")
    assert [liveness.recovered("bus"), liveness.recovered("bus")] == [True, False]


def test_the_latest_failure_of_a_dependency_counts(liveness: Liveness) -> None:
    """Operators want to know what is wrong now."""
    liveness.recovered("sqs")
    liveness.failing("bus", "connection refused")
    liveness.failing("bus", "out of memory")
    assert liveness.ready().reasons == ("queue orders: bus: out of memory",)
