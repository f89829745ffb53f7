"""How often SQS is polled while it has nothing."""

import asyncio

import pytest
from tests.unit.fakes import FakeClock
from tests.unit.poller.fakes import messages
from tests.unit.poller.intake.bench import Bench

from queuecast_poller.intake import intake, leases, receivers


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    for module in (intake, receivers, leases):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, which take no time."""
    made: list[float] = []

    async def pause(stop: asyncio.Event, seconds: float) -> None:
        made.append(seconds)

    monkeypatch.setattr(receivers, "pause", pause)
    return made


@pytest.mark.parametrize(("answered_after", "pause"), [(0.0, 1.0), (0.25, 0.75), (1.0, 0.0), (20.0, -19.0)])
async def test_a_queue_that_has_nothing_is_asked_once_a_second_at_most(
    clock: FakeClock, pauses: list[float], answered_after: float, pause: float
) -> None:
    """Without long polling SQS answers at once. It would be polled 300 times a second, which costs money."""
    bench = Bench([], [], max_receives=1)
    bench.queue.on_receive = lambda: clock.pass_by(answered_after)
    await bench.run()
    assert pauses == [pause] * 3


async def test_a_queue_that_has_something_is_asked_again_at_once(
    clock: FakeClock, pauses: list[float]
) -> None:
    """Its next message may be there."""
    await Bench(messages(1), messages(1), max_receives=1).run()
    assert len(pauses) == 1, "after the last receive alone, which brought nothing"
