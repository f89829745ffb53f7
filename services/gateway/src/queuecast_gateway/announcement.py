"""What this replica tells the pollers, again and again: which namespaces it serves.

It is not taken back at the end: another replica may serve them too, and a restart takes less time than the
word lasts.
"""

import asyncio
import logging
from collections.abc import Sequence

from queuecast_bus import BusManager, BusUnavailable

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 10.0


class Announcement:
    """Says which namespaces are served. A failure is logged when it is the first after a success."""

    def __init__(self, bus: BusManager, namespaces: Sequence[str]) -> None:
        self._bus = bus
        self._namespaces = namespaces

    async def run(self) -> None:
        """Say it, for ever."""
        failing = False
        while True:
            try:
                await self._bus.namespaces.announce(self._namespaces)
                failing = False
            except BusUnavailable as exc:
                if not failing:
                    log.warning("pollers may take our namespaces for unserved: %s", exc)
                failing = True
            await asyncio.sleep(INTERVAL_SECONDS)
