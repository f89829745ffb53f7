"""Tells the pollers, again and again, which namespaces this replica serves.

The announcement is not withdrawn at the end: another replica may serve the same namespaces, and a restart
takes less time than an announcement is valid.
"""

import asyncio
import logging
from collections.abc import Sequence

from queuecast_bus import BusManager, BusUnavailable

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 10.0


class Announcement:
    """Announces the namespaces. A failure is logged if it is the first after a success."""

    def __init__(self, bus: BusManager, namespaces: Sequence[str]) -> None:
        self._bus = bus
        self._namespaces = namespaces

    async def run(self) -> None:
        """Announce, for ever."""
        failing = False
        while True:
            try:
                await self._bus.namespaces.announce(self._namespaces)
                failing = False
            except BusUnavailable as exc:
                if not failing:
                    log.warning("pollers may treat our namespaces as unserved: %s", exc)
                failing = True
            await asyncio.sleep(INTERVAL_SECONDS)
