"""Proves that this replica receives from the bus: it publishes records of its own and reads them back.

A ping would only prove that Redis answers. Browsers need a replica that reads the stream.
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
SILENT_SECONDS = 8.0
"""After so long without a record of its own, the replica is not ready."""


class BusProbe:
    """Publishes a record every two seconds and checks that it comes back; `on_stored` gets each offset."""

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
        self._received_at: float | None = None
        self._problem = "nothing was received yet"

    async def run(self) -> None:
        """Publish, for ever."""
        while True:
            try:
                (stored,) = await self._bus.publish([(self._record, None)])
                self._on_stored(stored.offset)
                self._problem = "published records do not come back"
            except BusUnavailable as exc:
                self._problem = str(exc)
            await asyncio.sleep(INTERVAL_SECONDS)

    def is_own(self, address: Address) -> bool:
        """Say whether a record with this address is our own."""
        return address.rooms == self._record.rooms

    def received(self) -> None:
        """Note that an own record came back."""
        self._received_at = self._clock()

    def ready(self) -> Health:
        """Unhealthy while own records do not come back."""
        if self._received_at is None:
            return Health((f"bus: {self._problem}",))
        silent = self._clock() - self._received_at
        if silent <= SILENT_SECONDS:
            return Health()
        return Health((f"bus: no own record came back for {silent:.0f} s: {self._problem}",))
