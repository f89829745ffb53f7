"""When a queue's rate limit held receives back: the operator chose that wait, so it is no latency. Pure."""

from collections import deque

MERGE_SECONDS = 1.0
"""Pauses less than this apart count as one: the receive between two of them brings only what the rate
allows."""

MAX_INTERVALS = 1_000
"""How many intervals are remembered; the oldest is forgotten first."""


class ThrottledTime:
    """The intervals in which a receive waited for the rate. Times are seconds of a monotonic clock.

    `unknown_until` ends the time of which nothing is known: other pollers kept the rate then. It counts as
    throttled.
    """

    def __init__(self, unknown_until: float | None = None) -> None:
        self._intervals: deque[tuple[float, float]] = deque(maxlen=MAX_INTERVALS)
        if unknown_until is not None:
            self._intervals.append((float("-inf"), unknown_until))

    @property
    def is_empty(self) -> bool:
        """Whether no time was throttled, as on every queue that never had a rate limit."""
        return not self._intervals

    def add(self, began: float, ended: float) -> None:
        """Add a pause. Pauses of receives that run at the same time may overlap."""
        if self._intervals and began - self._intervals[-1][1] < MERGE_SECONDS:
            first, last = self._intervals.pop()
            began, ended = min(first, began), max(last, ended)
        self._intervals.append((began, ended))

    def seconds_since(self, moment: float) -> float:
        """Return how many seconds since then were throttled."""
        found = 0.0
        for began, ended in reversed(self._intervals):
            if ended <= moment:
                break
            found += ended - max(began, moment)
        return found
