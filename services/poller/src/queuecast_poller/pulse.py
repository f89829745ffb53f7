"""The sign of life of one intake, written in its thread and read by the admin server in another.

Each field is one reference, replaced whole: no lock is needed.
"""

import time
from collections.abc import Callable

from queuecast_edge.health import Health


class Pulse:
    """When the intake last made a step, and what keeps it from its work, if anything."""

    def __init__(self, queue: str, stall_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue = queue
        self._stall_seconds = stall_seconds
        self._clock = clock
        self._last = clock()
        self._trouble: dict[str, str] = {"sqs": "the queue is not opened yet"}

    def tick(self) -> None:
        """The intake made a step."""
        self._last = self._clock()

    def suffers(self, part: str, trouble: str) -> None:
        """`part` (`sqs` or `bus`) does not work, and why."""
        self._trouble = {**self._trouble, part: trouble}

    def recovered(self, part: str) -> bool:
        """`part` works; return whether it had not."""
        if part not in self._trouble:
            return False
        self._trouble = {name: text for name, text in self._trouble.items() if name != part}
        return True

    def alive(self) -> Health:
        """Not well if no step was made for longer than any step may take: the thread is stuck or gone."""
        silent = self._clock() - self._last
        if silent <= self._stall_seconds:
            return Health()
        return Health((f"queue {self._queue}: the intake made no step for {silent:.0f} s",))

    def ready(self) -> Health:
        """Not well while SQS or the bus does not work."""
        troubles = self._trouble.items()
        return Health(tuple(f"queue {self._queue}: {part}: {text}" for part, text in troubles))
