"""How many connections there may be, in all and of one address.

Redis and the admin port need file descriptors too: without a reserve, a crowd of browsers would cut the
gateway off from the bus, and from whoever asks it how it is.
"""

import logging
import resource
import time
from typing import Any

from queuecast_edge.health import Health
from queuecast_gateway.engine import handshake
from queuecast_gateway.limits.address import address_key
from queuecast_gateway.limits.arrivals import Arrivals
from queuecast_gateway.limits.tally import Tally
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
    """Decides about connections.

    By their descriptor, as the kernel gives out the lowest one that is free; and by how many there are, in
    all and of one address.
    """

    def __init__(
        self, descriptors: int, most: int, per_address: Tally, arrivals: Arrivals, metrics: Metrics
    ) -> None:
        self._descriptors = descriptors
        self._most = most
        self._present = 0
        self._per_address = per_address
        self._arrivals = arrivals
        self._metrics = metrics
        self._logged = -LOG_SECONDS
        metrics.connections_limit.set(most)

    def admits(self, descriptor: int) -> bool:
        """Say whether a new connection with this descriptor may stay; count and log it if not."""
        if descriptor < self._descriptors - RESERVE:
            return True
        self._metrics.handshakes_refused.labels("descriptors").inc()
        self._say("%d file descriptors are nearly all in use", self._descriptors)
        return False

    def ready(self) -> Health:
        """Not well while there is no room: new browsers go elsewhere."""
        return Health() if self._present < self._most else Health((f"full: {self._most} connections",))

    # What the engine asks; an address is "" where there is none

    def check(self, address: str) -> None:
        """Raise `Refused` if an address may not have another connection now."""
        if self._present >= self._most:
            self._say("there are %d already, QUEUECAST_MAX_CONNECTIONS", self._most)
            raise handshake.full()
        key = address_key(address)
        if self._per_address.is_full(key):
            self._say(
                "%s has as many as it may; if it is a proxy, QUEUECAST_TRUSTED_PROXIES should have it", key
            )
            raise handshake.too_many_connections()
        if wait := self._arrivals.wait(key, time.monotonic()):
            raise handshake.too_many_connects(wait)

    def enter(self, address: str) -> None:
        """One more is there."""
        self._present += 1
        key = address_key(address)
        self._per_address.enter(key)
        self._arrivals.came(key, time.monotonic())

    def leave(self, address: str) -> None:
        """One less is there."""
        self._present -= 1
        self._per_address.leave(address_key(address))

    def _say(self, why: str, *details: Any) -> None:
        now = time.monotonic()
        if now - self._logged >= LOG_SECONDS:
            self._logged = now
            log.error(f"connections are refused: {why}", *details)  # noqa: G004  # the text is one of ours
