"""Measures the lag of an event loop: everything that waits for its turn waits as long."""

import asyncio
from collections.abc import Callable

PERIOD_SECONDS = 0.5


async def watch_lag(observe: Callable[[float], object]) -> None:
    """Sleep twice a second, for ever, and report how many seconds later than due each wake-up was."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + PERIOD_SECONDS
        await asyncio.sleep(PERIOD_SECONDS)
        observe(max(0.0, loop.time() - due))
