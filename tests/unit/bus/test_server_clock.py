"""Ages are counted by one clock, Redis's, where a host's own clock is wrong."""

import pytest
from tests.unit.fakes import FakeClock

from queuecast_bus.server_clock import ClockSteps, ServerClock

NOW_MS = 1_000_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1_000.0)


@pytest.mark.parametrize("skew", [3600.0, -3600.0, 1.5, -1.5])
def test_a_clock_that_is_wrong_is_corrected(clock: FakeClock, skew: float) -> None:
    """What a publish shows holds until the next one."""
    server = ServerClock(clock)
    clock.pass_by(skew)
    server.observe(NOW_MS, clock(), clock())
    assert server.skew_seconds == pytest.approx(skew, abs=0.002)
    assert server.now() == pytest.approx(1_000.0, abs=0.002)
    clock.pass_by(5)
    assert server.now() == pytest.approx(1_005.0, abs=0.002)


@pytest.mark.parametrize("skew", [0.5, -0.5, 0.0])
def test_a_small_difference_is_told_and_not_corrected(clock: FakeClock, skew: float) -> None:
    """Latencies of milliseconds are to stay what this host measures."""
    server = ServerClock(clock)
    clock.pass_by(skew)
    server.observe(NOW_MS, clock(), clock())
    assert server.skew_seconds == pytest.approx(skew, abs=0.002)
    assert server.now() == clock()


def test_a_slow_publish_is_no_wrong_clock(clock: FakeClock) -> None:
    """Redis stored the record at some moment of those seconds: both clocks may be right."""
    server = ServerClock(clock)
    server.observe(NOW_MS, 995.0, 1_003.0)
    assert server.skew_seconds == 0.0


def test_a_clock_that_is_put_right_is_believed_again(clock: FakeClock) -> None:
    """With the next publish."""
    server = ServerClock(clock)
    server.observe(NOW_MS, 4_600.0, 4_600.0)
    server.observe(NOW_MS, 1_000.0, 1_000.0)
    assert (server.skew_seconds, server.now()) == (0.0, 1_000.0)


@pytest.mark.parametrize(
    ("seconds", "counts"), [(3600, (1, 0)), (-3600, (0, 1)), (1.5, (1, 0)), (0.9, (0, 0)), (-0.9, (0, 0))]
)
def test_a_step_of_redis_s_clock_is_counted_once(seconds: float, counts: tuple[int, int]) -> None:
    """Everything that expires depends on it."""
    steps = ClockSteps()
    for number in range(10):
        redis_ms = NOW_MS + 2_000 * number + round(1000 * seconds * (number >= 5))
        steps.observe(redis_ms, 7.0 + 2 * number, 7.01 + 2 * number)
    assert (steps.forward, steps.back) == counts


def test_slow_answers_and_a_clock_that_is_slowly_put_right_are_no_steps() -> None:
    """Redis answered at some moment of those seconds, and daemons for time slew a clock where they can."""
    steps = ClockSteps()
    for number in range(1_000):
        slewed = NOW_MS + 2_010 * number
        steps.observe(slewed, 2.0 * number, 2.0 * number + 0.01)
    steps.observe(slewed + 2_000, 2.0 * number, 2.0 * number + 4)
    steps.observe(slewed + 4_000, 2.0 * number + 4, 2.0 * number + 4)
    assert (steps.forward, steps.back) == (0, 0)


def test_what_a_step_means_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """An operator sees duplicates, or a lag that stays at 0, and does not think of a clock."""
    steps = ClockSteps()
    for redis_ms in (NOW_MS, NOW_MS + 60_000, NOW_MS):
        steps.observe(redis_ms, 1.0, 1.0)
    assert "went forward by 60 s: ids of messages and sessions expired early" in caplog.text
    assert "went back by 60 s: until it has caught up, all records look new" in caplog.text
