"""What the unit tests measure of memory does not depend on what ran before."""

from sys import getsizeof

from tests.unit.memory import traced_memory

NUMBERS = range(1_000)


def test_objects_count_although_python_had_such_ones_in_reserve() -> None:
    """The size of the history once seemed too large behind a test that had freed thousands of addresses."""
    freed = [(number,) for number in NUMBERS]
    del freed
    with traced_memory() as traced:
        made = [(number,) for number in NUMBERS]
        assert traced() >= getsizeof(made[0]) * len(made)
        del made
        assert traced() < 1_000
