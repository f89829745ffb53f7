"""How much memory what a test makes takes, whatever ran before in the same process."""

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

COUNTED = [
    tracemalloc.Filter(True, path)
    for path in ("*/tests/unit/*", "*/queuecast_*/*", "*/json/*", "*/collections/*")
]
"""The files whose allocations count. Threads of other tests may allocate meanwhile, elsewhere."""


@contextmanager
def frozen_heap() -> Iterator[None]:
    """Have `gc.collect` look at what is made meanwhile, not at all that a worker has, in a second."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def traced_memory() -> Iterator[Callable[[], int]]:
    """Trace what is allocated, and yield a function that returns how many bytes of it are still in use."""
    with frozen_heap():
        # It also clears Python's free lists. An object that is made from one counts as nothing, and what ran
        # before may leave thousands of tuples there: a third of the memory was once counted.
        gc.collect()
        tracemalloc.start()
        try:
            yield _in_use
        finally:
            tracemalloc.stop()


def _in_use() -> int:
    gc.collect()
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces(COUNTED).traces)
