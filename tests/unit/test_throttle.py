"""What holds receives back: a rate limit, exact in the long run, and gateways that are behind."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from tests.unit.fakes import FakeBus, FakeClock, Figures, messages
from tests.unit.test_intake import Bench, _no_waiting, clock

from queuecast_poller import throttle as module
from queuecast_poller.concurrency import BATCH
from queuecast_poller.metrics import Metrics
from queuecast_poller.throttle import FRESH_SECONDS, LOOK_SECONDS, Throttle
from queuecast_poller.token_bucket import TokenBucket

__all__ = ["_no_waiting", "clock"]

# The bucket


def test_a_full_bucket_has_one_second_of_its_rate() -> None:
    """A pause earns no more: after an hour without messages the limit is still a limit."""
    bucket = TokenBucket(25, 0)
    assert [bucket.take(25, BATCH, 3_600) for _ in range(4)] == [10, 10, 5, 0]
    assert bucket.wait_seconds == pytest.approx(1 / 25)


def test_a_rate_below_one_lets_one_through_at_a_time() -> None:
    """One message in ten seconds is a rate, too."""
    bucket = TokenBucket(0.1, 0)
    assert [bucket.take(0.1, BATCH, now) for now in (0, 5, 9.9, 10.1)] == [1, 0, 0, 1]


def test_what_was_taken_for_nothing_is_put_back() -> None:
    """A receive that brings nothing must not use the limit up."""
    bucket = TokenBucket(10, 0)
    assert bucket.take(10, BATCH, 0) == 10
    bucket.put_back(7)
    assert bucket.take(10, BATCH, 0) == 7


@given(
    st.floats(0.1, 50),
    st.lists(st.tuples(st.floats(0, 3), st.integers(1, 10), st.integers(0, 10)), max_size=60),
)
def test_no_more_come_than_the_rate_and_one_second_of_it(
    rate: float, steps: list[tuple[float, int, int]]
) -> None:
    """However receives begin, and whatever they bring back."""
    bucket, now, came = TokenBucket(rate, 0), 0.0, 0
    for pause, most, unused in steps:
        now += pause
        taken = bucket.take(rate, most, now)
        bucket.put_back(min(unused, taken))
        came += taken - min(unused, taken)
        assert came <= rate * now + max(1.0, rate) + 1e-6
        assert 0 <= bucket.wait_seconds <= 1 / rate


# The throttle


class Held:
    """A throttle on a clock that its own pauses move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, rate: float | None = None) -> None:
        registry = CollectorRegistry()
        self.figure = Figures(registry, "queuecast_poller", queue="orders")
        self.bus, self.clock, self.stop = FakeBus(), FakeClock(), asyncio.Event()
        self.rate = rate
        self.steps = self.pauses = 0
        self.on_pause: Any = lambda: None
        bus: Any = self.bus
        self.throttle = Throttle(bus, lambda: self.rate, Metrics(registry).of("orders"), self.clock)
        monkeypatch.setattr(module, "pause", self._pause)

    async def reserve(self) -> int:
        return await self.throttle.reserve(self.stop, self._step)

    def _step(self) -> None:
        self.steps += 1

    async def _pause(self, stop: asyncio.Event, seconds: float) -> None:
        assert 0 < seconds <= LOOK_SECONDS
        self.pauses += 1
        self.clock.pass_by(seconds)
        self.on_pause()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    return Held(monkeypatch)


async def test_without_a_limit_a_receive_begins_at_once(held: Held) -> None:
    """With all that it may bring."""
    assert [await held.reserve() for _ in range(3)] == [BATCH] * 3
    assert held.pauses == 0


async def test_a_limited_queue_is_asked_for_no_more_than_it_may_bring(held: Held) -> None:
    """What is over stays on the queue: it is not received and held."""
    held.rate = 4
    assert [await held.reserve() for _ in range(3)] == [4, 1, 1]
    assert held.figure("throttled_seconds_total", cause="rate") == pytest.approx(0.5)


async def test_a_limit_may_be_set_and_lifted_while_it_runs(held: Held) -> None:
    """A routes file is read again."""
    held.rate = 1
    assert await held.reserve() == 1
    held.rate = None
    assert await held.reserve() == BATCH


async def test_nothing_is_received_while_a_gateway_is_behind(held: Held) -> None:
    """The stream keeps so many records and no more; the queue keeps all of them."""
    held.bus.pressure.behind = True

    def catch_up() -> None:
        held.bus.pressure.behind = held.pauses < 5

    held.on_pause = catch_up
    assert await held.reserve() == BATCH
    assert held.figure("throttled_seconds_total", cause="lag") == pytest.approx(5 * LOOK_SECONDS)
    assert held.steps == 6, "to wait is no sign of being stuck"


async def test_many_receives_ask_once_a_second(held: Held) -> None:
    """Redis has better things to do."""
    for _ in range(10):
        await held.reserve()
    assert held.bus.pressure.asked == 1
    held.clock.pass_by(FRESH_SECONDS)
    await held.reserve()
    assert held.bus.pressure.asked == 2


async def test_while_redis_is_away_nobody_is_taken_for_behind(held: Held) -> None:
    """The batch in hand waits for Redis, and is the sign of it; two signs would hide each other."""
    held.bus.pressure.away = True
    assert await held.reserve() == BATCH


@pytest.mark.parametrize("cause", ["rate", "lag"])
async def test_whoever_waits_ends_when_told_to(held: Held, cause: str) -> None:
    """A poller that is held back leaves as fast as any other."""
    held.rate = 0.001 if cause == "rate" else None
    await held.reserve()
    held.clock.pass_by(FRESH_SECONDS)
    held.bus.pressure.behind = cause == "lag"
    held.on_pause = held.stop.set
    assert await held.reserve() == 0
    assert held.pauses == 1


async def test_the_intake_keeps_to_its_limit() -> None:
    """It asks for as many as may come, and what it did not get does not count."""
    bench = await Bench(messages(3), [], messages(2), rate=4, max_receives=1).run()
    assert bench.queue.asked_for[:2] == [4, 1]
    assert bench.figure("published_total") == 5
