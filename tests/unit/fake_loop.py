"""A fake event loop, whose timers run when a test says so: the timer wheel advances, and no time passes."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from queuecast_gateway.engine import timer_wheel


class Timer:
    """A callback that waits in the loop."""

    def __init__(self, seconds: float, callback: Callable[[], None]) -> None:
        self.seconds = seconds
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """Replaces the event loop of the timer wheel. `now` is its clock, which `stand_still` moves on alone."""

    def __init__(self) -> None:
        self.timers: list[Timer] = []
        self.now = 1_000.0

    def time(self) -> float:
        return self.now

    def stand_still(self, seconds: float) -> None:
        """Let time pass without running anything."""
        self.now += seconds

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        self.timers.append(Timer(seconds, callback))
        return self.timers[-1]

    @property
    def due(self) -> list[Timer]:
        self.timers = [timer for timer in self.timers if not timer.cancelled]
        return self.timers

    def tick(self, times: int = 1) -> None:
        """Run every timer that is due, `times` times."""
        for _ in range(times):
            due, self.timers = self.due, []
            self.now += max((timer.seconds for timer in due), default=0.0)
            for timer in due:
                timer.callback()

    def drive(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make all timer wheels use this loop, for the rest of a test."""
        monkeypatch.setattr(timer_wheel, "asyncio", SimpleNamespace(get_running_loop=lambda: self))
