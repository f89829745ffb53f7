"""The row of what a service's processes have left, the same for both."""

from collections.abc import Mapping

from deploy.observability.grafana.dashboard import Row
from deploy.observability.grafana.objectives import threshold
from deploy.observability.grafana.panel import Series
from deploy.observability.grafana.query import (
    BY_POD,
    DESCRIPTORS,
    POD,
    gateway,
    of,
    poller,
    process,
    quantile,
    rate,
)

LOOPS = {"gateway": gateway, "poller": poller}


def processes(service: str) -> Row:
    """Return the row of one service."""

    def of_each(expression: str) -> Mapping[str, str]:
        return {POD: f"sum by ({BY_POD}) ({of(service, expression)})"}

    return Row(
        "What the processes have left",
        [
            Series(
                "Event loop",
                "99th percentile of how late the loop was. What is late here is late for everyone.",
                "s",
                {POD: quantile(0.99, LOOPS[service]("loop_lag_seconds_bucket"), BY_POD)},
                width=6,
                threshold=threshold("loop_lag"),
            ),
            Series(
                "CPU",
                "Of one, which is all that an event loop can use.",
                "percentunit",
                of_each(rate(process("cpu_seconds_total"))),
                width=6,
            ),
            Series(
                "Memory",
                "Resident, as the limit of the container counts it.",
                "bytes",
                of_each(process("resident_memory_bytes")),
                width=6,
            ),
            Series(
                "File descriptors",
                "Open ones per limit; a connection of a browser is one.",
                "percentunit",
                of_each(DESCRIPTORS),
                width=6,
                threshold=threshold("descriptors_per_limit"),
            ),
        ],
    )
