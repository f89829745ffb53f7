"""How late a loop is: all that waits for its turn there waits as long."""

import asyncio
from collections.abc import Callable

PERIOD_SECONDS = 0.5


async def watch_lag(observe: Callable[[float], object]) -> None:
    """Ask to be woken twice a second, and report each time how much later that was (seconds), for ever."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + PERIOD_SECONDS
        await asyncio.sleep(PERIOD_SECONDS)
        observe(max(0.0, loop.time() - due))
