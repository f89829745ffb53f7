"""What is too old is for nobody: exactly what its route says, and nothing else."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.fakes import message

from queuecast_bus import Record
from queuecast_poller.freshness import drop_stale
from queuecast_poller.verdict import Drop, DropReason, Leave, Publish, Reason, Verdict

NOW_MS = 100_000


def publish(sent_ms: int | None, latest: str | None = None, age: float | None = None, **more: Any) -> Publish:
    return Publish(
        message(sent_ms=sent_ms), Record(**{"event": "price", "arguments": b"[]", **more}), age, latest
    )


def reasons(*verdicts: Verdict) -> list[DropReason | None]:
    fresh = drop_stale(verdicts, NOW_MS)
    assert [each.message for each in fresh] == [each.message for each in verdicts]
    return [each.reason if isinstance(each, Drop) else None for each in fresh]


def test_what_is_older_than_its_route_allows_is_dropped() -> None:
    """To the millisecond; without a limit, or without a time, nothing is too old."""
    old, new = publish(NOW_MS - 5_001, age=5), publish(NOW_MS - 5_000, age=5)
    assert reasons(old, new, publish(0), publish(None, age=5)) == [DropReason.TOO_OLD, None, None, None]


def test_only_the_newest_of_a_key_goes_out() -> None:
    """Whatever order SQS brought them in; other keys, events and namespaces are others' business."""
    assert reasons(
        publish(3, "a"),
        publish(1, "a"),
        publish(4, "a"),
        publish(2, "b"),
        publish(1, "a", event="stock"),
        publish(1, "a", namespace="/shop"),
        publish(9),
    ) == [DropReason.SUPERSEDED, DropReason.SUPERSEDED, None, None, None, None, None]


def test_of_one_moment_the_last_counts() -> None:
    """A FIFO queue brings them in the order of sending."""
    assert reasons(publish(5, "a"), publish(5, "a")) == [DropReason.SUPERSEDED, None]


def test_what_is_too_old_supersedes_nothing_and_what_is_left_stays_left() -> None:
    """A message that is not shown must not hide one that is."""
    left = Leave(message(), Reason.NOT_JSON, "")
    assert reasons(publish(NOW_MS - 9_000, "a"), publish(NOW_MS - 8_000, "a", age=1), left) == [
        None,
        DropReason.TOO_OLD,
        None,
    ]
    assert drop_stale([left], NOW_MS) == [left]


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["a", "b"])), max_size=10))
def test_of_each_key_exactly_one_is_published(sent: list[tuple[int, str]]) -> None:
    """And none that is older than another of it."""
    fresh = drop_stale([publish(at, key) for at, key in sent], NOW_MS)
    for key in {key for _, key in sent}:
        (kept,) = [each for each in fresh if isinstance(each, Publish) and each.latest == key]
        assert kept.message.sent_ms == max(at for at, other in sent if other == key)
