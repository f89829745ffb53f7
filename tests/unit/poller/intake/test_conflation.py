"""Of several messages with one key the newest is published: which one that is, and that none is forgotten."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.poller.fakes import message

from queuecast_bus.record import Record
from queuecast_poller.intake.conflation import Conflated, Conflation, NewestPublished
from queuecast_poller.judge.verdict import Publish


def publish(sent_ms: int | None, latest: str | None = "a", body: str = "{}", **more: Any) -> Publish:
    record = Record(**{"event": "price", "arguments": b"[]", **more})
    return Publish(message(body, sent_ms=sent_ms), record, latest=latest)


def conflated(*verdicts: Publish) -> list[Conflated]:
    conflation = Conflation()
    for place, verdict in enumerate(verdicts):
        conflation.add(verdict, float(place))
    return conflation.take()


def newest(*verdicts: Publish) -> list[Publish]:
    return [each.newest for each in conflated(*verdicts)]


def test_only_the_newest_of_a_key_goes_out() -> None:
    """In whatever order SQS delivered them. Other keys, events and namespaces are independent."""
    late, later, latest = publish(1), publish(3), publish(4)
    others = [publish(2, "b"), publish(1, event="stock"), publish(1, namespace="/shop"), publish(9, None)]
    assert newest(later, late, latest, *others) == [latest, *others]


def test_of_one_moment_the_last_counts() -> None:
    """A FIFO queue delivers in the order of sending; without a time nothing else is known."""
    for sent_ms in (5, None):
        first, second = publish(sent_ms), publish(sent_ms)
        assert newest(first, second) == [second]


def test_what_has_no_key_is_superseded_by_nothing() -> None:
    """Only a route may say that a message counts only while it is the newest."""
    several = [publish(1, None), publish(1, None), publish(2, None)]
    assert newest(*several) == several


def test_the_newest_goes_where_it_came() -> None:
    """In a group of a FIFO queue it must not overtake messages that were sent in between."""
    older, between, newer = publish(1), publish(2, None), publish(3)
    assert newest(older, between, newer) == [between, newer]


def test_adding_a_message_returns_the_superseded_one() -> None:
    """The one before, or the new one."""
    conflation = Conflation()
    first, older, newer = publish(2), publish(1), publish(3)
    assert [conflation.add(each, 0.0) for each in (first, older, newer)] == [None, older, first]


def test_the_receipt_handles_of_the_superseded_and_the_first_receive_are_kept() -> None:
    """They are deleted with the newest, and nothing else of them takes memory."""
    first, older, newer = publish(2), publish(1), publish(3)
    (one,) = conflated(first, older, newer)
    assert one.superseded == [older.message.receipt_handle, first.message.receipt_handle]
    assert one.received == 0.0


def test_it_counts_its_messages_and_bytes() -> None:
    """All messages count, but only the bytes of those that are not superseded; both are bounded."""
    conflation = Conflation()
    conflation.add(publish(1, body="x" * 1_000), 0.0)
    conflation.add(publish(2, body="x" * 100), 0.0)
    conflation.add(publish(1, body="x" * 5_000), 0.0)
    conflation.add(publish(1, "k" * 300, body="x"), 0.0)
    assert conflation.messages == 4
    assert 400 <= conflation.bytes < 500
    assert conflation
    conflation.take()
    assert (conflation.messages, conflation.bytes, bool(conflation)) == (0, 0, False)
    assert conflation.take() == []


@given(st.lists(st.tuples(st.none() | st.integers(1, 5), st.sampled_from(["a", "b", None])), max_size=30))
def test_each_message_is_in_one_place_and_none_is_newer_than_what_goes_out(
    sent: list[tuple[int | None, str | None]],
) -> None:
    """A forgotten message would stay in flight, and none may be acknowledged twice."""
    verdicts = [publish(at, key) for at, key in sent]
    taken = conflated(*verdicts)
    found = [handle for each in taken for handle in (*each.superseded, each.newest.message.receipt_handle)]
    assert sorted(found) == sorted(each.message.receipt_handle for each in verdicts)
    for each in taken:
        if each.newest.latest is None:
            assert not each.superseded
        else:
            rivals = [at or 0 for at, key in sent if key == each.newest.latest]
            assert (each.newest.message.sent_ms or 0) == max(rivals)
    assert len({each.newest.latest for each in taken} - {None}) == len({key for _, key in sent} - {None})


# What was published before


def published(*verdicts: Publish, most: int = 10) -> NewestPublished:
    memory = NewestPublished(most)
    for verdict in verdicts:
        memory.remember(verdict)
    return memory


def test_an_older_one_comes_too_late_and_the_same_again_does_not() -> None:
    """A redelivery goes to Redis, which reports it as a duplicate."""
    memory = published(publish(5), publish(3))
    assert [memory.has_newer(publish(sent_ms)) for sent_ms in (4, 5, 6)] == [True, False, False]


def test_other_keys_events_and_namespaces_come_in_time() -> None:
    """So do messages without a key or without a time."""
    memory = published(publish(5), publish(5, None))
    others = [publish(4, "b"), publish(4, event="stock"), publish(4, namespace="/shop"), publish(4, None)]
    assert not any(memory.has_newer(each) for each in (*others, publish(None)))


def test_as_many_keys_are_remembered_as_were_published_last() -> None:
    """A key can be anything in a message: without a bound they would fill the memory."""
    memory = published(*(publish(5, key) for key in "abac"), most=2)
    assert [memory.has_newer(publish(4, key)) for key in "abc"] == [True, False, True]
    assert len(memory) == 2


def test_any_text_is_a_key() -> None:
    """As long as a message, or half a surrogate pair, which JSON can say."""
    for key in ("k" * 1_000_000, "\ud800"):
        assert published(publish(5, key)).has_newer(publish(4, key))
        assert not published(publish(5, key)).has_newer(publish(4, key + "x"))
