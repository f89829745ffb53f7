"""How many lines of one sort go into the log, which strangers must not fill. What has none is counted too."""

import time
from collections.abc import Callable

from queuecast_gateway.limits.pace import Pace, Rates

LINES_PER_SECOND = 10


class Lines:
    """The lines of one sort: ten a second in the long run, twenty at once."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or time.monotonic
        self._pace = Pace(Rates(LINES_PER_SECOND, 0), self._clock())

    def has_room(self) -> bool:
        """Say whether one more is to be logged, and take it as logged then."""
        now = self._clock()
        # Asked first: what is not logged must not count, or a long crowd would silence the hours after it.
        if self._pace.take(now, 0, 0):
            return False
        self._pace.take(now, 1, 0)
        return True
