"""What the intake measures."""

import pytest
from tests.unit.fakes import FakeClock
from tests.unit.poller.fakes import message, messages
from tests.unit.poller.intake.bench import Bench

pytestmark = pytest.mark.usefixtures("no_waiting", "clock")


async def test_time_on_the_queue_is_measured_for_first_deliveries(clock: FakeClock) -> None:
    """A redelivered message has waited for a visibility timeout, which is not the queue's delay."""
    sent_ms = int(clock.now * 1000) - 2_500
    batch = [message(sent_ms=sent_ms), message(sent_ms=sent_ms, receives=2), message()]
    bench = await Bench(batch).run()
    assert bench.figure("queue_wait_seconds_count") == 1
    assert bench.figure("queue_wait_seconds_sum") == pytest.approx(2.5)


async def test_a_clock_that_is_behind_measures_no_negative_time(clock: FakeClock) -> None:
    """SQS's clock and ours differ by some milliseconds."""
    bench = await Bench([message(sent_ms=int(clock.now * 1000) + 50)]).run()
    assert bench.figure("queue_wait_seconds_sum") == 0


async def test_only_a_confirmed_publish_is_measured() -> None:
    """An outage of an hour is not a latency; it is counted as failures."""
    bench = await Bench(messages(2), away_for=3).run()
    assert bench.figure("publish_seconds_count") == 1


async def test_each_step_leaves_its_time(clock: FakeClock) -> None:
    """An alert fires when an intake makes no progress."""
    bench = Bench([])
    ticks: list[float] = []
    bench.queue.on_receive = lambda: ticks.append(bench.figure("loop_tick_timestamp_seconds"))
    await bench.run()
    assert all(ticks)
