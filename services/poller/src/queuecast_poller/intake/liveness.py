"""Liveness and readiness of one intake: written in its thread, read by the admin server in another.

Each field is a single reference that is replaced as a whole, so no lock is needed.
"""

import time
from collections.abc import Callable, Mapping

from queuecast_edge.health import Health


class Liveness:
    """When the intake last made progress, and which of its dependencies fail."""

    def __init__(self, queue: str, stall_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue = queue
        self._stall_seconds = stall_seconds
        self._clock = clock
        self._last_tick = clock()
        self._failures: dict[str, str] = {
            "sqs": "the queue is not opened yet",
            "bus": "Redis has not answered yet",
        }
        self._notes: dict[str, str] = {}

    def tick(self) -> None:
        """Note that the intake made progress."""
        self._last_tick = self._clock()

    def failing(self, dependency: str, reason: str) -> None:
        """Note that `sqs` or `bus` fails, and why."""
        self._failures = {**self._failures, dependency: reason}

    def note(self, dependency: str, text: str | None) -> None:
        """Note what operators should know about `sqs` or `bus`, although it works; None takes it back."""
        others = {name: note for name, note in self._notes.items() if name != dependency}
        self._notes = {**others, dependency: text} if text else others

    def recovered(self, dependency: str) -> bool:
        """Note that `sqs` or `bus` works; return whether it had failed."""
        if dependency not in self._failures:
            return False
        self._failures = {name: text for name, text in self._failures.items() if name != dependency}
        return True

    def alive(self) -> Health:
        """Unhealthy after no progress for longer than any step may take: the thread is stuck or gone."""
        silent_seconds = self._clock() - self._last_tick
        if silent_seconds <= self._stall_seconds:
            return Health()
        return Health((f"queue {self._queue}: the intake made no progress for {silent_seconds:.0f} s",))

    def ready(self) -> Health:
        """Unhealthy while SQS or the bus fails."""
        return Health(self._lines(self._failures), self._lines(self._notes))

    def _lines(self, texts: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(f"queue {self._queue}: {name}: {text}" for name, text in texts.items())
