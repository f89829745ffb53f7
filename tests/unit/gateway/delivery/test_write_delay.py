"""The delay between two rounds of writes: none while the process has time, and what the load asks for."""

from statistics import fmean

import pytest

from queuecast_gateway.delivery.write_delay import MAX_SECONDS, Round, WriteDelay


def settled(took: float, every: float, *, more: float = 0.0, is_shared: bool = True) -> float:
    """Return the mean delay where events come `every` seconds and a round of writes takes `took`.

    Each event of a round after its first takes `more`. If `is_shared`, all are for the same sessions.
    """
    delay, now, delivered = WriteDelay(), 0.0, 0
    waited: list[float] = []
    for _ in range(4_000):
        now = max(now, (delivered + 1) * every)
        come = int(now / every + 1e-9) - delivered
        spent = took + more * (come - 1)
        waited.append(delay.after(now, spent, come if is_shared else 1.0))
        now, delivered = now + spent + waited[-1], delivered + come
    return fmean(waited[-1_000:])


@pytest.mark.parametrize(("took", "every"), [(0.001, 1), (0.001, 0.01), (0.0064, 0.01), (0.05, 0.1)])
def test_while_each_event_can_have_a_write_of_its_own_nobody_waits(took: float, every: float) -> None:
    """To gather would cost latency, and save CPU that nobody needs."""
    assert settled(took, every) == 0


def test_events_that_share_no_write_are_no_reason_to_wait() -> None:
    """Small rooms, each with its own record: however many come in a round, a delay would save nothing."""
    assert settled(0.00012, 0.0002, more=0.0001, is_shared=False) == 0


def test_the_more_there_is_to_deliver_the_longer_events_gather() -> None:
    """A delivery costs less the more events share its write."""
    delays = [settled(0.006, every, more=0.0002) for every in (0.0090, 0.0085, 0.0080, 0.0050)]
    assert delays == sorted(delays)
    assert 0 < delays[0] < delays[-1] == pytest.approx(0.006, rel=0.1)


@pytest.mark.parametrize("took", [0.001, 0.006, 0.015])
@pytest.mark.parametrize("is_shared", [True, False])
def test_a_process_that_is_always_busy_has_time_for_everything_else(took: float, is_shared: bool) -> None:
    """Pings, connects and acknowledgements run in the delay."""
    busy = took / (took + settled(took, 0.0005, is_shared=is_shared))
    assert busy <= (0.51 if is_shared else 0.75)


def test_the_delay_is_bounded() -> None:
    """A round of writes to very many browsers must not make everyone wait as long again."""
    assert settled(1.0, 0.001) == pytest.approx(MAX_SECONDS)


def test_one_large_round_is_not_a_load() -> None:
    """After an hour of silence a backlog comes at once; the events after it do not wait."""
    delay = WriteDelay()
    delay.after(0.0, 0.001, 1)
    assert delay.after(3_600.0, 0.05, 20) == 0
    assert [delay.after(3_600.1 + number / 10, 0.005, 1) for number in range(20)] == [0] * 20


def test_a_load_that_has_ended_is_forgotten_within_a_second() -> None:
    """However much there was to catch up."""
    delay = WriteDelay()
    assert [delay.after(number / 50, 0.015, 100) for number in range(100)][-1] == pytest.approx(0.015)
    assert [delay.after(2 + number / 10, 0.005, 1) for number in range(10)][-1] == 0


@pytest.mark.parametrize("fixed", [0.0, 0.005, 0.05])
def test_the_operator_can_choose(fixed: float) -> None:
    """Shortest latency, or least CPU."""
    delay = WriteDelay(fixed)
    assert [delay.after(now / 100, 0.009, 1) for now in range(100)] == [fixed] * 100


def test_events_of_different_moments_for_the_same_sessions_share_writes() -> None:
    """Each of 100 sessions gets three events in one write."""
    written = Round()
    written.add(["5-0", "6-0"], 100)
    written.add(["9-0"], 100)
    assert written.shared(100) == 3


def test_events_of_one_moment_share_a_write_anyhow() -> None:
    """A publish of many is one read, and so one round of writes, with a delay or without."""
    written = Round()
    written.add(["5-0", "5-1", "5-2", "6-0"], 100)
    assert written.shared(100) == 2


def test_events_for_different_sessions_share_no_write() -> None:
    written = Round()
    for number in range(50):
        written.add([f"{number}-0"], 10)
    assert written.shared(500) == 1


@pytest.mark.parametrize("writes", [0, 7])
def test_a_round_without_events_shares_nothing(writes: int) -> None:
    """What is written then are answers to clients."""
    assert Round().shared(writes) == 1
