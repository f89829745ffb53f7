"""The row about the resources of a service's processes, the same for both services."""

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
        "Process resources",
        [
            Series(
                "Event loop",
                "99th percentile of the loop's delay. A delay here delays everyone.",
                "s",
                {POD: quantile(0.99, LOOPS[service]("loop_lag_seconds_bucket"), BY_POD)},
                width=6,
                threshold=threshold("loop_lag"),
            ),
            Series(
                "CPU",
                "Share of one core. An event loop cannot use more than one.",
                "percentunit",
                of_each(rate(process("cpu_seconds_total"))),
                width=6,
            ),
            Series(
                "Memory",
                "Resident memory, which the container's limit counts.",
                "bytes",
                of_each(process("resident_memory_bytes")),
                width=6,
            ),
            Series(
                "File descriptors",
                "Open descriptors, as a share of the limit. Each browser connection takes one.",
                "percentunit",
                of_each(DESCRIPTORS),
                width=6,
                threshold=threshold("descriptors_per_limit"),
            ),
        ],
    )
