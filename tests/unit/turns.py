"""An event loop whose timers run when a test says so: the wheel turns, and no time passes."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from queuecast_gateway.engine import heartbeat


class Timer:
    """A callback of the loop's that waits."""

    def __init__(self, seconds: float, callback: Callable[[], None]) -> None:
        self.seconds = seconds
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """Stands for the event loop; its timers run when the test says so."""

    def __init__(self) -> None:
        self.timers: list[Timer] = []

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        self.timers.append(Timer(seconds, callback))
        return self.timers[-1]

    @property
    def due(self) -> list[Timer]:
        self.timers = [timer for timer in self.timers if not timer.cancelled]
        return self.timers

    def turn(self, times: int = 1) -> None:
        """Let every timer that is due run, so many times."""
        for _ in range(times):
            due, self.timers = self.due, []
            for timer in due:
                timer.callback()

    def drive(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have every wheel turn by this loop alone, for the rest of a test."""
        monkeypatch.setattr(heartbeat, "asyncio", SimpleNamespace(get_running_loop=lambda: self))
