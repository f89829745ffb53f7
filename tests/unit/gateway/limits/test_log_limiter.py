"""Log lines that clients can cause: enough to notice them, never so many that they hide the rest."""

from queuecast_gateway.limits.log_limiter import LINES_PER_SECOND, LogLimiter


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_flood_of_any_size_gets_a_few_lines_a_second() -> None:
    """A line for each connection would let a client fill a disk, or a bill."""
    clock = Clock()
    limiter = LogLimiter(clock)
    written = 0
    for _ in range(60_000):
        written += limiter.allows()
        clock.now += 0.001
    assert 60 * LINES_PER_SECOND <= written <= 63 * LINES_PER_SECOND


def test_after_a_flood_lines_are_logged_again_at_once() -> None:
    """Lines that were not logged do not count, or a long attack would silence the hours after it."""
    clock = Clock()
    limiter = LogLimiter(clock)
    for _ in range(100_000):
        limiter.allows()
    clock.now += 2 / LINES_PER_SECOND
    assert limiter.allows()
