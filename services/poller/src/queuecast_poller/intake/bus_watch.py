"""Asks Redis again and again whether records can be stored, and whether those that were stored still are.

So a poller shows at its start that Redis cannot be used, and browsers hear of lost records even if no further
message comes. It also says if Redis may remove records by itself.
"""

import asyncio
import logging

from queuecast_bus import BusManager, BusUnavailable
from queuecast_poller.intake.liveness import Liveness
from queuecast_poller.metrics import QueueMetrics

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 2.0
CHECKS_PER_POLICY = 30
"""How often Redis is asked whether it removes keys: once a minute. Another server may have taken over."""


class BusWatch:
    """The watch over one queue's bus."""

    def __init__(self, bus: BusManager, liveness: Liveness, metrics: QueueMetrics) -> None:
        self._bus = bus
        self._liveness = liveness
        self._metrics = metrics
        self._failing = False
        self._rewinds = 0
        self._clock_steps = {"forward": 0, "back": 0}
        self._checks = 0
        self._policy: str | None = None
        self._may_ask = True

    async def run(self) -> None:
        """Ask, for ever."""
        while True:
            await self.check()
            await asyncio.sleep(INTERVAL_SECONDS)

    async def check(self) -> None:
        """Ask once; note the answer in the poller's readiness."""
        try:
            await self._bus.check()
        except BusUnavailable as exc:
            self._liveness.failing("bus", str(exc))
            if not self._failing:
                log.warning("nothing can be published: %s", exc)
            self._failing = True
        else:
            if self._liveness.recovered("bus"):
                log.info("publishing is possible")
            self._failing = False
            if self._checks % CHECKS_PER_POLICY == 0:
                await self._ask_for_policy()
            self._checks += 1
        self._metrics.rewinds.inc(self._bus.rewinds - self._rewinds)
        self._rewinds = self._bus.rewinds
        steps = {"forward": self._bus.clock_steps.forward, "back": self._bus.clock_steps.back}
        for direction, count in steps.items():
            self._metrics.clock_steps[direction].inc(count - self._clock_steps[direction])
        self._clock_steps = steps

    async def _ask_for_policy(self) -> None:
        try:
            policy = await self._bus.eviction_policy()
        except BusUnavailable as exc:
            if self._may_ask:
                log.info("it is unknown whether Redis removes keys when it is full: %s", exc)
            self._may_ask = False
            return
        self._metrics.evicts.set(policy is not None)
        if policy == self._policy:
            return
        self._policy = policy
        note = (
            policy and f"Redis removes keys when it is full: its maxmemory-policy is {policy}, not noeviction"
        )
        self._liveness.note("bus", note)
        if note:
            log.warning("%s", note)
        else:
            log.info("Redis no longer removes keys when it is full")
