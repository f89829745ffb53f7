import logging
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest
from tests.unit.turns import Loop

from queuecast_gateway.engine.heartbeat import Wheel

TICK = 0.1


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    loop = Loop()
    loop.drive(monkeypatch)
    return loop


@pytest.fixture
def wheel(loop: Loop) -> Wheel:
    return Wheel(TICK)


def turns_until_called(seconds: float, wheel: Wheel, loop: Loop) -> int:
    called: list[str] = []
    wheel.after(seconds, lambda: called.append("called"))
    turns = 0
    while not called:
        loop.turn()
        turns += 1
        assert turns < 10_000, "never called"
    loop.turn(5)
    assert called == ["called"]
    return turns


# Being called


@pytest.mark.parametrize(
    ("seconds", "turns"), [(0.1, 1), (0.3, 3), (0.7, 7), (1.0, 10), (25.0, 250), (20.04, 200), (20.06, 201)]
)
def test_a_callback_is_called_once_after_its_time(
    seconds: float, turns: int, wheel: Wheel, loop: Loop
) -> None:
    """In the nearest turn: 0.7 / 0.1 is a little under 7."""
    assert turns_until_called(seconds, wheel, loop) == turns


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.05, -1.0])
def test_a_callback_without_a_delay_is_called_in_the_next_turn(
    seconds: float, wheel: Wheel, loop: Loop
) -> None:
    """Put into the turn that is over already, it would never be called."""
    assert turns_until_called(seconds, wheel, loop) == 1


def test_time_is_counted_from_the_turn_it_is(wheel: Wheel, loop: Loop) -> None:
    """A session that comes after hours has its first ping no later than the first one had."""
    assert turns_until_called(1.0, wheel, loop) == 10
    wheel.after(100.0, lambda: None)
    loop.turn(123)
    assert turns_until_called(1.0, wheel, loop) == 10


def test_a_callback_may_ask_to_be_called_again(wheel: Wheel, loop: Loop) -> None:
    """That is how a ping follows a ping, for as long as the session lasts."""
    called: list[int] = []

    def again() -> None:
        called.append(len(called))
        wheel.after(0.2, again)

    wheel.after(0.2, again)
    loop.turn(20)
    assert len(called) == 10
    assert len(wheel) == 1


def test_callbacks_of_different_times_are_called_in_the_order_of_time(wheel: Wheel, loop: Loop) -> None:
    """However they were added."""
    called: list[float] = []
    for seconds in (0.5, 0.1, 0.3, 0.2, 0.4):
        wheel.after(seconds, lambda seconds=seconds: called.append(seconds))  # type: ignore[misc]
    loop.turn(5)
    assert called == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_a_callback_that_fails_is_logged_and_the_others_are_called(
    wheel: Wheel, loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    """One session's fault must not be the end of every other one's pings."""
    called: list[int] = []

    def fail() -> None:
        raise ValueError("one session's fault")

    for number in range(20):
        wheel.after(0.1, lambda number=number: called.append(number))  # type: ignore[misc]
    wheel.after(0.1, fail)
    wheel.after(0.2, lambda: called.append(20))
    with caplog.at_level(logging.ERROR):
        loop.turn(2)
    assert sorted(called) == list(range(21))
    assert "one session's fault" in caplog.text


# Being cancelled


def test_a_cancelled_callback_is_not_called(wheel: Wheel, loop: Loop) -> None:
    """A session that is over must not be pinged."""
    called: list[str] = []
    cancelled, kept = lambda: called.append("cancelled"), lambda: called.append("kept")
    turn = wheel.after(0.3, cancelled)
    wheel.after(0.3, kept)
    wheel.cancel(turn, cancelled)
    loop.turn(5)
    assert called == ["kept"]


def test_a_callback_is_cancelled_in_the_turn_in_which_both_were_due(wheel: Wheel, loop: Loop) -> None:
    """What ends a session may be due with that session's own ping."""
    called: list[str] = []
    due: dict[str, int] = {}

    def one() -> None:
        called.append("one")
        wheel.cancel(due["other"], other)

    def other() -> None:
        called.append("other")
        wheel.cancel(due["one"], one)

    due["one"], due["other"] = wheel.after(0.1, one), wheel.after(0.1, other)
    loop.turn(2)
    assert len(called) == 1


def test_to_cancel_what_is_not_there_is_no_error(wheel: Wheel, loop: Loop) -> None:
    """A session that ends cancels both of its deadlines, without knowing which one it has."""
    called: list[str] = []
    callback = lambda: called.append("called")  # noqa: E731
    turn = wheel.after(0.1, callback)
    wheel.cancel(turn, print)
    wheel.cancel(turn + 1, callback)
    loop.turn()
    wheel.cancel(turn, callback)
    assert called == ["called"]


def test_the_callbacks_that_wait_are_counted(wheel: Wheel, loop: Loop) -> None:
    """A number that grows is a leak that can be seen."""
    callbacks: list[Callable[[], None]] = [lambda: None, lambda: None, lambda: None]
    turns = [
        wheel.after(seconds, callback) for seconds, callback in zip((0.1, 0.1, 0.2), callbacks, strict=True)
    ]
    assert len(wheel) == 3
    wheel.cancel(turns[0], callbacks[0])
    assert len(wheel) == 2
    loop.turn()
    assert len(wheel) == 1


# The timer


def test_one_timer_serves_every_callback(wheel: Wheel, loop: Loop) -> None:
    """A timer of the loop for each of 10,000 sessions is what the wheel is there to avoid."""
    for number in range(100):
        wheel.after(number * 0.1, print)
    assert [timer.seconds for timer in loop.due] == [TICK]
    loop.turn()
    assert len(loop.due) == 1


def test_the_timer_stops_when_nobody_waits_and_starts_again(wheel: Wheel, loop: Loop) -> None:
    """An empty gateway sleeps, and wakes for the first session."""
    assert not loop.due
    assert turns_until_called(0.2, wheel, loop) == 2
    assert not loop.due
    assert turns_until_called(0.2, wheel, loop) == 2
    assert not loop.due


def test_the_timer_stops_after_the_last_callback_was_cancelled(wheel: Wheel, loop: Loop) -> None:
    """At the latest when its turn comes."""
    wheel.cancel(wheel.after(0.3, print), print)
    loop.turn(3)
    assert not loop.due


def test_a_callback_that_adds_the_only_other_one_keeps_one_timer(wheel: Wheel, loop: Loop) -> None:
    """Two timers would make the wheel turn twice as fast, and end sessions in half their time."""

    def add() -> None:
        wheel.after(0.2, add)

    wheel.after(0.1, add)
    for _ in range(10):
        assert len(loop.due) == 1
        loop.turn()


def test_after_a_stop_nobody_is_called(wheel: Wheel, loop: Loop) -> None:
    """The gateway has closed every session, and its event loop ends."""
    called: list[str] = []
    wheel.after(0.1, lambda: called.append("called"))
    wheel.stop()
    assert not loop.due
    assert len(wheel) == 0
    loop.turn(3)
    assert not called


def test_a_callback_that_stops_the_wheel_is_the_last_one(wheel: Wheel, loop: Loop) -> None:
    """Also of those that are due in the same turn."""
    called: list[str] = []

    def stop() -> None:
        called.append("called")
        wheel.stop()

    # The callbacks of a turn are a set: each must be another object.
    wheel.after(0.1, lambda: stop())
    wheel.after(0.1, lambda: stop())
    loop.turn(3)
    assert called == ["called"]
    assert not loop.due


def test_a_stop_may_come_twice_or_before_anything_was_added(wheel: Wheel, loop: Loop) -> None:
    """A start that fails is followed by the same end as one that does not."""
    wheel.stop()
    wheel.stop()
    assert turns_until_called(0.1, wheel, loop) == 1


def test_a_wheel_that_was_stopped_can_be_used_again(wheel: Wheel, loop: Loop) -> None:
    """A wheel that silently never turns would be a gateway that never pings."""
    wheel.after(0.1, print)
    wheel.stop()
    assert turns_until_called(0.2, wheel, loop) == 2


# Spreading


@pytest.mark.parametrize("before", [0, 1, 777])
@pytest.mark.parametrize("seconds", [25.0, 0.3])
def test_delays_are_spread_evenly_whenever_they_begin(before: int, seconds: float, wheel: Wheel) -> None:
    """After a restart thousands connect at once: pings that bunch would be a load every 25 seconds."""
    for _ in range(before):
        wheel.spread(seconds)
    delays = [wheel.spread(seconds) for _ in range(1000)]
    assert all(0 < delay <= seconds for delay in delays)
    tenths = Counter(min(9, int(delay / seconds * 10)) for delay in delays)
    assert all(80 <= tenths[tenth] <= 120 for tenth in range(10))


def test_a_few_delays_are_spread_too(wheel: Wheel) -> None:
    """Each ten in a row, not only a thousand together."""
    for _ in range(100):
        delays = sorted(wheel.spread(1.0) for _ in range(10))
        assert min(after - before for before, after in pairwise(delays)) > 0.03


def test_the_first_delay_is_no_whole_interval(wheel: Wheel) -> None:
    """A replica's first session, alone, is no exception."""
    assert 0 < wheel.spread(25.0) < 25.0
