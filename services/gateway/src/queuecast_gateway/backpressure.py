"""How far this replica is behind the bus, and the word to the pollers when that is too far.

Measured by records of our own: by this process's clock alone, from when one was stored until what is read has
come as far.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

from queuecast_bus import BusUnavailable
from queuecast_bus.record import offset_key
from queuecast_gateway.replicas import GatewayBus

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
MAX_UNREAD = 1_000
"""Records of our own that are looked out for; the newest ones beyond are not."""


class Backpressure:
    """Tells the pollers, again and again, while this replica is behind by more than so many seconds.

    0 tells them never.
    """

    def __init__(
        self, bus: GatewayBus, max_lag_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._bus = bus
        self._max_lag_seconds = max_lag_seconds
        self._clock = clock
        self._unread: deque[tuple[tuple[int, int], float]] = deque()
        self._told = False

    def stored(self, offset: str) -> None:
        """A record of our own was stored."""
        if len(self._unread) < MAX_UNREAD:
            self._unread.append((offset_key(offset), self._clock()))

    def lag_seconds(self) -> float:
        """Return for how long something has been there that is not read here yet."""
        position = offset_key(self._bus.history.position)
        while self._unread and self._unread[0][0] <= position:
            self._unread.popleft()
        return self._clock() - self._unread[0][1] if self._unread else 0.0

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Tell the pollers if we are behind."""
        lag = self.lag_seconds()
        behind = 0 < self._max_lag_seconds < lag
        if behind:
            try:
                await self._bus.pressure.report()
            except BusUnavailable as exc:
                log.info("pollers are not told that this replica is behind: %s", exc)
        if behind != self._told:
            self._told = behind
            if behind:
                log.warning("%.1f s behind the bus: pollers are asked to wait", lag)
            else:
                log.info("no longer behind the bus")
