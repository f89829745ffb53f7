"""Are messages on time, where is the delay, how many browsers are there, and is anything full?"""

from deploy.observability.grafana.dashboard import Dashboard, Row
from deploy.observability.grafana.objectives import ANY, Objective, threshold
from deploy.observability.grafana.panel import Heatmap, Panel, Series, Stat
from deploy.observability.grafana.query import (
    BY_POD,
    DESCRIPTORS,
    POD,
    buckets,
    counted,
    gateway,
    mean,
    of,
    poller,
    process,
    quantile,
    rate,
    rates,
)

DELIVERY, CONNECTS = Objective("delivery"), Objective("connects")
USED = f"sum({gateway('connections')}) / sum({gateway('connections_limit')})"
IN_TIME = 'redelivered="false"'
STAGES = (
    ("queue wait", poller, "queue_wait_seconds"),
    ("judge and publish", poller, "handling_seconds"),
    ("bus", gateway, "bus_lag_seconds"),
    ("fan-out", gateway, "fanout_seconds"),
    ("write", gateway, "write_seconds"),
)
"""The stages of a message's path, in order."""


def burn(objective: Objective) -> Panel:
    """Return the panel of how fast an objective's error budget burns."""
    return Series(
        f"Budget burn: {objective.says[0].lower()}{objective.says[1:]}",
        "How many times faster than allowed the error budget burns. "
        "An alert pages when both windows are above the line.",
        "short",
        {
            f"over {window} {{{{namespace}}}}": objective.burn_rate(window)
            for window in objective.burn_windows
        },
        width=12,
        threshold=objective.burn,
    )


IN_SHORT = Row(
    "In short",
    [
        Stat(
            "On time",
            f"{DELIVERY.says}: their share in the time range shown.",
            "percentunit",
            {"on time {{namespace}}": DELIVERY.kept("$__range")},
            threshold=DELIVERY.target,
            maximum=1,
        ),
        Stat(
            "Accepted",
            f"{CONNECTS.says}: their share in the time range shown.",
            "percentunit",
            {"accepted {{namespace}}": CONNECTS.kept("$__range")},
            threshold=CONNECTS.target,
            maximum=1,
        ),
        Stat(
            "Canary",
            "How long ago the newest canary that any gateway has received was put on its queue. No value if "
            "pollers send none (`QUEUECAST_CANARY_SECONDS`).",
            "s",
            {"age": f"min({gateway('canary_age_seconds')})"},
            threshold=threshold("canary_age"),
        ),
        Stat(
            "Browsers",
            "Browser connections, on all gateways.",
            "short",
            {"connections": f"sum({gateway('connections')})"},
        ),
        Stat(
            "Room used",
            "Connections as a share of the limit (`QUEUECAST_MAX_CONNECTIONS`), for all gateways together.",
            "percentunit",
            {"connections per limit": USED},
            threshold=threshold("connections_per_limit"),
            maximum=1,
        ),
        Stat(
            "Left on queues",
            "Messages that could not be delivered and were left for the dead-letter queue, in the time range "
            "shown.",
            "short",
            {"left": counted(poller("left_total"))},
            threshold=ANY,
        ),
    ],
)

ON_TIME = Row(
    "Are messages on time, and where is the delay?",
    [
        Series(
            "From the queue to the browsers",
            "From when SQS could deliver a message to its bytes being written to all sockets of a gateway, "
            "without the time that a rate limit held the message back. Redelivered messages do not count, "
            "because Queuecast does not determine their time on the queue.",
            "s",
            {
                name: quantile(share, gateway("delivery_seconds_bucket", IN_TIME))
                for name, share in (("median", 0.5), ("95 %", 0.95), ("99 %", 0.99))
            },
            width=8,
        ),
        Series(
            "Where the time goes, on average",
            "The stages, stacked. Their averages add up to roughly the average of the whole path; not "
            "exactly, because bus, fan-out and write are measured per read and not per message.",
            "s",
            {name: mean(select, histogram) for name, select, histogram in STAGES},
            width=8,
            stacked=True,
        ),
        Series(
            "The slowest 1 % of each stage",
            "99th percentiles. They do not add up. Look at the stage that stands out.",
            "s",
            {name: quantile(0.99, select(f"{histogram}_bucket")) for name, select, histogram in STAGES},
            width=8,
        ),
    ],
)

FULLNESS = Row(
    "How many, and is anything full?",
    [
        Series(
            "Browsers",
            "Connections by gateway, stacked.",
            "short",
            {POD: f"sum by ({BY_POD}) ({gateway('connections')})"},
            width=8,
            stacked=True,
        ),
        Series(
            "Messages and events",
            "Messages come from queues. Each becomes a record, and an event for every browser in its rooms.",
            "cps",
            {
                "messages received": rates(poller("received_total")),
                "records stored": rates(poller("published_total")),
                "events delivered": rates(gateway("events_delivered_total")),
            },
            width=8,
        ),
        Series(
            "Resource use",
            "For CPU and descriptors, the process with the least left. A process can use one core at most.",
            "percentunit",
            {
                "all gateways: connections": USED,
                **{
                    f"{service}: {what}": f"max({of(service, expression)})"
                    for service in ("gateway", "poller")
                    for what, expression in (
                        ("CPU", rate(process("cpu_seconds_total"))),
                        ("descriptors", DESCRIPTORS),
                    )
                },
            },
            width=8,
            threshold=threshold("connections_per_limit"),
        ),
    ],
)

WRONG = Row(
    "What goes wrong",
    [
        burn(DELIVERY),
        burn(CONNECTS),
        Series(
            "Failures",
            "All zero when all is well. The dashboards linked above break each one down by reason.",
            "cps",
            {
                "messages left on the queue": rates(poller("left_total")),
                "calls to SQS failed": rates(poller("sqs_failures_total")),
                "publishes not confirmed by Redis": rates(poller("publish_failures_total")),
                "records gone before they were read": rates(gateway("bus_gaps_total")),
                "bus readers resumed after a failure": rates(gateway("bus_resumes_total")),
                "browsers too slow": rates(gateway("disconnects_total", 'reason="slow"')),
                "handshakes refused": rates(gateway("handshakes_refused_total")),
                "connections closed for misbehaviour": rates(gateway("events_refused_total")),
            },
            width=12,
        ),
        Heatmap(
            "Every delivery",
            "How many deliveries took how long. It shows what quantiles hide: a second hump, or a few late "
            "ones.",
            "s",
            {"{{le}}": buckets(gateway("delivery_seconds_bucket", IN_TIME))},
            width=12,
        ),
    ],
)

DASHBOARD = Dashboard(
    "overview",
    "Overview",
    "Are messages on time, where is the delay, how many browsers are there, and is anything full?",
    [IN_SHORT, ON_TIME, FULLNESS, WRONG],
)
