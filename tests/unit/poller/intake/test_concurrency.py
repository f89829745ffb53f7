from hypothesis import given
from hypothesis import strategies as st

from queuecast_poller.intake.concurrency import AT_ONCE_SECONDS, has_backlog, wanted_receives
from queuecast_poller.sqs.message import BATCH

counts = st.integers(1, 64)


@given(counts, st.integers(0, BATCH), counts)
def test_there_is_always_one_receive_and_never_too_many(under_way: int, received: int, most: int) -> None:
    """Without one the queue is not read; without a bound a backlog fills the memory."""
    wanted = wanted_receives(min(under_way, most), received, most)
    assert 1 <= wanted <= most


def test_a_full_batch_opens_as_many_receives_again() -> None:
    """More is waiting than one receive can bring, and a backlog has all receives after a few answers."""
    assert [wanted_receives(under_way, BATCH, 8) for under_way in (1, 2, 4, 6, 8)] == [2, 4, 8, 8, 8]


def test_less_than_half_a_batch_closes_one() -> None:
    """Each open receive on a drained queue costs a request every twenty seconds. After a backlog, eight
    receives would each bring one or two of the thousand messages that come in a second.
    """
    half = BATCH // 2
    assert {wanted_receives(3, received, 8) for received in range(half)} == {2}
    assert {wanted_receives(1, received, 8) for received in range(half)} == {1}


def test_half_a_batch_or_more_changes_nothing() -> None:
    """The receives keep up."""
    assert {wanted_receives(3, received, 8) for received in range(BATCH // 2, BATCH)} == {3}


def test_a_full_batch_shows_a_backlog_however_long_it_took() -> None:
    """SQS may have been slow. One message less shows that there were no more."""
    assert has_backlog(BATCH, BATCH, 20)
    assert not has_backlog(BATCH - 1, BATCH, 0)


def test_under_a_rate_limit_as_many_as_were_asked_for_show_one_if_they_came_at_once() -> None:
    """A single message after a wait is no backlog, even if only one was requested."""
    assert has_backlog(1, 1, 0)
    assert not has_backlog(1, 1, AT_ONCE_SECONDS)
    assert not has_backlog(1, 4, 0)
    assert not has_backlog(0, 4, 0)


def test_of_large_messages_fewer_are_received_at_a_time() -> None:
    """Eight receives of ten of the largest are 80 MiB on the wire, and about five times that in memory."""
    largest = BATCH << 20
    assert [wanted_receives(under_way, BATCH, 8, largest) for under_way in (1, 2, 3, 8)] == [2, 3, 3, 3]
    assert wanted_receives(8, BATCH, 8, 10 * largest) == 1
    assert wanted_receives(4, BATCH, 8, BATCH * 1_000) == 8
