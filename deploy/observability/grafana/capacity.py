"""Autoscaling and capacity: how many processes there are, how many are needed, and what a browser costs."""

from deploy.observability.grafana.dashboard import Dashboard, Row
from deploy.observability.grafana.objectives import threshold
from deploy.observability.grafana.panel import Panel, Series, Stat
from deploy.observability.grafana.query import (
    BUILD,
    BY_POD,
    DESCRIPTORS,
    POD,
    builds,
    built,
    gateway,
    mean,
    of,
    poller,
    process,
    quantile,
    rate,
    rates,
)

FULL = threshold("connections_per_limit")
BROWSERS = f"sum({gateway('connections')})"
ROOM = f"sum({gateway('connections_limit')})"
"""For all gateways together."""


def replicas(service: str) -> Panel:
    """Return the panel of a service's replicas and, where there is an autoscaler, of its figures."""
    autoscaler = f'{{namespace=~"$namespace", horizontalpodautoscaler=~"(keda-hpa-)?queuecast-{service}"}}'
    return Series(
        f"Replicas: {service}",
        "Running replicas. With kube-state-metrics, also the number that their autoscaler wants and its "
        "bounds.",
        "short",
        {
            "running": f"count({builds(service)})",
            **{
                name: f"max(kube_horizontalpodautoscaler_{metric}{autoscaler})"
                for metric, name in (
                    ("status_desired_replicas", "wanted"),
                    ("spec_min_replicas", "at least"),
                    ("spec_max_replicas", "at most"),
                )
            },
        },
        width=10,
    )


IN_SHORT = Row(
    "In short",
    [
        Stat(
            "Browsers",
            "Browser connections, on all gateways.",
            "short",
            {"connections": BROWSERS},
        ),
        Stat(
            "Room left",
            "Connections that all gateways together can still accept.",
            "short",
            {"connections": f"{ROOM} - {BROWSERS}"},
        ),
        Stat(
            "Used",
            "Connections as a share of the limit, for all gateways together.",
            "percentunit",
            {"connections per limit": f"{BROWSERS} / {ROOM}"},
            threshold=FULL,
            maximum=1,
        ),
        Stat(
            "If a gateway is lost",
            "The same, after the largest gateway is lost and its browsers have reconnected to the others. "
            "Infinite if there are no others.",
            "percentunit",
            {"connections per limit": f"{BROWSERS} / ({ROOM} - max({gateway('connections_limit')}))"},
            threshold=FULL,
        ),
        Stat(
            "Gateways needed",
            f"How many keep every gateway at or below {FULL.value:.0%} of its limit.",
            "short",
            {"gateways": f"ceil({BROWSERS} / ({FULL.value} * avg({gateway('connections_limit')})))"},
        ),
        Stat(
            "Evenness",
            "Connections of the fullest gateway, divided by the average. 1 means perfectly even.",
            "none",
            {
                "fullest per average": f"max({gateway('connections')})"
                f" / clamp_min(avg({gateway('connections')}), 1)"
            },
        ),
    ],
)

HOW_MANY_THERE_ARE = Row(
    "Replicas and builds",
    [
        replicas("gateway"),
        replicas("poller"),
        Stat(
            "Builds",
            "The builds that run. More than one per service means a rollout, perhaps a stuck one.",
            "short",
            {f"{service} {BUILD}": built(service) for service in ("gateway", "poller")},
            height=8,
            named=True,
        ),
    ],
)

WHAT_AUTOSCALING_GOES_BY = Row(
    "Autoscaling metrics",
    [
        Series(
            "Connections per limit",
            "By gateway. Autoscaling on connections keeps the average at half of the limit.",
            "percentunit",
            {POD: f"sum by ({BY_POD}) ({gateway('connections')} / {gateway('connections_limit')})"},
            width=6,
            threshold=FULL,
        ),
        Series(
            "CPU",
            "Share of one core, by process. The autoscalers in `deploy/k8s` always use it.",
            "percentunit",
            {
                f"{service} {POD}": f"sum by ({BY_POD}) ({of(service, rate(process('cpu_seconds_total')))})"
                for service in ("gateway", "poller")
            },
            width=6,
        ),
        Series(
            "Wait on the queue, on average",
            "KEDA scales pollers by this: one more for each second.",
            "s",
            {"{{queue}}": mean(poller, "queue_wait_seconds", by="queue")},
            width=6,
        ),
        Series(
            "Deletion cost failures",
            "Failed attempts to tell Kubernetes how many connections a pod has, so that a scale-in picks the "
            "emptiest. Always 0 without the component `deletion-cost`.",
            "cps",
            {"failures": rates(gateway("deletion_cost_failures_total"))},
            width=6,
        ),
    ],
)

LEFT = Row(
    "Process resources",
    [
        Series(
            "Event loops",
            "99th percentile of the delay of each service's worst event loop.",
            "s",
            {
                service: f"max({quantile(0.99, select('loop_lag_seconds_bucket'), BY_POD)})"
                for service, select in (("gateway", gateway), ("poller", poller))
            },
            width=12,
            threshold=threshold("loop_lag"),
        ),
        Series(
            "File descriptors",
            "Open descriptors as a share of the limit, for the fullest process of each service.",
            "percentunit",
            {service: f"max({of(service, DESCRIPTORS)})" for service in ("gateway", "poller")},
            width=12,
            threshold=threshold("descriptors_per_limit"),
        ),
    ],
)

WHAT_IT_COSTS = Row(
    "Cost",
    [
        Series(
            "Memory per browser",
            "Resident memory of all gateways per connection, including what idle gateways need.",
            "bytes",
            {"gateway": f"sum({of('gateway', process('resident_memory_bytes'))}) / clamp_min({BROWSERS}, 1)"},
            width=6,
        ),
        Series(
            "CPU per event",
            "CPU time of all gateways per event delivered.",
            "s",
            {
                "gateway": f"sum({of('gateway', rate(process('cpu_seconds_total')))}) / "
                f"{rates(gateway('events_delivered_total'))}"
            },
            width=6,
        ),
        Series(
            "CPU per message",
            "CPU time of all pollers per message received.",
            "s",
            {
                "poller": f"sum({of('poller', rate(process('cpu_seconds_total')))}) / "
                f"{rates(poller('received_total'))}"
            },
            width=6,
        ),
        Series(
            "Bytes of large events",
            "Bytes per second to browsers with compression, of events of `QUEUECAST_COMPRESS_BYTES` or more: "
            "before it, and as sent.",
            "bytes",
            {
                stage: rates(gateway("compression_bytes_total", f'stage="{stage}"'))
                for stage in ("before", "after")
            },
            width=6,
        ),
    ],
)

DASHBOARD = Dashboard(
    "capacity",
    "Autoscaling and capacity",
    "How many processes there are, how many are needed, how evenly they are used, and what a browser costs.",
    [IN_SHORT, HOW_MANY_THERE_ARE, WHAT_AUTOSCALING_GOES_BY, LEFT, WHAT_IT_COSTS],
)
