"""Timer wheels: one for all deadlines of the process, and one for all pings.

The wheel of deadlines counts its own ticks and ignores the clock: while the process stands still, no deadline
passes. The wheel of pings goes by the clock: clients wait for pings by theirs, whatever happens here.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

log = logging.getLogger(__name__)

TICK_SECONDS = 0.1

_GOLDEN = 0.6180339887498949
"""The fraction of the golden ratio. Steps of it, modulo 1, are spread evenly, however many there are."""


class TimerWheel:
    """Calls back after a number of ticks. Adding and cancelling a callback take constant time.

    `tick` is the current one. A wheel with a `driver` goes by the clock: the driver's ticks run it, so no
    second timer wakes the process, and it makes up for ticks that it has missed. `turns` is how often it has
    run: while the process stands still, or is throttled, that grows more slowly than the time.
    """

    def __init__(self, tick_seconds: float = TICK_SECONDS, driver: "TimerWheel | None" = None) -> None:
        self.tick_seconds = tick_seconds
        self.tick = 0
        self.turns = 0
        self._driver = driver
        self._ticked_at = 0.0
        self._slots: dict[int, set[Callable[[], None]]] = {}
        self._phase = 0.0
        self._cancel: Callable[[], None] | None = None
        """Stops the timer; None while nothing waits."""

    def __len__(self) -> int:
        return sum(map(len, self._slots.values()))

    def after(self, seconds: float, callback: Callable[[], None]) -> int:
        """Call `callback` once after `seconds`; return the tick, which `cancel` needs."""
        tick = self.tick + max(1, round(seconds / self.tick_seconds))
        self._slots.setdefault(tick, set()).add(callback)
        if self._cancel is None:
            self._ticked_at = 0.0 if self._driver is None else asyncio.get_running_loop().time()
            self._wait()
        return tick

    def cancel(self, tick: int, callback: Callable[[], None]) -> None:
        """Forget a callback. One that was called already, or never added, is no error."""
        slot = self._slots.get(tick)
        if slot is not None:
            slot.discard(callback)

    def spread(self, seconds: float) -> float:
        """Return the next of a sequence of evenly spread delays, more than 0 and at most `seconds`."""
        self._phase = (self._phase + _GOLDEN) % 1.0
        return seconds * (1.0 - self._phase)

    def stop(self) -> None:
        """Drop all callbacks and stop the timer."""
        self._slots.clear()
        if self._cancel is not None:
            self._cancel()
            self._cancel = None

    def _wait(self) -> None:
        if self._driver is None:
            self._cancel = asyncio.get_running_loop().call_later(self.tick_seconds, self._run).cancel
        else:
            due = self._driver.after(self.tick_seconds, self._run)
            self._cancel = partial(self._driver.cancel, due, self._run)

    def _run(self) -> None:
        self.turns += 1
        ticks = 1 if self._driver is None else self._ticks_since()
        due = range(self.tick + 1, self.tick + ticks + 1)
        # First: what a callback adds counts from now on, however many ticks were missed.
        self.tick += ticks
        for tick in due:
            self._call(tick)
        if self._slots:
            self._wait()
        else:
            self._cancel = None

    def _ticks_since(self) -> int:
        """Return how many ticks of the clock there were since the last call, to the nearest one."""
        ticks = round((asyncio.get_running_loop().time() - self._ticked_at) / self.tick_seconds)
        self._ticked_at += ticks * self.tick_seconds
        return ticks

    def _call(self, tick: int) -> None:
        while slot := self._slots.get(tick):
            try:
                slot.pop()()
            except Exception:
                log.exception("the callback of a deadline failed")
        self._slots.pop(tick, None)
