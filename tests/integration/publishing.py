"""Publishing as a poller does it: again and again, until Redis has confirmed, or refuses for a reason."""

import asyncio
import re

from queuecast_bus import BusManager, BusUnavailable

from .follower import record

WITHIN_SECONDS = 60.0
RETRY_SECONDS = 0.05


async def confirmed(manager: BusManager, *numbers: int, has_ids: bool = True) -> None:
    """Publish these one after another; each is tried until it is confirmed."""
    async with asyncio.timeout(WITHIN_SECONDS):
        for number in numbers:
            while True:
                if await _failure(manager, number, has_ids=has_ids) is None:
                    break
                await asyncio.sleep(RETRY_SECONDS)


async def refused(manager: BusManager, why: str) -> str:
    """Try to publish until it fails for this reason, a regular expression; return the whole reason.

    On a busy machine an answer may be too late before that.
    """
    async with asyncio.timeout(WITHIN_SECONDS):
        while True:
            failure = await _failure(manager, 1, has_ids=True)
            assert failure is not None, "it was confirmed"
            if re.search(why, failure):
                return failure
            await asyncio.sleep(RETRY_SECONDS)


async def _failure(manager: BusManager, number: int, *, has_ids: bool) -> str | None:
    try:
        await manager.publish([(record(number), str(number) if has_ids else None)])
    except BusUnavailable as exc:
        return str(exc)
    return None
