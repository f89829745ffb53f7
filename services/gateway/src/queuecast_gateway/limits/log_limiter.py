"""Limits how many lines of one sort are logged, so that clients cannot fill the log. Metrics count all."""

import time
from collections.abc import Callable

from queuecast_gateway.limits.token_bucket import Rates, TokenBuckets

LINES_PER_SECOND = 10


class LogLimiter:
    """Lines of one sort: ten a second in the long run, twenty at once."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or time.monotonic
        self._buckets = TokenBuckets(Rates(LINES_PER_SECOND, 0), self._clock())

    def allows(self) -> bool:
        """Say whether one more line may be logged, and count it if so."""
        now = self._clock()
        # Ask first: a line that is not logged must not count, or a long flood would silence hours after it.
        if self._buckets.take(now, 0, 0):
            return False
        self._buckets.take(now, 1, 0)
        return True
