import logging
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest
from tests.unit.fake_loop import Loop

from queuecast_gateway.engine.timer_wheel import TimerWheel

TICK = 0.1


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    loop = Loop()
    loop.drive(monkeypatch)
    return loop


@pytest.fixture
def wheel(loop: Loop) -> TimerWheel:
    return TimerWheel(TICK)


def ticks_until_called(seconds: float, wheel: TimerWheel, loop: Loop) -> int:
    called: list[str] = []
    wheel.after(seconds, lambda: called.append("called"))
    ticks = 0
    while not called:
        loop.tick()
        ticks += 1
        assert ticks < 10_000, "never called"
    loop.tick(5)
    assert called == ["called"]
    return ticks


# Calling


@pytest.mark.parametrize(
    ("seconds", "ticks"), [(0.1, 1), (0.3, 3), (0.7, 7), (1.0, 10), (25.0, 250), (20.04, 200), (20.06, 201)]
)
def test_a_callback_is_called_once_after_its_time(
    seconds: float, ticks: int, wheel: TimerWheel, loop: Loop
) -> None:
    """At the nearest tick: 0.7 / 0.1 is a little under 7."""
    assert ticks_until_called(seconds, wheel, loop) == ticks


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.05, -1.0])
def test_a_callback_without_a_delay_is_called_at_the_next_tick(
    seconds: float, wheel: TimerWheel, loop: Loop
) -> None:
    """In the slot of the current tick, it would never be called."""
    assert ticks_until_called(seconds, wheel, loop) == 1


def test_time_is_counted_from_the_current_tick(wheel: TimerWheel, loop: Loop) -> None:
    """A session that begins after hours gets its first ping as soon as the first session did."""
    assert ticks_until_called(1.0, wheel, loop) == 10
    wheel.after(100.0, lambda: None)
    loop.tick(123)
    assert ticks_until_called(1.0, wheel, loop) == 10


def test_a_callback_may_add_itself_again(wheel: TimerWheel, loop: Loop) -> None:
    """That is how a session gets ping after ping."""
    called: list[int] = []

    def again() -> None:
        called.append(len(called))
        wheel.after(0.2, again)

    wheel.after(0.2, again)
    loop.tick(20)
    assert len(called) == 10
    assert len(wheel) == 1


def test_callbacks_are_called_in_the_order_of_their_times(wheel: TimerWheel, loop: Loop) -> None:
    """The order in which they were added does not matter."""
    called: list[float] = []
    for seconds in (0.5, 0.1, 0.3, 0.2, 0.4):
        wheel.after(seconds, lambda seconds=seconds: called.append(seconds))  # type: ignore[misc]
    loop.tick(5)
    assert called == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_a_callback_that_fails_is_logged_and_the_others_are_called(
    wheel: TimerWheel, loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of one session must not stop the pings of all others."""
    called: list[int] = []

    def fail() -> None:
        raise ValueError("one session's error")

    for number in range(20):
        wheel.after(0.1, lambda number=number: called.append(number))  # type: ignore[misc]
    wheel.after(0.1, fail)
    wheel.after(0.2, lambda: called.append(20))
    with caplog.at_level(logging.ERROR):
        loop.tick(2)
    assert sorted(called) == list(range(21))
    assert "one session's error" in caplog.text


# Cancelling


def test_a_cancelled_callback_is_not_called(wheel: TimerWheel, loop: Loop) -> None:
    """A session that has ended must not be pinged."""
    called: list[str] = []
    cancelled, kept = lambda: called.append("cancelled"), lambda: called.append("kept")
    tick = wheel.after(0.3, cancelled)
    wheel.after(0.3, kept)
    wheel.cancel(tick, cancelled)
    loop.tick(5)
    assert called == ["kept"]


def test_a_callback_can_be_cancelled_at_the_tick_at_which_it_is_due(wheel: TimerWheel, loop: Loop) -> None:
    """A session's ping may be due at the tick at which the session ends."""
    called: list[str] = []
    due: dict[str, int] = {}

    def one() -> None:
        called.append("one")
        wheel.cancel(due["other"], other)

    def other() -> None:
        called.append("other")
        wheel.cancel(due["one"], one)

    due["one"], due["other"] = wheel.after(0.1, one), wheel.after(0.1, other)
    loop.tick(2)
    assert len(called) == 1


def test_cancelling_an_unknown_callback_is_no_error(wheel: TimerWheel, loop: Loop) -> None:
    """A session that ends cancels its deadlines, and one of them may have ended it."""
    called: list[str] = []
    callback = lambda: called.append("called")  # noqa: E731
    tick = wheel.after(0.1, callback)
    wheel.cancel(tick, print)
    wheel.cancel(tick + 1, callback)
    loop.tick()
    wheel.cancel(tick, callback)
    assert called == ["called"]


def test_waiting_callbacks_are_counted(wheel: TimerWheel, loop: Loop) -> None:
    """A leak shows as a growing number."""
    callbacks: list[Callable[[], None]] = [lambda: None, lambda: None, lambda: None]
    ticks = [
        wheel.after(seconds, callback) for seconds, callback in zip((0.1, 0.1, 0.2), callbacks, strict=True)
    ]
    assert len(wheel) == 3
    wheel.cancel(ticks[0], callbacks[0])
    assert len(wheel) == 2
    loop.tick()
    assert len(wheel) == 1


# The timer


def test_one_timer_serves_all_callbacks(wheel: TimerWheel, loop: Loop) -> None:
    """The wheel is there to avoid a timer of the loop for each of 10,000 sessions."""
    for number in range(100):
        wheel.after(number * 0.1, print)
    assert [timer.seconds for timer in loop.due] == [TICK]
    loop.tick()
    assert len(loop.due) == 1


def test_the_timer_stops_without_callbacks_and_starts_again(wheel: TimerWheel, loop: Loop) -> None:
    """A gateway without sessions sleeps, and wakes for the first one."""
    assert not loop.due
    assert ticks_until_called(0.2, wheel, loop) == 2
    assert not loop.due
    assert ticks_until_called(0.2, wheel, loop) == 2
    assert not loop.due


def test_the_timer_stops_after_the_last_callback_was_cancelled(wheel: TimerWheel, loop: Loop) -> None:
    """At the latest when the callback would have been due."""
    wheel.cancel(wheel.after(0.3, print), print)
    loop.tick(3)
    assert not loop.due


def test_a_callback_that_adds_the_only_other_one_keeps_one_timer(wheel: TimerWheel, loop: Loop) -> None:
    """Two timers would make the wheel twice as fast, and sessions would end in half their time."""

    def add() -> None:
        wheel.after(0.2, add)

    wheel.after(0.1, add)
    for _ in range(10):
        assert len(loop.due) == 1
        loop.tick()


def test_after_a_stop_nothing_is_called(wheel: TimerWheel, loop: Loop) -> None:
    """The gateway has closed every session, and its event loop ends."""
    called: list[str] = []
    wheel.after(0.1, lambda: called.append("called"))
    wheel.stop()
    assert not loop.due
    assert len(wheel) == 0
    loop.tick(3)
    assert not called


def test_a_callback_that_stops_the_wheel_is_the_last_one(wheel: TimerWheel, loop: Loop) -> None:
    """Others that are due at the same tick are not called."""
    called: list[str] = []

    def stop() -> None:
        called.append("called")
        wheel.stop()

    # The callbacks of a tick are a set, so each must be another object.
    wheel.after(0.1, lambda: stop())
    wheel.after(0.1, lambda: stop())
    loop.tick(3)
    assert called == ["called"]
    assert not loop.due


def test_a_stop_may_come_twice_or_before_any_callback(wheel: TimerWheel, loop: Loop) -> None:
    """The process stops the wheel even if its start has failed."""
    wheel.stop()
    wheel.stop()
    assert ticks_until_called(0.1, wheel, loop) == 1


def test_a_wheel_that_was_stopped_can_be_used_again(wheel: TimerWheel, loop: Loop) -> None:
    """With a wheel that silently stands still, a gateway would never ping."""
    wheel.after(0.1, print)
    wheel.stop()
    assert ticks_until_called(0.2, wheel, loop) == 2


# Spreading


@pytest.mark.parametrize("before", [0, 1, 777])
@pytest.mark.parametrize("seconds", [25.0, 0.3])
def test_delays_are_spread_evenly_whenever_they_begin(before: int, seconds: float, wheel: TimerWheel) -> None:
    """After a restart thousands connect at once, and their pings must not all come in the same second."""
    for _ in range(before):
        wheel.spread(seconds)
    delays = [wheel.spread(seconds) for _ in range(1000)]
    assert all(0 < delay <= seconds for delay in delays)
    tenths = Counter(min(9, int(delay / seconds * 10)) for delay in delays)
    assert all(80 <= tenths[tenth] <= 120 for tenth in range(10))


def test_a_few_delays_are_spread_too(wheel: TimerWheel) -> None:
    """Each ten in a row are, not only a thousand together."""
    for _ in range(100):
        delays = sorted(wheel.spread(1.0) for _ in range(10))
        assert min(after - before for before, after in pairwise(delays)) > 0.03


def test_the_first_delay_is_less_than_an_interval(wheel: TimerWheel) -> None:
    """The first session of a replica is no exception."""
    assert 0 < wheel.spread(25.0) < 25.0


# By the clock


@pytest.fixture
def clock_wheel(loop: Loop) -> TimerWheel:
    return TimerWheel(TICK, driver=TimerWheel(TICK))


@pytest.mark.parametrize("seconds", [0.1, 0.7, 25.0])
def test_without_a_delay_both_wheels_are_alike(seconds: float, clock_wheel: TimerWheel, loop: Loop) -> None:
    """Each tick takes a tick's time."""
    assert ticks_until_called(seconds, clock_wheel, loop) == round(seconds / TICK)


def test_missed_ticks_are_made_up_for(clock_wheel: TimerWheel, loop: Loop) -> None:
    """What became due while the process stood still is called at once, and what did not is not."""
    called: list[float] = []
    for seconds in (1.0, 5.0, 9.9, 10.5):
        clock_wheel.after(seconds, lambda seconds=seconds: called.append(seconds))  # type: ignore[misc]
    loop.stand_still(9.9)
    loop.tick()
    assert called == [1.0, 5.0, 9.9]
    loop.tick(5)
    assert called == [1.0, 5.0, 9.9, 10.5]
    assert clock_wheel.turns == 6, "it ran so often, however much time has passed"


def test_a_throttled_process_keeps_the_time(clock_wheel: TimerWheel, loop: Loop) -> None:
    """It runs for 80 of every 120 ms, and each timer is late by as much."""
    called: list[str] = []
    began = loop.now
    clock_wheel.after(25.0, lambda: called.append("called"))
    while not called:
        loop.stand_still(0.04)
        loop.tick()
    assert loop.now - began == pytest.approx(25.0, abs=0.25)


def test_what_a_late_callback_adds_counts_from_now(clock_wheel: TimerWheel, loop: Loop) -> None:
    """Or a session that stood still for a minute would be pinged twice at once."""
    called: list[float] = []

    def again() -> None:
        called.append(loop.now)
        clock_wheel.after(5.0, again)

    clock_wheel.after(5.0, again)
    loop.stand_still(60.0)
    loop.tick()
    assert len(called) == 1
    loop.tick(60)
    assert len(called) == 2
    assert called[1] - called[0] == pytest.approx(5.0, abs=0.11)


def test_a_timer_that_fires_early_or_late_skips_no_tick(clock_wheel: TimerWheel, loop: Loop) -> None:
    """The loop's clock has a resolution, and fires what is due within it."""
    called: list[str] = []
    clock_wheel.after(1.0, lambda: called.append("called"))
    for number in range(9):
        loop.stand_still(-0.0001 if number % 2 else 0.0002)
        loop.tick()
    assert not called
    loop.tick()
    assert called


def test_it_needs_no_timer_of_its_own(loop: Loop) -> None:
    """Each timer wakes the process: two of them would wake it twice as often."""
    driver = TimerWheel(TICK)
    wheel = TimerWheel(TICK, driver=driver)
    wheel.after(1.0, lambda: None)
    driver.after(1.0, lambda: None)
    assert len(loop.due) == 1
    wheel.stop()
    driver.stop()
    assert len(loop.due) == 0
