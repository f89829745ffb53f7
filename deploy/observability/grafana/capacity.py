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
"""Of all gateways together."""


def replicas(service: str) -> Panel:
    """Return the panel of how many replicas there are, and what their autoscaler says where there is one."""
    autoscaler = f'{{namespace=~"$namespace", horizontalpodautoscaler=~"(keda-hpa-)?queuecast-{service}"}}'
    return Series(
        f"Replicas: {service}",
        "Running ones. Where kube-state-metrics is, what their autoscaler wants and its bounds too.",
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
            "Connections of browsers, on all gateways.",
            "short",
            {"connections": BROWSERS},
        ),
        Stat(
            "Room left",
            "Connections that all gateways together still take.",
            "short",
            {"connections": f"{ROOM} - {BROWSERS}"},
        ),
        Stat(
            "Used",
            "Connections per limit, of all gateways together.",
            "percentunit",
            {"connections per limit": f"{BROWSERS} / {ROOM}"},
            threshold=FULL,
            maximum=1,
        ),
        Stat(
            "If a gateway is lost",
            "The same, when the largest gateway is gone and its browsers have come back to the others. It is "
            "infinite where there are no others.",
            "percentunit",
            {"connections per limit": f"{BROWSERS} / ({ROOM} - max({gateway('connections_limit')}))"},
            threshold=FULL,
        ),
        Stat(
            "Gateways needed",
            f"So that none is over {FULL.value:.0%} of its limit.",
            "short",
            {"gateways": f"ceil({BROWSERS} / ({FULL.value} * avg({gateway('connections_limit')})))"},
        ),
        Stat(
            "Evenness",
            "Connections of the fullest gateway per average: 1 is even.",
            "none",
            {
                "fullest per average": f"max({gateway('connections')})"
                f" / clamp_min(avg({gateway('connections')}), 1)"
            },
        ),
    ],
)

HOW_MANY_THERE_ARE = Row(
    "How many there are",
    [
        replicas("gateway"),
        replicas("poller"),
        Stat(
            "Builds",
            "What the processes were built from. More than one of each is a rollout, or one that is stuck.",
            "short",
            {f"{service} {BUILD}": built(service) for service in ("gateway", "poller")},
            height=8,
            named=True,
        ),
    ],
)

WHAT_AUTOSCALING_GOES_BY = Row(
    "What autoscaling goes by",
    [
        Series(
            "Connections per limit",
            "By gateway. Autoscaling by connections keeps the average at half of the limit.",
            "percentunit",
            {POD: f"sum by ({BY_POD}) ({gateway('connections')} / {gateway('connections_limit')})"},
            width=6,
            threshold=FULL,
        ),
        Series(
            "CPU",
            "Of one, by process. The autoscalers of `deploy/k8s` go by it in any case.",
            "percentunit",
            {
                f"{service} {POD}": f"sum by ({BY_POD}) ({of(service, rate(process('cpu_seconds_total')))})"
                for service in ("gateway", "poller")
            },
            width=6,
        ),
        Series(
            "Wait on the queue, on average",
            "What KEDA scales pollers by: one more for each second.",
            "s",
            {"{{queue}}": mean(poller, "queue_wait_seconds", by="queue")},
            width=6,
        ),
        Series(
            "Deletion cost not told",
            "Times that Kubernetes could not be told how many connections a pod has, by which a scale-in "
            "finds the emptiest. Always 0 where it is not told.",
            "cps",
            {"failures": rates(gateway("deletion_cost_failures_total"))},
            width=6,
        ),
    ],
)

LEFT = Row(
    "What the processes have left",
    [
        Series(
            "Event loops",
            "99th percentile of how late the latest loop of each service was.",
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
            "Open ones per limit, of the process of each service that has most.",
            "percentunit",
            {service: f"max({of(service, DESCRIPTORS)})" for service in ("gateway", "poller")},
            width=12,
            threshold=threshold("descriptors_per_limit"),
        ),
    ],
)

WHAT_IT_COSTS = Row(
    "What it costs",
    [
        Series(
            "Memory for a browser",
            "Resident memory of all gateways per connection. What they take without any is in it.",
            "bytes",
            {"gateway": f"sum({of('gateway', process('resident_memory_bytes'))}) / clamp_min({BROWSERS}, 1)"},
            width=8,
        ),
        Series(
            "CPU for an event",
            "CPU time of all gateways per event delivered.",
            "s",
            {
                "gateway": f"sum({of('gateway', rate(process('cpu_seconds_total')))}) / "
                f"{rates(gateway('events_delivered_total'))}"
            },
            width=8,
        ),
        Series(
            "CPU for a message",
            "CPU time of all pollers per message received.",
            "s",
            {
                "poller": f"sum({of('poller', rate(process('cpu_seconds_total')))}) / "
                f"{rates(poller('received_total'))}"
            },
            width=8,
        ),
    ],
)

DASHBOARD = Dashboard(
    "capacity",
    "Autoscaling and capacity",
    "How many processes there are, how many are needed, how evenly they are used, and what a browser costs.",
    [IN_SHORT, HOW_MANY_THERE_ARE, WHAT_AUTOSCALING_GOES_BY, LEFT, WHAT_IT_COSTS],
)
