"""What no client is given, because some client could not take it: counted by its flaw, and logged.

It would cut off all who may see it, and recovery would do so again; see `queuecast_bus.bounds`.
"""

import logging

from queuecast_bus import BadRecord
from queuecast_bus.errors import FLAWS
from queuecast_gateway.limits.lines import Lines
from queuecast_gateway.metrics import Metrics

log = logging.getLogger(__name__)


class Skipped:
    """Events that are left out of a delivery or of a replay."""

    def __init__(self, metrics: Metrics) -> None:
        self._counts = {flaw: metrics.records_skipped.labels(flaw) for flaw in FLAWS}
        self._lines = Lines()

    def skip(self, what: str, exc: BadRecord) -> None:
        """Count one event, and say which it was and why, unless much is said already."""
        self._counts[exc.flaw].inc()
        if self._lines.has_room():
            log.error("%s was skipped (%s): %s", what, exc.flaw, exc)
