"""Measures how far this replica is behind the bus, and asks the pollers to wait when that is too far.

It uses the replica's own records and only this process's clock: the lag is the time from when a record was
stored until this replica has read up to it.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from queuecast_bus import BusUnavailable
from queuecast_bus.pressure import Pressure
from queuecast_bus.record import offset_key

log = logging.getLogger(__name__)

CHECK_SECONDS = 1.0
MAX_UNREAD = 1_000
"""How many own records are tracked until they are read; newer ones beyond that are not."""


class Position(Protocol):
    """How far this replica has read."""

    @property
    def position(self) -> str: ...


class Bus(Protocol):
    """The part of a gateway's bus that is needed here."""

    @property
    def pressure(self) -> Pressure: ...
    @property
    def history(self) -> Position: ...


class Backpressure:
    """Asks the pollers to wait, again and again, while the lag exceeds `max_lag_seconds`; 0 never asks."""

    def __init__(self, bus: Bus, max_lag_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._bus = bus
        self._max_lag_seconds = max_lag_seconds
        self._clock = clock
        self._unread: deque[tuple[tuple[int, int], float]] = deque()
        self._was_behind = False

    def stored(self, offset: str) -> None:
        """Track a record of our own that was stored."""
        if len(self._unread) < MAX_UNREAD:
            self._unread.append((offset_key(offset), self._clock()))

    def lag_seconds(self) -> float:
        """Return for how long the oldest unread record has been stored."""
        position = offset_key(self._bus.history.position)
        while self._unread and self._unread[0][0] <= position:
            self._unread.popleft()
        return self._clock() - self._unread[0][1] if self._unread else 0.0

    async def run(self) -> None:
        """Check, for ever."""
        while True:
            await self.check()
            await asyncio.sleep(CHECK_SECONDS)

    async def check(self) -> None:
        """Ask the pollers to wait if this replica is behind."""
        lag = self.lag_seconds()
        behind = 0 < self._max_lag_seconds < lag
        if behind:
            try:
                await self._bus.pressure.report()
            except BusUnavailable as exc:
                log.info("cannot tell the pollers that this replica is behind: %s", exc)
        if behind != self._was_behind:
            self._was_behind = behind
            if behind:
                log.warning("%.1f s behind the bus: pollers are asked to wait", lag)
            else:
                log.info("no longer behind the bus")
