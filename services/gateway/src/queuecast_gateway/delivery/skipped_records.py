"""Events that no client is sent, because some client could not take them: counted by their flaw, and logged.

It would disconnect every client that may see it, and do so again at recovery; see `queuecast_bus.bounds`.
"""

import logging

from queuecast_bus import BadRecord
from queuecast_bus.errors import FLAWS
from queuecast_gateway.limits.log_limiter import LogLimiter
from queuecast_gateway.metrics import Metrics

log = logging.getLogger(__name__)


class SkippedRecords:
    """Counts and logs the events that are left out of a delivery or of a replay."""

    def __init__(self, metrics: Metrics) -> None:
        self._counts = {flaw: metrics.records_skipped.labels(flaw) for flaw in FLAWS}
        self._log_limiter = LogLimiter()

    def skip(self, what: str, exc: BadRecord) -> None:
        """Count one event; log which it was and why, at a limited rate."""
        self._counts[exc.flaw].inc()
        if self._log_limiter.allows():
            log.error("%s was skipped (%s): %s", what, exc.flaw, exc)
