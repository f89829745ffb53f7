"""Lines of log about what strangers do: enough to see it by, and never so many that they hide the rest."""

from queuecast_gateway.limits.lines import LINES_PER_SECOND, Lines


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_crowd_gets_a_few_lines_a_second_however_large_it_is() -> None:
    """Whoever can have a line written for each connection can fill a disk, or a bill."""
    clock = Clock()
    lines = Lines(clock)
    written = 0
    for _ in range(60_000):
        written += lines.has_room()
        clock.now += 0.001
    assert 60 * LINES_PER_SECOND <= written <= 63 * LINES_PER_SECOND


def test_after_a_crowd_the_log_speaks_again_at_once() -> None:
    """What was not written does not count, or a long attack would silence the hours after it."""
    clock = Clock()
    lines = Lines(clock)
    for _ in range(100_000):
        lines.has_room()
    clock.now += 2 / LINES_PER_SECOND
    assert lines.has_room()
