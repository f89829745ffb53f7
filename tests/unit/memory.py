"""How much memory what a test makes takes, whatever ran before in the same process."""

import gc
import re
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

COUNTED = re.compile(r"/tests/unit/|/queuecast_\w+/|/json/|/collections/")
"""The files whose allocations count. Threads of other tests may allocate meanwhile, elsewhere."""


@contextmanager
def traced_memory() -> Iterator[Callable[[], int]]:
    """Trace what is allocated, and yield a function that returns how many bytes of it are still in use."""
    # A collection, here of nothing, also clears Python's free lists. An object that is made from one counts
    # as nothing, and what ran before may leave thousands of tuples there: a third of the memory was once
    # counted.
    gc.freeze()
    gc.collect()
    tracemalloc.start()
    try:
        yield _in_use
    finally:
        tracemalloc.stop()


def _in_use() -> int:
    gc.collect()
    files = tracemalloc.take_snapshot().statistics("filename")
    return sum(file.size for file in files if COUNTED.search(file.traceback[0].filename))
