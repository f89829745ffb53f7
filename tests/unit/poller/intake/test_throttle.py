"""What holds receives back: a rate limit, exact in the long run, and gateways that are behind."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from tests.unit.fakes import FakeBus, FakeClock, Figures
from tests.unit.poller.fakes import message, messages
from tests.unit.poller.intake.bench import Bench

from queuecast_poller.intake import throttle as module
from queuecast_poller.intake.throttle import MAX_PAUSE_SECONDS, RECHECK_SECONDS, Throttle
from queuecast_poller.intake.token_bucket import TokenBucket
from queuecast_poller.metrics import Metrics
from queuecast_poller.sqs.message import BATCH, Message

pytestmark = pytest.mark.usefixtures("no_waiting", "clock")

# The bucket


def test_a_full_bucket_has_one_second_of_its_rate() -> None:
    """A pause earns no more: after an hour without messages the limit is still a limit."""
    bucket = TokenBucket(25, 0)
    assert [bucket.take(25, BATCH, 3_600) for _ in range(4)] == [10, 10, 5, 0]
    assert bucket.wait_seconds == pytest.approx(1 / 25)


def test_a_rate_below_one_lets_one_through_at_a_time() -> None:
    """One message in ten seconds is a rate too."""
    bucket = TokenBucket(0.1, 0)
    assert [bucket.take(0.1, BATCH, now) for now in (0, 5, 9.9, 10.1)] == [1, 0, 0, 1]


def test_what_was_taken_for_nothing_is_put_back() -> None:
    """An empty receive must not use up the limit."""
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
    """Whenever receives begin, and whatever they put back."""
    bucket, now, came = TokenBucket(rate, 0), 0.0, 0
    for pause, most, unused in steps:
        now += pause
        taken = bucket.take(rate, most, now)
        bucket.put_back(min(unused, taken))
        came += taken - min(unused, taken)
        assert came <= rate * now + max(1.0, rate) + 1e-6
        assert 0 <= bucket.wait_seconds <= 1 / rate


# The throttle


class Throttled:
    """A throttle on a clock that its own pauses advance."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, rate: float | None = None) -> None:
        registry = CollectorRegistry()
        self.figure = Figures(registry, "queuecast_poller", queue="orders")
        self.bus, self.clock, self.stop = FakeBus(), FakeClock(), asyncio.Event()
        self.rate = rate
        self.steps = self.pauses = 0
        self.on_pause: Any = lambda: None
        self._metrics = Metrics(registry).for_queue("orders")
        self.throttle = self.new_throttle()
        monkeypatch.setattr(module, "pause", self._pause)

    def new_throttle(self) -> Throttle:
        """Return the throttle of a poller that starts now."""
        bus: Any = self.bus
        return Throttle(bus, lambda: self.rate, self._metrics, self.clock)

    async def reserve(self) -> int:
        return await self.throttle.reserve(self.stop, self._step)

    def _step(self) -> None:
        self.steps += 1

    async def _pause(self, stop: asyncio.Event, seconds: float) -> None:
        assert 0 < seconds <= MAX_PAUSE_SECONDS
        self.pauses += 1
        self.clock.pass_by(seconds)
        self.on_pause()


@pytest.fixture
def throttled(monkeypatch: pytest.MonkeyPatch) -> Throttled:
    return Throttled(monkeypatch)


async def test_without_a_limit_a_receive_begins_at_once(throttled: Throttled) -> None:
    """It may bring a full batch."""
    assert [await throttled.reserve() for _ in range(3)] == [BATCH] * 3
    assert throttled.pauses == 0


async def test_a_limited_queue_is_asked_for_no_more_than_it_may_bring(throttled: Throttled) -> None:
    """Messages beyond the limit stay on the queue instead of being received and held."""
    throttled.rate = 4
    assert [await throttled.reserve() for _ in range(3)] == [4, 1, 1]
    assert throttled.figure("throttled_seconds_total", cause="rate") == pytest.approx(0.5)


async def test_a_limit_may_be_set_and_lifted_while_it_runs(throttled: Throttled) -> None:
    """A routes file is reloaded."""
    throttled.rate = 1
    assert await throttled.reserve() == 1
    throttled.rate = None
    assert await throttled.reserve() == BATCH


async def test_nothing_is_received_while_a_gateway_is_behind(throttled: Throttled) -> None:
    """The stream keeps a limited number of records, the queue all of them."""
    throttled.bus.pressure.behind = True

    def catch_up() -> None:
        throttled.bus.pressure.behind = throttled.pauses < 5

    throttled.on_pause = catch_up
    assert await throttled.reserve() == BATCH
    assert throttled.figure("throttled_seconds_total", cause="lag") == pytest.approx(5 * MAX_PAUSE_SECONDS)
    assert throttled.steps == 6, "to wait is no sign of being stuck"


async def test_many_receives_ask_once_a_second(throttled: Throttled) -> None:
    """Redis must not be asked by each of them."""
    for _ in range(10):
        await throttled.reserve()
    assert throttled.bus.pressure.asked == 1
    throttled.clock.pass_by(RECHECK_SECONDS)
    await throttled.reserve()
    assert throttled.bus.pressure.asked == 2


async def test_while_redis_is_away_nobody_is_taken_for_behind(throttled: Throttled) -> None:
    """The current batch waits for Redis and shows it; a second sign would hide the first."""
    throttled.bus.pressure.away = True
    assert await throttled.reserve() == BATCH


def sent(throttled: Throttled, ago: float, **details: Any) -> Message:
    """Return a message that was sent so many seconds ago, by the server's clock."""
    return message(sent_ms=round(1000 * (throttled.bus.clock.now() - ago)), **details)


async def test_what_the_limit_held_back_is_no_wait(throttled: Throttled) -> None:
    """The operator chose it; the rest of the wait counts."""
    throttled.rate = 1
    throttled.throttle = throttled.new_throttle()
    throttled.clock.pass_by(10)
    assert [await throttled.reserve() for _ in range(4)] == [1] * 4
    limited = [sent(throttled, ago) for ago in (2, 5, 5)]
    limited[2] = limited[2]._replace(delay_ms=4_000)
    found = throttled.throttle.with_throttled_time(limited)
    assert [each.throttled_ms for each in found] == pytest.approx([2_000, 3_000, 1_000], abs=20)
    assert found[1].available_ms == pytest.approx(1000 * (throttled.bus.clock.now() - 2), abs=20)


async def test_a_message_of_an_unknown_age_stays_as_it_is(throttled: Throttled) -> None:
    """Its time is in no latency anyway."""
    throttled.rate = 1
    assert [await throttled.reserve() for _ in range(3)] == [1, 1, 1]
    unknown = [message(), sent(throttled, 9, delay_ms=None)]
    assert throttled.throttle.with_throttled_time(unknown) == unknown


async def test_a_wait_for_gateways_that_are_behind_counts(throttled: Throttled) -> None:
    """It is an overload, and nobody's choice."""
    throttled.bus.pressure.behind = True
    throttled.on_pause = lambda: setattr(throttled.bus.pressure, "behind", throttled.pauses < 9)
    await throttled.reserve()
    waiting = [sent(throttled, 4)]
    assert throttled.throttle.with_throttled_time(waiting) == waiting


@pytest.mark.parametrize(("rate", "throttled_ms"), [(5.0, 60_000), (None, 0)])
async def test_what_a_limit_did_before_a_poller_started_is_not_known(
    throttled: Throttled, rate: float | None, throttled_ms: int
) -> None:
    """The other pollers kept to it, and a rollout must not turn their backlog into lateness."""
    throttled.rate = rate
    throttled.throttle = throttled.new_throttle()
    (found,) = throttled.throttle.with_throttled_time([sent(throttled, 60)])
    assert found.throttled_ms == pytest.approx(throttled_ms, abs=20)


@pytest.mark.parametrize("cause", ["rate", "lag"])
async def test_a_throttled_receive_ends_when_stopping(throttled: Throttled, cause: str) -> None:
    """A throttled poller stops as fast as any other."""
    throttled.rate = 0.001 if cause == "rate" else None
    await throttled.reserve()
    throttled.clock.pass_by(RECHECK_SECONDS)
    throttled.bus.pressure.behind = cause == "lag"
    throttled.on_pause = throttled.stop.set
    assert await throttled.reserve() == 0
    assert throttled.pauses == 1


async def test_the_intake_keeps_to_its_limit() -> None:
    """It requests as many as are allowed, and those it did not get do not count."""
    bench = await Bench(messages(3), [], messages(2), rate=4, max_receives=1).run()
    assert bench.queue.asked_for[:2] == [4, 1]
    assert bench.figure("published_total") == 5
