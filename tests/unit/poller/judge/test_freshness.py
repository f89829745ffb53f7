"""Messages that are older than their route allows."""

from tests.unit.poller.fakes import message

from queuecast_bus.record import Record
from queuecast_poller.judge.freshness import drop_too_old
from queuecast_poller.judge.verdict import Drop, DropReason, Leave, Publish, Reason, Verdict

NOW_MS = 100_000


def publish(sent_ms: int | None, age: float | None = None) -> Publish:
    return Publish(message(sent_ms=sent_ms), Record("price", b"[]"), age, "a")


def reasons(*verdicts: Verdict) -> list[DropReason | None]:
    fresh = drop_too_old(verdicts, NOW_MS)
    assert [each.message for each in fresh] == [each.message for each in verdicts]
    return [each.reason if isinstance(each, Drop) else None for each in fresh]


def test_what_is_older_than_its_route_allows_is_dropped() -> None:
    """To the millisecond; without a limit, or without a time, nothing is too old."""
    old, new = publish(NOW_MS - 5_001, age=5), publish(NOW_MS - 5_000, age=5)
    assert reasons(old, new, publish(0), publish(None, age=5)) == [DropReason.TOO_OLD, None, None, None]


def test_what_is_left_stays_left() -> None:
    """Its fault is for whoever reads the dead-letter queue, however old it is."""
    left = Leave(message(sent_ms=0), Reason.NOT_JSON, "")
    assert drop_too_old([left], NOW_MS) == [left]
