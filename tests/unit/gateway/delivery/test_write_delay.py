"""The delay between two rounds of writes: none while the process has time, and what the load asks for."""

from statistics import fmean

import pytest

from queuecast_gateway.delivery.write_delay import MAX_SECONDS, WriteDelay


def settled(took: float, every: float) -> float:
    """Return the mean delay where a round of writes takes `took`, and events come `every` seconds."""
    delay, now, seen = WriteDelay(), 0.0, 0
    waited: list[float] = []
    for _ in range(4_000):
        now = max(now, (seen + 1) * every)
        come = int(now / every + 1e-9)
        waited.append(delay.after(now, took, come - seen))
        now, seen = now + took + waited[-1], come
    return fmean(waited[-1_000:])


@pytest.mark.parametrize(("took", "every"), [(0.001, 1), (0.001, 0.01), (0.0064, 0.01), (0.05, 0.1)])
def test_while_each_event_can_have_a_write_of_its_own_nobody_waits(took: float, every: float) -> None:
    """To gather would cost latency, and save CPU that nobody needs."""
    assert settled(took, every) == 0


def test_the_more_there_is_to_deliver_the_longer_events_gather() -> None:
    """A delivery costs less the more events share its write."""
    delays = [settled(0.006, every) for every in (0.0090, 0.0085, 0.0080, 0.0040)]
    assert delays == sorted(delays)
    assert 0 < delays[0] < delays[-1] == pytest.approx(0.006)


@pytest.mark.parametrize("took", [0.001, 0.006, 0.015])
@pytest.mark.parametrize("every", [0.0001, 0.001])
def test_a_process_that_is_always_busy_has_time_for_everything_else(took: float, every: float) -> None:
    """Pings, connects and acknowledgements run in the delay."""
    assert took / (took + settled(took, every)) == pytest.approx(0.5, abs=0.01)


def test_events_of_one_moment_are_no_reason_to_wait() -> None:
    """A publish of many is one write to each socket, with a delay or without."""
    delay = WriteDelay()
    assert not any(delay.after(second / 10, 0.03, 1) for second in range(100))


def test_the_delay_is_bounded() -> None:
    """A round of writes to very many browsers must not make everyone wait as long again."""
    assert settled(1.0, 0.001) == pytest.approx(MAX_SECONDS)


def test_one_large_batch_is_not_a_load() -> None:
    """After an hour of silence, the event after the first one does not wait."""
    delay = WriteDelay()
    delay.after(0.0, 0.001, 1)
    assert delay.after(3_600.0, 0.05, 20) == 0


@pytest.mark.parametrize("fixed", [0.0, 0.005, 0.05])
def test_the_operator_can_choose(fixed: float) -> None:
    """Shortest latency, or least CPU."""
    delay = WriteDelay(fixed)
    assert [delay.after(now / 100, 0.009, 1) for now in range(100)] == [fixed] * 100
