"""The proof that this replica hears the bus: records of its own that come back through Redis.

A ping would only prove that Redis is there. What browsers need is that the reading side reads.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from queuecast_bus import BusManager, BusUnavailable, Record
from queuecast_bus.names import PROBE_NAMESPACE
from queuecast_bus.record import Address
from queuecast_edge.health import Health

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 2.0
DEAF_SECONDS = 8.0
"""Without a record of our own for so long, this replica does not hear the bus."""


class Probe:
    """Sends a record every two seconds and says whether they come back; `on_stored` is told each offset."""

    def __init__(
        self,
        bus: BusManager,
        replica_id: str,
        on_stored: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bus = bus
        self._on_stored = on_stored
        self._record = Record(event="probe", arguments=b"[]", namespace=PROBE_NAMESPACE, rooms=(replica_id,))
        self._clock = clock
        self._heard: float | None = None
        self._trouble = "nothing was heard yet"

    async def run(self) -> None:
        """Send, for ever."""
        while True:
            try:
                (stored,) = await self._bus.publish([(self._record, None)])
                self._on_stored(stored.offset)
                self._trouble = "sent records do not come back"
            except BusUnavailable as exc:
                self._trouble = str(exc)
            await asyncio.sleep(INTERVAL_SECONDS)

    def is_own(self, address: Address) -> bool:
        """Say whether a record with this address is ours."""
        return address.rooms == self._record.rooms

    def heard(self) -> None:
        """One of ours came back."""
        self._heard = self._clock()

    def ready(self) -> Health:
        """Not well while our own records do not come back."""
        if self._heard is None:
            return Health((f"bus: {self._trouble}",))
        silent = self._clock() - self._heard
        if silent <= DEAF_SECONDS:
            return Health()
        return Health((f"bus: nothing of our own came back for {silent:.0f} s: {self._trouble}",))
