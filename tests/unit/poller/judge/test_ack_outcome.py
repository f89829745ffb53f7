"""When a message counts as acknowledged, from what gateways report."""

import pytest

from queuecast_bus.awaited import AckMode, AckReport
from queuecast_poller.judge.ack_outcome import AckOutcome, ack_outcome, described

ANY, ALL = AckMode.ANY, AckMode.ALL
ONE_OF_TWO = {"a": AckReport(1, "a", 2, 1)}


def reports(*given: AckReport) -> dict[str, AckReport]:
    return {report.replica: report for report in given}


def test_one_is_enough_for_any() -> None:
    """Whatever other replicas have still to report."""
    assert ack_outcome(ANY, ONE_OF_TWO, None, is_over=False) is AckOutcome.ACKNOWLEDGED


def test_all_means_everybody_on_every_replica() -> None:
    """A replica that is there and has not reported may have browsers, too."""
    done = reports(AckReport(1, "a", 2, 2))
    assert ack_outcome(ALL, done, None, is_over=False) is None
    assert ack_outcome(ALL, done, {"a", "b"}, is_over=False) is None
    assert ack_outcome(ALL, done, frozenset(), is_over=False) is None
    assert ack_outcome(ALL, done, {"a"}, is_over=False) is AckOutcome.ACKNOWLEDGED
    both = done | reports(AckReport(1, "b", 1, 0))
    assert ack_outcome(ALL, both, {"a", "b"}, is_over=False) is None
    assert ack_outcome(ALL, both, {"a", "b"}, is_over=True) is AckOutcome.UNANSWERED


def test_the_browsers_of_a_replica_that_died_are_not_forgotten() -> None:
    """It has said to how many the event went."""
    known = reports(AckReport(1, "a", 1, 1), AckReport(1, "dead", 3, 2))
    assert ack_outcome(ALL, known, {"a"}, is_over=False) is None
    assert ack_outcome(ALL, known, {"a"}, is_over=True) is AckOutcome.UNANSWERED


def test_a_session_that_moved_counts_once_where_it_was() -> None:
    """It was sent the event by one replica and answers another; only those that are gone can be it."""
    gone = AckReport(1, "a", 2, 1, gone=("s",))
    stray = AckReport(1, "b", 0, 0, strays=("s", "other"))
    assert ack_outcome(ALL, reports(gone, stray), {"a", "b"}, is_over=False) is AckOutcome.ACKNOWLEDGED
    other = AckReport(1, "b", 0, 0, strays=("other",))
    assert ack_outcome(ALL, reports(gone, other), {"a", "b"}, is_over=False) is None


@pytest.mark.parametrize("mode", AckMode)
def test_nobody_is_there_if_all_replicas_say_so(mode: AckMode) -> None:
    """The message need not wait for the end of its time."""
    nobody = reports(AckReport(1, "a", 0, 0))
    assert ack_outcome(mode, nobody, {"a"}, is_over=False) is AckOutcome.NOBODY_THERE
    assert ack_outcome(mode, nobody, {"a", "b"}, is_over=False) is None
    assert ack_outcome(mode, nobody, {"a", "b"}, is_over=True) is AckOutcome.NOBODY_THERE


@pytest.mark.parametrize("mode", AckMode)
def test_without_any_report_it_is_unanswered_in_the_end(mode: AckMode) -> None:
    """No gateway was there, or none reached Redis."""
    assert ack_outcome(mode, {}, frozenset(), is_over=False) is None
    assert ack_outcome(mode, {}, frozenset(), is_over=True) is AckOutcome.UNANSWERED


def test_the_log_says_who_was_missing() -> None:
    """Operators see whether pages do not answer or gateways do not report."""
    assert "1 of 2 browsers on 1 gateways" in described(ALL, ONE_OF_TWO, 10)
    assert "nobody is there" in described(ANY, reports(AckReport(1, "a", 0, 0)), 10)
    assert "no gateway has reported within 2.5 s" in described(ANY, {}, 2.5)
