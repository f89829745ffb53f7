"""One timer wheel for every ping and every deadline of the process.

Its time is the number of its turns, not the clock: if the process stood still, nobody's deadline passed.
"""

import asyncio
import logging
from collections.abc import Callable

log = logging.getLogger(__name__)

TICK_SECONDS = 0.1

_GOLDEN = 0.6180339887498949
"""Steps of this fraction of an interval never bunch, however many there are and whenever they begin."""


class Wheel:
    """Calls back after a time, in steps of a tick. A callback is added and cancelled in constant time."""

    def __init__(self, tick_seconds: float = TICK_SECONDS) -> None:
        self._tick_seconds = tick_seconds
        self._slots: dict[int, set[Callable[[], None]]] = {}
        self._turn = 0
        self._phase = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return sum(map(len, self._slots.values()))

    def after(self, seconds: float, callback: Callable[[], None]) -> int:
        """Have `callback` called once after `seconds`; return the turn that `cancel` needs."""
        turn = self._turn + max(1, round(seconds / self._tick_seconds))
        self._slots.setdefault(turn, set()).add(callback)
        if self._handle is None:
            self._start()
        return turn

    def cancel(self, turn: int, callback: Callable[[], None]) -> None:
        """Forget a callback; one that was called, or never added, is no error."""
        slot = self._slots.get(turn)
        if slot is not None:
            slot.discard(callback)

    def spread(self, seconds: float) -> float:
        """Return the next of an evenly spread sequence of delays, more than 0 and at most `seconds`."""
        self._phase = (self._phase + _GOLDEN) % 1.0
        return seconds * (1.0 - self._phase)

    def stop(self) -> None:
        """Call nobody any more."""
        self._slots.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _start(self) -> None:
        self._handle = asyncio.get_running_loop().call_later(self._tick_seconds, self._run)

    def _run(self) -> None:
        self._turn += 1
        while slot := self._slots.get(self._turn):
            try:
                slot.pop()()
            except Exception:
                log.exception("a deadline's callback failed")
        self._slots.pop(self._turn, None)
        if self._slots:
            self._start()
        else:
            self._handle = None
