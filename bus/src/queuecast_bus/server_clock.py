"""Unix time by Redis's clock, so that all hosts measure ages with one clock even if their own is wrong.

Every publish compares the two clocks: Redis answered between two times of ours. Pure, but for the log.
"""

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)

TOLERATED_SECONDS = 1.0
"""Differences below this are not corrected: clocks are never exactly equal."""


class ServerClock:
    """Returns Unix time in seconds: our clock's, corrected if it disagrees with Redis's.

    `skew_seconds` is by how much our clock is at least ahead of Redis's; negative if it is behind.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.local = clock
        self.skew_seconds = 0.0
        self._correction = 0.0

    def now(self) -> float:
        """Return the corrected time."""
        return self.local() - self._correction

    def observe(self, redis_ms: int, before: float, after: float) -> None:
        """Compare the clocks: Redis's was at `redis_ms` between `before` and `after` on ours."""
        answered = redis_ms / 1000
        # It has whole milliseconds, rounded down.
        behind, ahead = after - answered, before - answered - 0.001
        self.skew_seconds = ahead if ahead > 0 else min(behind, 0.0)
        self._correction = self.skew_seconds if abs(self.skew_seconds) >= TOLERATED_SECONDS else 0.0


class ClockSteps:
    """Counts how often Redis's clock was put `forward` or `back`, or another server's clock took its place.

    It compares that clock with a monotonic one of ours, from one answer of Redis to the next, so that a clock
    that is slowly put right is no step.
    """

    def __init__(self) -> None:
        self.forward = 0
        self.back = 0
        self._difference: tuple[float, float] | None = None

    def observe(self, redis_ms: int, before: float, after: float) -> None:
        """Note an answer: Redis's clock was at `redis_ms` between two times on the monotonic one."""
        least, most = redis_ms / 1000 - after, redis_ms / 1000 - before
        last, self._difference = self._difference, (least, most)
        if last is None:
            return
        if (seconds := least - last[1]) > TOLERATED_SECONDS:
            self.forward += 1
            log.error(
                "Redis's clock went forward by %.0f s: ids of messages and sessions expired early", seconds
            )
        elif (seconds := last[0] - most) > TOLERATED_SECONDS:
            self.back += 1
            log.error(
                "Redis's clock went back by %.0f s: until it has caught up, all records look new", seconds
            )
