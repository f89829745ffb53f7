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
"""The outcomes of a received message. Until it has one, it is in flight."""

IN_SHORT = Row(
    "In short",
    [
        Stat(
            "Pollers",
            "Replicas that Prometheus scrapes, by build.",
            "short",
            {BUILD: built("poller")},
            named=True,
        ),
        Stat(
            "Received",
            "Messages received in the time range shown, including redelivered ones.",
            "short",
            {"received": counted(poller("received_total"))},
        ),
        Stat(
            "In flight",
            "Messages received but not yet published, left, dropped or returned. Pollers hold them while "
            "Redis is away.",
            "short",
            {"in flight": f"sum({poller('in_flight')})"},
        ),
        Stat(
            "Dead letters",
            "Messages left at their last receive, in the time range shown. They go to the dead-letter queue.",
            "short",
            {"dead letters": counted(poller("dead_letters_total"))},
            threshold=ANY,
        ),
        Stat(
            "Unaccounted for",
            "Received minus published, duplicates, left, dropped, returned and in flight. Always 0, except "
            "when a scrape comes between two counts: a message that is none of these would be lost.",
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
            "How long ago the event loop of a queue last made progress. A long poll takes up to "
            "`QUEUECAST_WAIT_SECONDS`; `/livez` fails when the loop is stuck.",
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
            "99th percentile from when SQS could deliver a message to a poller receiving it, without the "
            "time that a rate limit held the message back. First deliveries only.",
            "s",
            {"{{queue}}": quantile(0.99, poller("queue_wait_seconds_bucket"), "queue")},
            width=8,
            threshold=threshold("queue_wait"),
        ),
        Series(
            "Judge and publish",
            "From received to stored on the bus, per batch, and Redis's part of it.",
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
    "Outcomes",
    [
        Series(
            "Received",
            "Messages that SQS handed out, by queue.",
            "cps",
            {"{{queue}}": rates(poller("received_total"), "queue")},
            width=8,
        ),
        Series(
            "Outcomes",
            "Stacked, they add up to what was received, except for messages in flight.",
            "cps",
            {outcome: rates(poller(f"{outcome}_total")) for outcome in OUTCOMES},
            width=8,
            stacked=True,
        ),
        Series(
            "In flight",
            "Messages received but not yet published, left, dropped or returned, by queue.",
            "short",
            {"{{queue}}": f"sum by (queue) ({poller('in_flight')})"},
            width=8,
        ),
        Series(
            "Left",
            "Receives of messages that could not be published, by reason; and how many were a message's "
            "last.",
            "cps",
            {
                "{{reason}}": rates(poller("left_total"), "reason"),
                "dead letters": rates(poller("dead_letters_total")),
            },
            width=8,
        ),
        Series(
            "Redelivered",
            "Share of the received messages that SQS had handed out before: a poller was killed, a message "
            "was left, or its delete failed.",
            "percentunit",
            {"{{queue}}": per(poller("redelivered_total"), poller("received_total"), "queue")},
            width=8,
            threshold=threshold("redelivered_per_received"),
        ),
        Series(
            "Deleted",
            "Messages deleted from their queue, given up undeleted, and kept hidden while pollers hold them.",
            "cps",
            {
                "deleted": rates(poller("deleted_total")),
                "given up undeleted": rates(poller("delete_failures_total")),
                "kept hidden": rates(poller("extended_total")),
            },
            width=8,
        ),
        Series(
            "Acknowledged messages",
            "Messages that waited for browsers' acknowledgements, by what came of it, and how many wait.",
            "short",
            {
                "{{outcome}}": rates(poller("acks_total"), "outcome"),
                "waiting, {{queue}}": f"sum by (queue) ({poller('awaited')})",
            },
            width=12,
        ),
        Series(
            "Time to an acknowledgement",
            "From stored on the bus to acknowledged, 99th percentile. 0: nothing was acknowledged.",
            "s",
            {
                "{{queue}}": quantile(0.99, poller("ack_seconds_bucket"), "queue")
                + f" >= 0 or sum by (queue) ({poller('awaited')}) * 0"
            },
            width=12,
        ),
        Series(
            "Held messages",
            "Messages for which nobody is there, by what came of holding them, and how many are held now.",
            "short",
            {
                "{{outcome}}": rates(poller("holds_total"), "outcome"),
                "held, {{queue}}": f"sum by (queue) ({poller('held')})",
            },
            width=24,
        ),
        Series(
            "Dropped",
            "Messages deleted without being shown to anybody, by reason.",
            "cps",
            {"{{reason}}": rates(poller("dropped_total"), "reason")},
            width=6,
        ),
        Series(
            "Waits for newer messages",
            "How often messages of a route with `latest` waited for newer ones while a backlog drained, by "
            "what ended the wait; and how many keys pollers remember the newest message of, 10,000 at most.",
            "short",
            {
                "{{cause}}": rates(poller("drains_total"), "cause"),
                "keys, {{queue}}": f"sum by (queue) ({poller('latest_keys')})",
            },
            width=6,
        ),
        Series(
            "Routes file",
            "Pollers that use an older routes file because the current one is invalid. `/readyz` and the log "
            "say why.",
            "short",
            {"wrong": f"sum({pollers('routes_wrong')})"},
            width=4,
        ),
        Series(
            "Routes in force",
            "When pollers read the routes that they use, oldest and newest, as Unix time. 0: no routes file.",
            "short",
            {
                "oldest": f"min({pollers('routes_loaded_timestamp_seconds')})",
                "newest": f"max({pollers('routes_loaded_timestamp_seconds')})",
            },
            width=4,
        ),
        Series(
            "Routes file reads",
            "At the start, after a change and on SIGHUP, by outcome.",
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
            "Calls by outcome. `empty`: a long poll that brought nothing.",
            "reqps",
            {"{{outcome}}": rates(poller("receives_total"), "outcome")},
            width=8,
        ),
        Series(
            "Messages per receive",
            "Of receives that brought any. SQS hands out 10 at most; near 10, more are waiting.",
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
            "Receives under way or about to start. A busy queue gets up to `QUEUECAST_MAX_RECEIVES` per "
            "poller.",
            "short",
            {"{{queue}}": f"sum by (queue) ({poller('open_receives')})"},
            width=8,
        ),
        Series(
            "Failed receives",
            "Share of receives that failed.",
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
            "`credentials` and `denied` need you to act; `throttled` and `server_error` pass by themselves.",
            "cps",
            {"{{reason}}": rates(poller("sqs_failures_total"), "reason")},
            width=8,
        ),
        Series(
            "Receives held back",
            "Share of the time that receives were paused. `rate`: for the queue's limit (`QUEUECAST_RATE`). "
            "`lag`: for gateways that are behind. The backlog waits on the queue.",
            "percentunit",
            {"{{queue}}, {{cause}}": rates(poller("throttled_seconds_total"), "queue, cause")},
            width=12,
        ),
        Series(
            "Canaries",
            "Test messages that pollers put on their own queue, by queue.",
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
