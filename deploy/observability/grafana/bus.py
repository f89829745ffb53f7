"""The bus: what is stored on it, how soon gateways read it, and what goes missing."""

from deploy.observability.grafana.dashboard import Dashboard, Row
from deploy.observability.grafana.objectives import ANY, threshold
from deploy.observability.grafana.panel import Heatmap, Series, Stat
from deploy.observability.grafana.query import BY_POD, POD, buckets, counted, gateway, poller, quantile, rates

IN_SHORT = Row(
    "In short",
    [
        Stat(
            "Bus last heard",
            "How long ago a gateway's own probe last came back, for the gateway that has waited longest. The "
            "probe proves the bus when nothing else is on it.",
            "s",
            {"since": f"max(time() - {gateway('bus_heard_timestamp_seconds')})"},
            width=6,
            threshold=threshold("bus_silence"),
        ),
        Stat(
            "Resumed after a failure",
            "How often a gateway resumed reading after a failure, for the gateway with the most.",
            "short",
            {"within 1 h": f"max(changes({gateway('bus_resumes_total')}[1h]))"},
            width=6,
            threshold=threshold("bus_resumes"),
        ),
        Stat(
            "Gaps",
            "How often records were gone before gateways had read them, in the time range shown.",
            "short",
            {"gaps": counted(gateway("bus_gaps_total"))},
            width=6,
            threshold=ANY,
        ),
        Stat(
            "Not confirmed",
            "Publish attempts that Redis did not confirm, in the time range shown.",
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
            "How long Redis takes to store a batch from the poller.",
            "s",
            {
                name: quantile(share, poller("publish_seconds_bucket"))
                for name, share in (("median", 0.5), ("99 %", 0.99))
            },
            width=8,
        ),
        Series(
            "Read",
            "99th percentile from stored to read, by gateway. Clock differences show up here.",
            "s",
            {POD: quantile(0.99, gateway("bus_lag_seconds_bucket"), BY_POD)},
            width=8,
        ),
        Heatmap(
            "Every read",
            "How long the oldest record of each read had been stored.",
            "s",
            {"{{le}}": buckets(gateway("bus_lag_seconds_bucket"))},
            width=8,
        ),
        Series(
            "Behind",
            "How long the oldest record that a gateway has not read yet has been stored, by the gateway's "
            "own clock. Beyond `QUEUECAST_MAX_LAG_SECONDS` (3), gateways ask pollers to wait.",
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
            "Every gateway reads every record: those from pollers, those relayed for browsers, and the "
            "gateways' own probes.",
            "cps",
            {
                "stored by pollers": rates(poller("published_total")),
                "stored for browsers": rates(gateway("relays_total", 'outcome="published"')),
                f"read by {POD}": rates(gateway("records_read_total"), BY_POD),
            },
            width=6,
        ),
        Series(
            "Records read, by outcome",
            "`nobody_here`: no browser on this gateway may see the record. `malformed` and "
            "`unknown_namespace`: somebody else wrote it, or its namespace is not in `QUEUECAST_NAMESPACES`.",
            "cps",
            {"{{outcome}}": rates(gateway("records_read_total"), "outcome")},
            width=6,
        ),
        Series(
            "Skipped",
            "Events that no browser received, live or in a replay, because some clients could not parse them "
            "and would lose their connection. The log names the record.",
            "cps",
            {"{{reason}}": rates(gateway("records_skipped_total"), "reason")},
            width=6,
        ),
        Series(
            "Messages of emitters, by outcome",
            "What back ends published on Redis's channels without a queue (`QUEUECAST_EMITTERS`). Every "
            "gateway hears each message and counts it. `pickled`: python-socketio before 5.14 sent it, and "
            "nobody reads it.",
            "cps",
            {"{{outcome}}": rates(gateway("emitter_messages_total"), "outcome")},
            width=6,
        ),
    ],
)

WHAT_GOES_WRONG = Row(
    "What goes wrong",
    [
        Series(
            "Duplicates",
            "Messages that the bus had already stored when SQS delivered them again. No browser notices.",
            "cps",
            {"duplicates": rates(poller("duplicates_total"))},
            width=6,
        ),
        Series(
            "Not confirmed",
            "Publish attempts that Redis did not confirm, because it is down or full.",
            "cps",
            {
                "by pollers": rates(poller("publish_failures_total")),
                "for browsers": rates(gateway("relays_total", 'outcome="failed"')),
            },
            width=6,
        ),
        Series(
            "Resumed after a failure",
            "How often a gateway resumed reading after a failure.",
            "cps",
            {POD: rates(gateway("bus_resumes_total"), BY_POD)},
            width=6,
        ),
        Series(
            "Gaps",
            "`trimmed`: the gateway was too far behind. `rewound`: Redis lost data. `noticed by pollers`: it "
            "lost messages that it had confirmed, and the pollers told the gateways.",
            "cps",
            {
                "{{reason}}": rates(gateway("bus_gaps_total"), "reason"),
                "noticed by pollers": rates(poller("rewinds_total")),
            },
            width=6,
        ),
        Series(
            "Clocks",
            "How far each host's clock is ahead of Redis's; negative if it is behind. From a second on, ages "
            "are counted by Redis's clock.",
            "s",
            {
                POD: f"max by ({BY_POD}) ({gateway('clock_skew_seconds')})",
                f"poller {POD}": f"max by ({BY_POD}) ({poller('clock_skew_seconds')})",
            },
            width=6,
            threshold=threshold("clock_skew"),
        ),
        Series(
            "Redis removes keys",
            "1 while Redis removes keys when it is full, records too: its `maxmemory-policy` must be "
            "`noeviction`.",
            "short",
            {"removes keys": f"max({poller('redis_evicts')})"},
            width=6,
        ),
        Series(
            "Steps of Redis's clock",
            "How often Redis's clock was put forward or back: ids and sessions expire by it.",
            "cps",
            {"{{direction}}": rates(poller("redis_clock_steps_total"), "direction")},
            width=6,
        ),
        Series(
            "Replicas avoided",
            "Gateways that read at the primary because replicas fail or lag behind "
            "(`QUEUECAST_REDIS_READ_URL`).",
            "short",
            {"gateways": f"sum({gateway('bus_avoids_replicas')})"},
            width=6,
        ),
    ],
)

DASHBOARD = Dashboard(
    "bus",
    "Bus",
    "What is stored on the Redis stream, how soon gateways read it, and whether anything goes missing.",
    [IN_SHORT, HOW_SOON, HOW_MUCH, WHAT_GOES_WRONG],
)
