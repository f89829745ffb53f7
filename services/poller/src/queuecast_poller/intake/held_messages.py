"""Messages that are hidden until somebody comes: their receipt handles and places, without their texts.

Leases keep them hidden. When somebody comes, or their time is over, they become visible, are received again,
and are judged with their texts.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from queuecast_bus import BusUnavailable
from queuecast_poller.intake.roll_call import RollCall
from queuecast_poller.metrics import QueueMetrics

log = logging.getLogger(__name__)

CHECK_SECONDS = 2.0
"""How often gateways are asked who is there."""

CHECKED_PLACES = 1_000
"""How many places are asked for in one round, by ten records; the others have their turn in the next ones."""


class Held(NamedTuple):
    """A held message: where its recipients would be, and until when it is held, by the monotonic clock."""

    where: tuple[str, ...]
    until: float


class HeldMessages:
    """The held messages of one queue, by receipt handle; `wake` makes messages visible."""

    def __init__(
        self,
        roll_call: RollCall,
        most: int,
        metrics: QueueMetrics,
        wake: Callable[[Sequence[str]], Awaitable[None]],
    ) -> None:
        self._roll_call = roll_call
        self._most = most
        self._metrics = metrics
        self._wake = wake
        self._held: dict[str, Held] = {}
        self._any = asyncio.Event()

    def hold(self, receipt_handle: str, where: tuple[str, ...], seconds: float) -> bool:
        """Hold a message for so long; return False if too many are held."""
        if len(self._held) >= self._most:
            return False
        self._held[receipt_handle] = Held(where, time.monotonic() + seconds)
        self._changed()
        return True

    async def run(self) -> None:
        """Wake messages when somebody comes or their time is over, for ever."""
        is_failing = False
        while True:
            await self._any.wait()
            await asyncio.sleep(CHECK_SECONDS)
            try:
                await self.check()
                is_failing = False
            except BusUnavailable as exc:
                if not is_failing:
                    log.warning("cannot find out who is there, messages are held on: %s", exc)
                is_failing = True

    async def check(self) -> None:
        """Wake messages now. Raises `BusUnavailable`; those whose time is over are awake then."""
        now = time.monotonic()
        await self._release([handle for handle, held in self._held.items() if held.until <= now], "expired")
        by_place: dict[tuple[str, ...], list[str]] = {}
        places = 0
        for handle, held in list(self._held.items()):
            if held.where not in by_place:
                places += len(held.where)
                if by_place and places > CHECKED_PLACES:
                    break
            by_place.setdefault(held.where, []).append(handle)
        answers = await asyncio.gather(*map(self._roll_call.is_anybody_in, by_place), return_exceptions=True)
        failures = [answer for answer in answers if isinstance(answer, BaseException)]
        for handles, answer in zip(by_place.values(), answers, strict=True):
            if answer is True:
                await self._release(handles, "came")
            for handle in handles:
                if handle in self._held:
                    self._held[handle] = self._held.pop(handle)  # to the end: others have their turn
        if failures:
            raise failures[0]

    async def give_back(self) -> None:
        """Return all of them to the queue."""
        await self._release(list(self._held), "returned")

    async def _release(self, handles: Sequence[str], outcome: str) -> None:
        mine = [handle for handle in handles if self._held.pop(handle, None) is not None]
        self._changed()
        if mine:
            self._metrics.holds[outcome].inc(len(mine))
            await self._wake(mine)

    def _changed(self) -> None:
        self._metrics.held.set(len(self._held))
        if self._held:
            self._any.set()
        else:
            self._any.clear()
