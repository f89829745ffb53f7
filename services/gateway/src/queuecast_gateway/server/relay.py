"""Events that a browser sends on to everyone: published on the bus, at a limited rate for each address.

`Handlers` checks first that the browser may send the event, and that its data fits the schema.
"""

import time
from collections.abc import Collection
from typing import Any, Protocol

from queuecast_gateway.delivery.gateway_bus import GatewayBus
from queuecast_gateway.limits.client_address import address_key
from queuecast_gateway.limits.rate_limiter import RateLimited, RateLimiter

BURST_SECONDS = 10.0
"""An address may have the bytes of this many seconds relayed at once."""


class Server(Protocol):
    """The part of a Socket.IO server that relaying needs."""

    manager: GatewayBus
    eio: Any


class Relay:
    """Publishes events of browsers: up to `bytes_per_second` of each address in the long run, 0 for any.

    The `volatile` ones are only for browsers that are connected when they are delivered.
    """

    def __init__(self, server: Server, bytes_per_second: float, volatile: Collection[str] = ()) -> None:
        self._server = server
        self._volatile = frozenset(volatile)
        self._limiter = RateLimiter(bytes_per_second, round(BURST_SECONDS * bytes_per_second))

    def reserve(self, sid: str, namespace: str, size: int) -> None:
        """Count so many bytes of a session's address. Raises `RateLimited` if it has sent too much."""
        eio_sid = self._server.manager.eio_sid_from_sid(sid, namespace)
        session = self._server.eio.sockets.get(eio_sid)
        key = address_key(session.address) if session is not None else ""
        now = time.monotonic()
        if self._limiter.wait_seconds(key, now):
            raise RateLimited("too many bytes from this address: nothing was done, slow down")
        self._limiter.take(key, now, size)

    async def publish(self, sid: str, event: str, arguments: tuple[Any, ...], namespace: str) -> None:
        """Send an event of a session on to everyone in its namespace.

        Raises `RateLimited` if its address has sent too much, `BusUnavailable` and `BadRecord`.
        """
        bus = self._server.manager
        record = bus.record(event, arguments, namespace)._replace(volatile=event in self._volatile)
        self.reserve(sid, namespace, record.size)
        await bus.publish([(record, None)])
