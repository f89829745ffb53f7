"""What is said of requests that the engine refuses: a metric for each, and a line in the log for some."""

import logging

from queuecast_gateway.access.origins import Origins
from queuecast_gateway.engine.refusals import Refused
from queuecast_gateway.limits.log_limiter import LogLimiter
from queuecast_gateway.metrics import Metrics

log = logging.getLogger(__name__)

MAX_ORIGINS = 100
"""Origins that are logged. Whoever makes up others fills no log."""


class RefusedRequests:
    """Counts refused requests. `origins` are those whose pages may connect, None for all."""

    def __init__(self, metrics: Metrics, origins: Origins | None) -> None:
        self._metrics = metrics
        self._origins = origins
        self._logged: set[str] = set()
        self._log_limiter = LogLimiter()

    def add(self, refused: Refused, address: str) -> None:
        """Count a request from a client's address. The first of each origin is logged with advice."""
        self._metrics.handshakes_refused.labels(refused.reason).inc()
        if refused.origin and self._origins is not None:
            self._advise(refused.origin, self._origins)
        elif self._log_limiter.allows():
            log.info(
                "a request of %s is turned away: %s (%s)", address or "somebody", refused, refused.reason
            )

    def _advise(self, origin: str, origins: Origins) -> None:
        if origin not in self._logged and len(self._logged) < MAX_ORIGINS:
            self._logged.add(origin)
            log.warning("a page may not connect: %s", origins.advice(origin))
