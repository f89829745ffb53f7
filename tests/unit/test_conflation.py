"""Of several messages of one key the newest goes out: which that is, and that none is forgotten."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.fakes import message

from queuecast_bus.record import Record
from queuecast_poller.conflation import Conflated, Conflation, NewestPublished
from queuecast_poller.verdict import Publish


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
    """Whatever order SQS brought them in; other keys, events and namespaces are others' business."""
    late, later, latest = publish(1), publish(3), publish(4)
    others = [publish(2, "b"), publish(1, event="stock"), publish(1, namespace="/shop"), publish(9, None)]
    assert newest(later, late, latest, *others) == [latest, *others]


def test_of_one_moment_the_last_counts() -> None:
    """A FIFO queue brings them in the order of sending; without a time nothing else is known."""
    for sent_ms in (5, None):
        first, second = publish(sent_ms), publish(sent_ms)
        assert newest(first, second) == [second]


def test_what_has_no_key_is_superseded_by_nothing() -> None:
    """Only a route may say that a message counts for no longer than it is the newest."""
    several = [publish(1, None), publish(1, None), publish(2, None)]
    assert newest(*several) == several


def test_the_newest_goes_where_it_came() -> None:
    """In a group of a FIFO queue it must not overtake what was sent between."""
    older, between, newer = publish(1), publish(2, None), publish(3)
    assert newest(older, between, newer) == [between, newer]


def test_whoever_is_superseded_is_told() -> None:
    """The one before, or the one that came."""
    conflation = Conflation()
    first, older, newer = publish(2), publish(1), publish(3)
    assert [conflation.add(each, 0.0) for each in (first, older, newer)] == [None, older, first]


def test_the_receipt_handles_of_the_superseded_and_the_first_receive_are_kept() -> None:
    """They are deleted with the newest, and nothing else of them takes memory."""
    first, older, newer = publish(2), publish(1), publish(3)
    (one,) = conflated(first, older, newer)
    assert one.superseded == [older.message.receipt_handle, first.message.receipt_handle]
    assert one.received == 0.0


def test_it_says_how_much_it_holds() -> None:
    """Messages as many as there are, bytes of those alone that are not superseded: both have a bound."""
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
    """None is forgotten, which would stay in flight, and none settled twice."""
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
    """What is redelivered goes to Redis, which says that it is a duplicate."""
    memory = published(publish(5), publish(3))
    assert [memory.has_newer(publish(sent_ms)) for sent_ms in (4, 5, 6)] == [True, False, False]


def test_other_keys_events_and_namespaces_come_in_time() -> None:
    """And what has no key, or no time."""
    memory = published(publish(5), publish(5, None))
    others = [publish(4, "b"), publish(4, event="stock"), publish(4, namespace="/shop"), publish(4, None)]
    assert not any(memory.has_newer(each) for each in (*others, publish(None)))


def test_as_many_keys_are_remembered_as_were_published_last() -> None:
    """A key may be anything in a message: without a bound the memory would fill."""
    memory = published(*(publish(5, key) for key in "abac"), most=2)
    assert [memory.has_newer(publish(4, key)) for key in "abc"] == [True, False, True]
    assert len(memory) == 2


def test_any_text_is_a_key() -> None:
    """As long as a message, or half a surrogate pair, which JSON can say."""
    for key in ("k" * 1_000_000, "\ud800"):
        assert published(publish(5, key)).has_newer(publish(4, key))
        assert not published(publish(5, key)).has_newer(publish(4, key + "x"))
