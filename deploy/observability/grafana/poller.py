"""The pollers and their queues: how long messages wait, what becomes of each, and what SQS says."""

from deploy.observability.grafana.dashboard import Dashboard, Row
from deploy.observability.grafana.objectives import ANY, threshold
from deploy.observability.grafana.panel import Heatmap, Series, Stat
from deploy.observability.grafana.processes import processes
from deploy.observability.grafana.query import (
    BUILD,
    buckets,
    built,
    counted,
    per,
    poller,
    pollers,
    quantile,
    rates,
)

OUTCOMES = ("published", "duplicates", "left", "dropped", "returned")
"""What becomes of a message that was received: one of these, or it is in flight."""

IN_SHORT = Row(
    "In short",
    [
        Stat(
            "Pollers",
            "Replicas that Prometheus reads, by what they were built from.",
            "short",
            {BUILD: built("poller")},
            named=True,
        ),
        Stat(
            "Received",
            "Messages in the time range shown, redelivered ones included.",
            "short",
            {"received": counted(poller("received_total"))},
        ),
        Stat(
            "In flight",
            "Messages received and not yet published, left, dropped or returned. They are held while "
            "Redis is away.",
            "short",
            {"in flight": f"sum({poller('in_flight')})"},
        ),
        Stat(
            "Dead letters",
            "Messages left at their last receive, in the time range shown: in the dead-letter queue.",
            "short",
            {"dead letters": counted(poller("dead_letters_total"))},
            threshold=ANY,
        ),
        Stat(
            "Unaccounted for",
            "Received, less published, duplicates, left, dropped, returned and in flight. Always 0: a "
            "message that is none of these would be lost.",
            "short",
            {
                "unaccounted for": " - ".join(
                    f"sum({poller(metric)})"
                    for metric in (
                        "received_total",
                        *(f"{name}_total" for name in OUTCOMES),
                        "in_flight",
                    )
                )
            },
            threshold=ANY,
        ),
        Stat(
            "Intake",
            "How long ago the intake of a queue last made a step. A long poll takes up to "
            "`QUEUECAST_WAIT_SECONDS`; `/livez` fails when it is stuck.",
            "s",
            {"since its last step": f"max(time() - {poller('loop_tick_timestamp_seconds')})"},
        ),
    ],
)

HOW_LONG_MESSAGES_WAIT = Row(
    "How long messages wait",
    [
        Series(
            "Wait on the queue",
            "99th percentile from SQS accepting a message to its receipt. First deliveries only.",
            "s",
            {"{{queue}}": quantile(0.99, poller("queue_wait_seconds_bucket"), "queue")},
            width=8,
            threshold=threshold("queue_wait"),
        ),
        Series(
            "Judge and publish",
            "From received to stored on the bus, a batch at a time, and Redis's part of it.",
            "s",
            {
                f"{name}, {words}": quantile(share, poller(f"{stage}_seconds_bucket"))
                for stage, name in (("handling", "all of it"), ("publish", "Redis"))
                for words, share in (("median", 0.5), ("99 %", 0.99))
            },
            width=8,
        ),
        Heatmap(
            "Every wait",
            "How many messages waited how long on their queue.",
            "s",
            {"{{le}}": buckets(poller("queue_wait_seconds_bucket"))},
            width=8,
        ),
    ],
)

WHAT_BECOMES_OF_THEM = Row(
    "What becomes of them",
    [
        Series(
            "Received",
            "Messages that SQS handed out, by queue.",
            "cps",
            {"{{queue}}": rates(poller("received_total"), "queue")},
            width=8,
        ),
        Series(
            "What became of them",
            "On top of each other they are what was received, but for what is in flight.",
            "cps",
            {outcome: rates(poller(f"{outcome}_total")) for outcome in OUTCOMES},
            width=8,
            stacked=True,
        ),
        Series(
            "In flight",
            "Messages received and not yet published, left, dropped or returned, by queue.",
            "short",
            {"{{queue}}": f"sum by (queue) ({poller('in_flight')})"},
            width=8,
        ),
        Series(
            "Left",
            "Receives of messages that could not be published, by reason; and those that were their last.",
            "cps",
            {
                "{{reason}}": rates(poller("left_total"), "reason"),
                "dead letters": rates(poller("dead_letters_total")),
            },
            width=8,
        ),
        Series(
            "Redelivered",
            "Share of the received messages that had been handed out before: a poller was killed, a message "
            "was left, or its delete failed.",
            "percentunit",
            {"{{queue}}": per(poller("redelivered_total"), poller("received_total"), "queue")},
            width=8,
            threshold=threshold("redelivered_per_received"),
        ),
        Series(
            "Deleted",
            "Messages deleted from their queue, given up undeleted, and kept hidden as they were held.",
            "cps",
            {
                "deleted": rates(poller("deleted_total")),
                "given up undeleted": rates(poller("delete_failures_total")),
                "kept hidden": rates(poller("extended_total")),
            },
            width=8,
        ),
        Series(
            "Dropped",
            "Messages that were deleted and shown to nobody, by reason.",
            "cps",
            {"{{reason}}": rates(poller("dropped_total"), "reason")},
            width=6,
        ),
        Series(
            "Waited for newer ones",
            "Times that messages of a route with `latest` waited for newer ones while a backlog was drained, "
            "by what ended it; and the keys of which the newest is known, 10,000 at most.",
            "short",
            {
                "{{cause}}": rates(poller("drains_total"), "cause"),
                "keys, {{queue}}": f"sum by (queue) ({poller('latest_keys')})",
            },
            width=6,
        ),
        Series(
            "Routes file",
            "Pollers whose routes file is wrong, so that an older one is in force. `/readyz` and the log say "
            "what is wrong.",
            "short",
            {"wrong": f"sum({pollers('routes_wrong')})"},
            width=4,
        ),
        Series(
            "Routes in force",
            "When the routes in force were read first and last, as Unix time; 0 is a poller without a file.",
            "short",
            {
                "oldest": f"min({pollers('routes_loaded_timestamp_seconds')})",
                "newest": f"max({pollers('routes_loaded_timestamp_seconds')})",
            },
            width=4,
        ),
        Series(
            "Routes files read",
            "At the start, at a change and on SIGHUP, by outcome.",
            "cps",
            {"{{outcome}}": rates(pollers("routes_loads_total"), "outcome")},
            width=4,
        ),
    ],
)

WHAT_SQS_SAYS = Row(
    "What SQS says",
    [
        Series(
            "Receives",
            "Calls by outcome. Empty ones are long polls in which nothing came.",
            "reqps",
            {"{{outcome}}": rates(poller("receives_total"), "outcome")},
            width=8,
        ),
        Series(
            "Messages in a receive",
            "Of those that brought any. SQS hands out 10 at most: near that, more wait.",
            "short",
            {
                "{{queue}}": per(
                    poller("received_total"), poller("receives_total", 'outcome="messages"'), "queue"
                )
            },
            width=8,
            maximum=10,
        ),
        Series(
            "Open receives",
            "Under way or about to be. A busy queue gets up to `QUEUECAST_MAX_RECEIVES`, in each poller.",
            "short",
            {"{{queue}}": f"sum by (queue) ({poller('open_receives')})"},
            width=8,
        ),
        Series(
            "Receives that failed",
            "Their share.",
            "percentunit",
            {
                "{{queue}}": per(
                    poller("receives_total", 'outcome="error"'), poller("receives_total"), "queue"
                )
            },
            width=8,
            threshold=threshold("errors_per_receive"),
        ),
        Series(
            "Failures, by call",
            "Calls that failed, and entries of batches that SQS refused.",
            "cps",
            {"{{call}}": rates(poller("sqs_failures_total"), "call")},
            width=8,
        ),
        Series(
            "Failures, by reason",
            "`credentials` and `denied` are for who runs this, `throttled` and `server_error` pass.",
            "cps",
            {"{{reason}}": rates(poller("sqs_failures_total"), "reason")},
            width=8,
        ),
        Series(
            "Receives held back",
            "Share of the time for which receives waited: `rate` for the queue's limit (`QUEUECAST_RATE`), "
            "`lag` for gateways that are behind. The backlog waits on the queue.",
            "percentunit",
            {"{{queue}}, {{cause}}": rates(poller("throttled_seconds_total"), "queue, cause")},
            width=12,
        ),
        Series(
            "Canaries",
            "Messages of the poller's own that it put on its queue, by queue.",
            "cps",
            {"{{queue}}": rates(poller("canaries_sent_total"), "queue")},
            width=12,
        ),
    ],
)

DASHBOARD = Dashboard(
    "poller",
    "Poller and queues",
    "How long messages wait on their queues, what becomes of each, and what SQS says.",
    [IN_SHORT, HOW_LONG_MESSAGES_WAIT, WHAT_BECOMES_OF_THEM, WHAT_SQS_SAYS, processes("poller")],
)
