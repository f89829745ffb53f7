"""Repeats a request to Redis until Redis confirms it, while its messages stay leased."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from queuecast_bus import BusUnavailable
from queuecast_bus.connection import jittered
from queuecast_poller.intake.leases import Leases
from queuecast_poller.intake.liveness import Liveness
from queuecast_poller.loop_thread import pause
from queuecast_poller.metrics import QueueMetrics

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


class BusRetry:
    """Retries with back-off. It calls `tick` before each try: waiting for Redis is not being stuck."""

    def __init__(
        self, leases: Leases, liveness: Liveness, metrics: QueueMetrics, tick: Callable[[], object]
    ) -> None:
        self._leases = leases
        self._liveness = liveness
        self._metrics = metrics
        self._tick = tick

    async def until_confirmed(
        self, call: str, request: Callable[[], Awaitable[Answer]], handles: Sequence[str], stop: asyncio.Event
    ) -> Answer | None:
        """Return Redis's answer to a request about these messages. Failures are counted under `call`.

        None means that it was given up, because the lease of one of the messages is lost or `stop` is set.
        """
        for attempt in itertools.count():
            self._tick()
            if self._leases.lost(handles):
                log.warning("%d messages waited too long for Redis and go back to the queue", len(handles))
                break
            try:
                return await request()
            except BusUnavailable as exc:
                self._metrics.publish_failures[call].inc()
                self._liveness.failing("bus", str(exc))
                if attempt == 0:
                    log.warning("publishing pauses, nothing is deleted: %s", exc)
            if stop.is_set():
                break
            await pause(stop, jittered(attempt))
        return None
