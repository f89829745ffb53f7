"""When the bench takes a server for idle, and begins to measure."""

import pytest
from bench.arena import BUSY_SHARE, CALM_SHARE, STEADY, is_calm


@pytest.mark.parametrize(
    ("shares", "calm"),
    [
        ([], False),
        ([0.0], False),
        ([0.5, CALM_SHARE, CALM_SHARE], True),
        ([CALM_SHARE, CALM_SHARE, 0.03], False),
    ],
)
def test_a_server_that_uses_next_to_nothing_is_idle(shares: list[float], calm: bool) -> None:
    """Two intervals in a row: a single one may lie between two bits of work."""
    assert is_calm(shares) is calm


def test_a_server_is_idle_once_it_no_longer_uses_less() -> None:
    """On a slow machine an idle gateway takes 6 % of a core, which is never next to nothing."""
    falling = [0.9 * 0.8**number for number in range(12)]
    seen = [*falling, *[0.06] * 30]
    calm_at = next(number for number in range(len(seen)) if is_calm(seen[:number]))
    assert len(falling) + STEADY <= calm_at <= len(falling) + 2 * STEADY


def test_a_server_with_a_backlog_is_not_idle() -> None:
    """It uses the same all the time, too."""
    assert not is_calm([1.0] * 50)
    assert not is_calm([BUSY_SHARE + 0.01] * 50)
