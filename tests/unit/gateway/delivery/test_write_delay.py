"""The delay between two rounds of writes: none while the process is idle, and what the load asks for."""

from statistics import fmean

import pytest

from queuecast_gateway.delivery.write_delay import MAX_SECONDS, WriteDelay


def settled(took: float, every: float) -> float:
    """Return the mean delay after batches that each take `took`, and come `every` seconds or later."""
    delay, now = WriteDelay(), 0.0
    waited: list[float] = []
    for _ in range(2_000):
        waited.append(delay.after(now, took))
        now += max(every, took + waited[-1])
    return fmean(waited[-1_000:])


@pytest.mark.parametrize(("took", "every"), [(0.001, 1), (0.001, 0.01), (0.025, 0.1)])
def test_while_the_process_is_mostly_idle_nobody_waits(took: float, every: float) -> None:
    """To gather would cost latency, and save CPU that nobody needs."""
    assert settled(took, every) == 0


def test_the_busier_it_is_the_longer_events_gather() -> None:
    """A delivery costs less the more events share its write."""
    delays = [settled(0.006, every) for every in (0.019, 0.016, 0.013, 0.010)]
    assert delays == sorted(delays)
    assert delays[0] > 0


@pytest.mark.parametrize("took", [0.001, 0.006, 0.015])
def test_a_process_that_is_always_busy_has_time_for_everything_else(took: float) -> None:
    """Pings, connects and acknowledgements run in the delay."""
    assert took / (took + settled(took, 0)) <= 0.6


def test_the_delay_is_bounded() -> None:
    """A round of writes to very many browsers must not make everyone wait as long again."""
    assert settled(1.0, 0) == pytest.approx(MAX_SECONDS)


def test_one_large_batch_is_not_a_load() -> None:
    """After an hour of silence, the event after the first one does not wait."""
    delay = WriteDelay()
    delay.after(0.0, 0.001)
    assert delay.after(3_600.0, 0.05) == 0


@pytest.mark.parametrize("fixed", [0.0, 0.005, 0.05])
def test_the_operator_can_choose(fixed: float) -> None:
    """Shortest latency, or least CPU."""
    delay = WriteDelay(fixed)
    assert [delay.after(now / 100, 0.009) for now in range(100)] == [fixed] * 100
