"""The bus: what is stored on it, who reads it how soon, and what goes missing."""

from deploy.observability.grafana.dashboard import Dashboard, Row
from deploy.observability.grafana.objectives import ANY, threshold
from deploy.observability.grafana.panel import Heatmap, Series, Stat
from deploy.observability.grafana.query import BY_POD, POD, buckets, counted, gateway, poller, quantile, rates

IN_SHORT = Row(
    "In short",
    [
        Stat(
            "Heard",
            "How long ago a record of its own last came back to the gateway that is most behind. It "
            "proves the bus when nothing else is on it.",
            "s",
            {"since": f"max(time() - {gateway('bus_heard_timestamp_seconds')})"},
            width=6,
            threshold=threshold("bus_silence"),
        ),
        Stat(
            "Lost and found",
            "Times that reading went on after a failure, of the gateway with most of them.",
            "short",
            {"within 1 h": f"max(increase({gateway('bus_resumes_total')}[1h]))"},
            width=6,
            threshold=threshold("bus_resumes"),
        ),
        Stat(
            "Gaps",
            "Times that records were gone before they were read, in the time range shown.",
            "short",
            {"gaps": counted(gateway("bus_gaps_total"))},
            width=6,
            threshold=ANY,
        ),
        Stat(
            "Not confirmed",
            "Tries to publish that Redis did not confirm, in the time range shown.",
            "short",
            {"not confirmed": counted(poller("publish_failures_total"))},
            width=6,
            threshold=ANY,
        ),
    ],
)

HOW_SOON = Row(
    "How soon",
    [
        Series(
            "Stored",
            "How long Redis takes to store a batch of the poller's.",
            "s",
            {
                name: quantile(share, poller("publish_seconds_bucket"))
                for name, share in (("median", 0.5), ("99 %", 0.99))
            },
            width=8,
        ),
        Series(
            "Read",
            "99th percentile from stored to read, by gateway. Clocks that are apart show here.",
            "s",
            {POD: quantile(0.99, gateway("bus_lag_seconds_bucket"), BY_POD)},
            width=8,
        ),
        Heatmap(
            "Every read",
            "How long the oldest record of a read had been stored.",
            "s",
            {"{{le}}": buckets(gateway("bus_lag_seconds_bucket"))},
            width=8,
        ),
        Series(
            "Behind",
            "For how long something was stored that a gateway has not read yet, by its own clock. Beyond "
            "`QUEUECAST_MAX_LAG_SECONDS` (3) pollers are asked to wait.",
            "s",
            {POD: f"max by ({BY_POD}) ({gateway('behind_seconds')})"},
            width=24,
        ),
    ],
)

HOW_MUCH = Row(
    "How much",
    [
        Series(
            "Stored and read",
            "Every gateway reads every record: what pollers stored, what browsers sent on, and the gateways' "
            "own proofs of the bus.",
            "cps",
            {
                "stored by pollers": rates(poller("published_total")),
                "stored for browsers": rates(gateway("relays_total", 'outcome="published"')),
                f"read by {POD}": rates(gateway("records_read_total"), BY_POD),
            },
            width=8,
        ),
        Series(
            "What is read",
            "`nobody_here`: no browser of this gateway may see it. `malformed` and `unknown_namespace` are "
            "somebody else's records, or a namespace that is not in `QUEUECAST_NAMESPACES`.",
            "cps",
            {"{{outcome}}": rates(gateway("records_read_total"), "outcome")},
            width=8,
        ),
        Series(
            "Left out",
            "Events that no browser was given, live or when it came back, because some client could not take "
            "them: it would be cut off. The log names the record.",
            "cps",
            {"{{reason}}": rates(gateway("records_skipped_total"), "reason")},
            width=8,
        ),
    ],
)

WHAT_GOES_WRONG = Row(
    "What goes wrong",
    [
        Series(
            "Duplicates",
            "Messages that the bus had stored before: SQS handed them out again. No browser sees it.",
            "cps",
            {"duplicates": rates(poller("duplicates_total"))},
            width=6,
        ),
        Series(
            "Not confirmed",
            "Tries to store that Redis did not confirm: it is away, or full.",
            "cps",
            {
                "by pollers": rates(poller("publish_failures_total")),
                "for browsers": rates(gateway("relays_total", 'outcome="failed"')),
            },
            width=6,
        ),
        Series(
            "Lost and found",
            "Times that a gateway went on reading after a failure.",
            "cps",
            {POD: rates(gateway("bus_resumes_total"), BY_POD)},
            width=6,
        ),
        Series(
            "Gaps",
            "`trimmed`: the gateway was too far behind. `rewound`: Redis came back without its data.",
            "cps",
            {"{{reason}}": rates(gateway("bus_gaps_total"), "reason")},
            width=6,
        ),
    ],
)

DASHBOARD = Dashboard(
    "bus",
    "Bus",
    "What is stored on the Redis stream, who reads it how soon, and whether anything goes missing.",
    [IN_SHORT, HOW_SOON, HOW_MUCH, WHAT_GOES_WRONG],
)
