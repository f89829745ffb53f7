"""How many connections there may be, in all and from one address.

Redis and the admin port need file descriptors too: without a reserve, a crowd of browsers would cut the
gateway off from the bus, and from health checks.
"""

import logging
import resource
import time
from typing import Any

from queuecast_edge.health import Health
from queuecast_gateway.engine import refusals
from queuecast_gateway.limits.client_address import address_key
from queuecast_gateway.limits.connection_limiter import ConnectionLimiter
from queuecast_gateway.limits.rate_limiter import RateLimiter
from queuecast_gateway.metrics import Metrics

log = logging.getLogger(__name__)

RESERVE = 32
LOG_SECONDS = 1.0


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files to the hard one, and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    log.info("at most %d files and sockets may be open", hard)
    return hard


class Admission:
    """Decides whether a connection is admitted.

    It limits how many sessions there are, in all (`most`) and from one address, and how many connections
    have none: they carry HTTP (a polling session has up to two), or have yet to close. It also limits how
    many descriptors are in use, which the descriptor of a new connection shows: the kernel assigns the lowest
    free one.
    """

    def __init__(
        self,
        descriptors: int,
        most: int,
        per_address: ConnectionLimiter,
        connect_rate: RateLimiter,
        metrics: Metrics,
    ) -> None:
        self._descriptors = descriptors
        self._most = most
        self._most_without = 2 * most + RESERVE
        self._present = 0
        self._per_address = per_address
        self._connect_rate = connect_rate
        self._metrics = metrics
        self._logged_at = -LOG_SECONDS
        metrics.connections_limit.set(most)

    def admits(self, descriptor: int, others: int) -> bool:
        """Say whether a new connection is admitted; count and log it if not.

        `descriptor` is its own, and `others` is how many connections are no session now.
        """
        if descriptor >= self._descriptors - RESERVE:
            self._metrics.handshakes_refused.labels("descriptors").inc()
            self._log("%d file descriptors are nearly all in use", self._descriptors)
            return False
        if others >= self._most_without:
            self._metrics.handshakes_refused.labels("full").inc()
            self._log("%d others carry HTTP or have yet to close, twice QUEUECAST_MAX_CONNECTIONS", others)
            return False
        return True

    def ready(self) -> Health:
        """Unhealthy while the replica is full: the load balancer sends new browsers elsewhere."""
        return Health() if self._present < self._most else Health((f"full: {self._most} connections",))

    # Called by the engine; an address is "" where there is none

    def check(self, address: str) -> None:
        """Raise `Refused` if an address may not have another connection now."""
        if self._present >= self._most:
            self._log("there are %d already, QUEUECAST_MAX_CONNECTIONS", self._most)
            raise refusals.full()
        key = address_key(address)
        if self._per_address.is_full(key):
            self._log("%s has as many as it may; if it is a proxy, add it to QUEUECAST_TRUSTED_PROXIES", key)
            raise refusals.too_many_connections()
        if wait := self._connect_rate.wait_seconds(key, time.monotonic()):
            raise refusals.too_many_connects(wait)

    def acquire(self, address: str) -> None:
        """Count a connection that has begun."""
        self._present += 1
        key = address_key(address)
        self._per_address.acquire(key)
        self._connect_rate.take(key, time.monotonic())

    def release(self, address: str) -> None:
        """Count a connection that has ended."""
        self._present -= 1
        self._per_address.release(address_key(address))

    def _log(self, why: str, *details: Any) -> None:
        now = time.monotonic()
        if now - self._logged_at >= LOG_SECONDS:
            self._logged_at = now
            log.error(f"connections are refused: {why}", *details)  # noqa: G004  # the text is a constant
