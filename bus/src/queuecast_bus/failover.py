"""Listens to the sentinels: once they name another primary, all connections to the old one are left.

The old primary may work for ten seconds more, and lose what it is given meanwhile.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from redis.asyncio import Redis

from queuecast_bus.clients import Clients
from queuecast_bus.connection import connects_to_sentinels
from queuecast_bus.sentinels import parse_sentinels
from queuecast_bus.subscription import Subscription
from queuecast_bus.urls import split_url

SWITCH = "+switch-master"
"""https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/#pubsub-messages"""


class Failovers:
    """What the sentinels of `clients` say about their primary."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._primary: tuple[str, ...] = ()

    async def follow(self) -> None:
        """Listen to all sentinels, for ever. Return at once if there are none."""
        async with asyncio.TaskGroup() as tasks:
            for connect in connects_to_sentinels(self._clients.url):
                tasks.create_task(self._listen(_One(connect)))

    async def _listen(self, sentinel: "_One") -> None:
        subscription = Subscription(sentinel, "what a sentinel says", [SWITCH])
        async with aclosing(subscription.messages()) as messages:
            async for _, message in messages:
                self._heard(message.decode())

    def _heard(self, message: str) -> None:
        """Leave the old primary once, however many sentinels say so."""
        _, service, _ = parse_sentinels(split_url(self._clients.url))
        name, *addresses = message.split()
        if name == service and self._primary != (primary := tuple(addresses[2:])):
            self._primary = primary
            self._clients.leave(f"the sentinels name another primary, {':'.join(primary)}")


class _One:
    """Makes clients for one sentinel."""

    def __init__(self, connect: Callable[[], Redis]) -> None:
        self.connect = connect
