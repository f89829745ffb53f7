"""A site, a queue and pollers for messages that wait for acknowledgements, and pages that give them."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from tests.claims import eventually

from .page import Page, Ticket, came_back
from .poller import POLLER, settings
from .services import Queue, Service
from .site import Site

ACKS = "queuecast_poller_acks_total"
COUNTED = "queuecast_gateway_acks_total"
LEFT = "queuecast_poller_left_total"


class Work:
    """A queue, and pollers of it on a site's bus; messages come back after `visibility_seconds`."""

    def __init__(
        self,
        site: Site,
        port: int,
        start: Callable[..., Service],
        *,
        visibility_seconds: int = 300,
        max_receives: int = 50,
    ) -> None:
        name = f"work-{uuid.uuid4().hex[:12]}"
        self.queue = Queue(port, name, visibility_seconds=visibility_seconds, max_receives=max_receives)
        self._site = site
        self._start = start

    def poller(self, **more: Any) -> Service:
        """Start a poller, and wait until it is ready. Browsers have what the visibility timeout allows."""
        environment = {f"QUEUECAST_{name.upper()}": f"{value}" for name, value in more.items()}
        common = {"QUEUECAST_CHANNEL": self._site.channel, "QUEUECAST_ACK_SECONDS": "300"}
        poller = self._start(POLLER, settings(self._site.redis, self.queue, **{**common, **environment}))
        eventually(poller.ready)
        return poller

    def send(self, *bodies: Any, ack: str = "any", rooms: str = "a") -> list[str]:
        """Send the event `order` with these data; return the messages' ids."""
        return self.queue.send(*map(json.dumps, bodies), event="order", rooms=rooms, ack=ack)

    def is_done(self) -> bool:
        return self.queue.depth() == 0


def came(event: list[Any]) -> tuple[Any, bool]:
    """Return the data of an event, and whether it is said to be redelivered."""
    name, data, meta = event
    assert name == "order"
    assert meta.keys() == {"id", "ack", "redelivered"}
    redelivered: bool = meta["redelivered"]
    return data, redelivered


async def in_room(port: int, back: Ticket | None = None, **options: Any) -> Page:
    """Open a page in the room `a`, or let it come back."""
    opened = await Page.open(port, **options) if back is None else await came_back(port, back)
    if back is None:
        assert (await opened.ask("subscribe", "a"))["ok"]
    return opened


@asynccontextmanager
async def acknowledging(page: Page) -> AsyncIterator[list[tuple[Any, bool]]]:
    """Acknowledge every event of a page as it comes; yield what has come."""
    events: list[tuple[Any, bool]] = []

    async def go_on() -> None:
        while True:
            events.append(came(await page.event()))
            while page.wanted:  # those of events that were read before, too
                await page.acknowledge()

    async with _meanwhile(go_on()):
        yield events


@asynccontextmanager
async def somebody(port: int) -> AsyncIterator[list[tuple[Any, bool]]]:
    """Keep a page open that acknowledges every event, again after a close; yield what has come."""
    events: list[tuple[Any, bool]] = []

    async def go_on() -> None:
        while True:
            try:
                opened = await in_room(port)
            except (OSError, AssertionError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.05)
                continue
            try:
                while True:
                    events.append(came(await opened.event()))
                    await opened.acknowledge()
            except (OSError, AssertionError, asyncio.IncompleteReadError):
                continue
            finally:
                await opened.leave()

    async with _meanwhile(go_on()):
        yield events


@asynccontextmanager
async def _meanwhile(doing: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(doing)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
