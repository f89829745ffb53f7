"""A reader asks for as many records as fit a budget, of whatever size, over whatever link."""

import pytest

from queuecast_bus.read_size import MOST_RECORDS, READ_BYTES, SLOW_SECONDS, ReadSize

MIB = 1 << 20


def reads(size: ReadSize, record_bytes: int, *, times: int, seconds: float = 0.01) -> list[int]:
    """Return what is asked for while more of such records wait than fit any answer."""
    asked = []
    for _ in range(times):
        asked.append(size.count)
        size.came(size.count, size.count, size.count * record_bytes, seconds)
    return asked


def test_small_records_are_read_by_the_hundreds() -> None:
    """Each question less is CPU; and a burst must find the size as it was, however long nothing came."""
    size = ReadSize()
    assert reads(size, 500, times=3) == [MOST_RECORDS] * 3
    size.came(MOST_RECORDS, 1, 500, 0.9)
    assert size.count == MOST_RECORDS


@pytest.mark.parametrize("record_bytes", [10_000, 100_000, 500_000, MIB, 2 * MIB])
def test_large_records_fit_the_budget_from_the_second_answer_on(record_bytes: int) -> None:
    """The first is bounded by the connection; those after it are sized for what it brought."""
    first, *rest = reads(ReadSize(), record_bytes, times=5)
    assert first == MOST_RECORDS
    assert {asked * record_bytes <= READ_BYTES for asked in rest} == {True}
    assert rest[-1] == READ_BYTES // record_bytes


def test_a_record_larger_than_the_budget_is_read_alone() -> None:
    """None is too large to be read at all."""
    assert reads(ReadSize(), 2 * READ_BYTES, times=3)[1:] == [1, 1]


def test_after_large_records_small_ones_are_read_by_the_hundreds_again() -> None:
    """It doubles, so that this takes eight answers from two at a time."""
    size = ReadSize()
    reads(size, MIB, times=2)
    assert reads(size, 500, times=9) == [2, 4, 8, 16, 32, 64, 128, 256, 400]


def test_an_answer_that_did_not_come_is_asked_for_in_a_quarter() -> None:
    """A link that carries no 400 records in time was asked for 400 again and again."""
    size = ReadSize()
    asked = []
    for _ in range(6):
        asked.append(size.count)
        size.failed(size.count)
    assert asked == [400, 100, 25, 6, 1, 1]


def test_a_link_that_is_nearly_too_slow_is_asked_for_no_more() -> None:
    """Each answer that comes too late is thrown away, so it must not be tried out again and again."""
    size = ReadSize()
    size.failed(MOST_RECORDS)
    size.came(100, 100, MIB, SLOW_SECONDS + 0.1)
    assert size.count == 50
    size.came(50, 50, MIB // 2, SLOW_SECONDS - 0.1)
    assert size.count == 100


def test_waiting_for_something_to_come_says_nothing_about_the_link() -> None:
    """An answer with fewer records than were asked for may have come after a second of silence."""
    size = ReadSize()
    size.failed(MOST_RECORDS)
    size.came(100, 3, 1_500, SLOW_SECONDS + 1)
    assert size.count == 100


def test_a_short_range_that_is_read_whole_makes_nothing_smaller() -> None:
    """Who comes back asks for less than there could be, over the same link."""
    size = ReadSize()
    size.came(3, 3, 1_500, 0.01)
    assert size.count == MOST_RECORDS
