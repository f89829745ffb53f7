"""A reader requests as many records as fit a budget, of whatever size and over whatever link."""

import pytest

from queuecast_bus.read_size import MOST_RECORDS, READ_BYTES, SLOW_SECONDS, ReadSize

MIB = 1 << 20


def reads(size: ReadSize, record_bytes: int, *, times: int, seconds: float = 0.01) -> list[int]:
    """Return what is requested while more such records are waiting than fit into an answer."""
    requested = []
    for _ in range(times):
        requested.append(size.count)
        size.observe(size.count, size.count, size.count * record_bytes, seconds)
    return requested


def test_small_records_are_read_by_the_hundreds() -> None:
    """Fewer requests need less CPU, and a burst after a long pause must find the old size."""
    size = ReadSize()
    assert reads(size, 500, times=3) == [MOST_RECORDS] * 3
    size.observe(MOST_RECORDS, 1, 500, 0.9)
    assert size.count == MOST_RECORDS


@pytest.mark.parametrize("record_bytes", [10_000, 100_000, 500_000, MIB, 2 * MIB])
def test_large_records_fit_the_budget_from_the_second_answer_on(record_bytes: int) -> None:
    """The connection bounds the first answer, and its size determines the next requests."""
    first, *rest = reads(ReadSize(), record_bytes, times=5)
    assert first == MOST_RECORDS
    assert {count * record_bytes <= READ_BYTES for count in rest} == {True}
    assert rest[-1] == READ_BYTES // record_bytes


def test_a_record_larger_than_the_budget_is_read_alone() -> None:
    """No record is too large to be read."""
    assert reads(ReadSize(), 2 * READ_BYTES, times=3)[1:] == [1, 1]


def test_after_large_records_small_ones_are_read_by_the_hundreds_again() -> None:
    """The count doubles, so from two at a time this takes eight answers."""
    size = ReadSize()
    reads(size, MIB, times=2)
    assert reads(size, 500, times=9) == [2, 4, 8, 16, 32, 64, 128, 256, 400]


def test_an_answer_that_did_not_come_is_asked_for_in_a_quarter() -> None:
    """Otherwise a link that cannot carry 400 records in time would be asked for 400 again and again."""
    size = ReadSize()
    requested = []
    for _ in range(6):
        requested.append(size.count)
        size.failed(size.count)
    assert requested == [400, 100, 25, 6, 1, 1]


def test_a_link_that_is_nearly_too_slow_is_asked_for_no_more() -> None:
    """An answer that comes too late is thrown away, so larger ones must not be tried again and again."""
    size = ReadSize()
    size.failed(MOST_RECORDS)
    size.observe(100, 100, MIB, SLOW_SECONDS + 0.1)
    assert size.count == 50
    size.observe(50, 50, MIB // 2, SLOW_SECONDS - 0.1)
    assert size.count == 100


def test_waiting_for_something_to_come_says_nothing_about_the_link() -> None:
    """An answer with fewer records than requested may have come after a second without any."""
    size = ReadSize()
    size.failed(MOST_RECORDS)
    size.observe(100, 3, 1_500, SLOW_SECONDS + 1)
    assert size.count == 100


def test_a_short_range_that_is_read_whole_makes_nothing_smaller() -> None:
    """A recovery requests fewer records than could come, over the same link."""
    size = ReadSize()
    size.observe(3, 3, 1_500, 0.01)
    assert size.count == MOST_RECORDS
