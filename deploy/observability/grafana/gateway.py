"""The gateways: who comes and goes, how soon events are written, what is refused, what the processes have."""

from deploy.observability.grafana.dashboard import Dashboard, Row
from deploy.observability.grafana.objectives import ANY, threshold
from deploy.observability.grafana.panel import Panel, Series, Stat
from deploy.observability.grafana.processes import processes
from deploy.observability.grafana.query import BUILD, BY_POD, POD, built, counted, gateway, quantile, rates

RECOVERED, NOT_RECOVERED = 'outcome="recovered"', 'outcome!="recovered"'
SLOW, SENT_AWAY = 'reason="slow"', 'reason=~"leaving|slow|token_expired"'
BAD_TOKENS = 'reason=~"malformed|algorithm|key|signature|not_yet|issuer|audience|claims"'


def by(label: str, metric: str, title: str, description: str, width: int = 8) -> Panel:
    """Return a panel of a counter by its label."""
    return Series(title, description, "cps", {f"{{{{{label}}}}}": rates(gateway(metric), label)}, width)


def share_of_connections(title: str, description: str, limit: str, events: str) -> Panel:
    """Return a panel of what an alert goes by, over the alert's own window."""
    share = f"{events} / clamp_min(sum({gateway('connections')}), 1)"
    return Series(title, description, "percentunit", {"of the connections": share}, 8, threshold(limit))


IN_SHORT = Row(
    "In short",
    [
        Stat(
            "Gateways",
            "Replicas that Prometheus reads, by what they were built from.",
            "short",
            {BUILD: built("gateway")},
            named=True,
        ),
        Stat(
            "Draining",
            "Replicas that close their connections because they stop.",
            "short",
            {"draining": f"sum({gateway('draining')})"},
        ),
        Stat(
            "Browsers",
            "Connections of browsers, on all gateways.",
            "short",
            {"connections": f"sum({gateway('connections')})"},
        ),
        Stat(
            "Fullest gateway",
            "Connections per limit, of the gateway with the least room.",
            "percentunit",
            {"connections per limit": f"max({gateway('connections')} / {gateway('connections_limit')})"},
            threshold=threshold("connections_per_limit"),
            maximum=1,
        ),
        Stat(
            "Cut off as too slow",
            "Browsers that were `QUEUECAST_MAX_BUFFERED_BYTES` behind, in the time range shown.",
            "short",
            {"slow": counted(gateway("disconnects_total", SLOW))},
            threshold=ANY,
        ),
        Stat(
            "Came back with nothing missed",
            "Browsers that came back as the session that they were, with all that they had missed, of those "
            "that tried, in the time range shown.",
            "percentunit",
            {
                "recovered": f"1 - {counted(gateway('recoveries_total', NOT_RECOVERED))}"
                f" / clamp_min({counted(gateway('recoveries_total'))}, 1)"
            },
            maximum=1,
        ),
    ],
)

COMING_AND_GOING = Row(
    "Who comes and goes",
    [
        Series(
            "Connections",
            "By gateway. Long connections stay where they are: after a scale-out they even out only as "
            "`QUEUECAST_MAX_CONNECTION_SECONDS` or new browsers have it.",
            "short",
            {POD: f"sum by ({BY_POD}) ({gateway('connections')})"},
            width=8,
        ),
        by("transport", "connects_total", "Connects", "Connections opened, by their first transport."),
        by(
            "reason",
            "disconnects_total",
            "Disconnects",
            "Connections ended, by what ended them. `leaving` is a replica that stops, `slow` a browser that "
            "did not read.",
        ),
        by(
            "reason",
            "handshakes_refused_total",
            "Requests turned away",
            "Before there was a connection. `full`, `descriptors` and `leaving` are for want of room.",
        ),
        by(
            "reason",
            "connects_refused_total",
            "Not let into a namespace",
            "Connections that showed no token, or one that does not count.",
        ),
        by(
            "outcome",
            "recoveries_total",
            "Sessions come back for",
            "By how it ended: all but `recovered` are told so, and begin anew.",
        ),
    ],
)

BREAKING_OFF = Row(
    "What alerts go by",
    [
        share_of_connections(
            "Broke off and came back",
            "Sessions that broke off and came back within 5 minutes, without those that were sent away.",
            "came_back_per_connection",
            f"clamp_min(sum(increase({gateway('recoveries_total', RECOVERED)}[5m])) - "
            f"sum(increase({gateway('disconnects_total', SENT_AWAY)}[5m])), 0)",
        ),
        share_of_connections(
            "Too slow",
            "Connections closed within 15 minutes as their browsers read too slowly.",
            "slow_per_connection",
            f"sum(increase({gateway('disconnects_total', SLOW)}[15m]))",
        ),
        Series(
            "Tokens refused",
            "Tokens that do not count, of the connections opened within 15 minutes. One that is missing or "
            "over is not in it: that is the page's own matter.",
            "percentunit",
            {
                "of the connects": f"sum(increase({gateway('connects_refused_total', BAD_TOKENS)}[15m]))"
                f" / clamp_min(sum(increase({gateway('connects_total')}[15m])), 1)"
            },
            width=8,
            threshold=threshold("tokens_refused_per_connect"),
        ),
    ],
)

TO_BROWSERS = Row(
    "To browsers",
    [
        Series(
            "From the queue to the browsers, by gateway",
            "99th percentile from SQS accepting a message to its bytes on all sockets of this gateway.",
            "s",
            {POD: quantile(0.99, gateway("delivery_seconds_bucket", 'redelivered="false"'), BY_POD)},
            width=8,
        ),
        Series(
            "Fan-out and write",
            "How long a read of the bus takes to be handed to all connections, and its bytes to be written.",
            "s",
            {
                f"{stage}, {name}": quantile(share, gateway(f"{stage}_seconds_bucket"))
                for stage in ("fanout", "write")
                for name, share in (("median", 0.5), ("99 %", 0.99))
            },
            width=8,
        ),
        Series(
            "Events",
            "Delivered as they happen, and replayed to browsers that came back.",
            "cps",
            {
                f"delivered {POD}": rates(gateway("events_delivered_total"), BY_POD),
                "replayed, all": rates(gateway("events_replayed_total")),
            },
            width=8,
        ),
        Series(
            "Redelivered messages",
            "Deliveries of messages that had been handed out before and were only stored now.",
            "cps",
            {"redelivered": rates(gateway("delivery_seconds_count", 'redelivered="true"'))},
            width=6,
        ),
        Series(
            "Held for browsers",
            "Bytes that browsers have not taken yet, or that came of them and wait, by gateway.",
            "bytes",
            {POD: f"sum by ({BY_POD}) ({gateway('buffered_bytes')})"},
            width=6,
        ),
        Series(
            "The connection with most",
            "Of each gateway, in bytes. At `QUEUECAST_MAX_BUFFERED_BYTES` (4 MiB) it is cut off.",
            "bytes",
            {POD: f"max by ({BY_POD}) ({gateway('buffered_bytes_max')})"},
            width=6,
        ),
        by(
            "outcome",
            "commands_total",
            "Commands",
            "Sessions that commands in messages were for, by what became of them.",
            6,
        ),
    ],
)

FROM_BROWSERS = Row(
    "From browsers",
    [
        by(
            "outcome",
            "relays_total",
            "Sent on to everyone",
            "Events of browsers, by what became of them.",
            5,
        ),
        by("code", "acks_refused_total", "Refused events", "By the code in their acknowledgement.", 5),
        by(
            "reason",
            "events_refused_total",
            "Closed for what they sent",
            "Connections that broke a protocol or flooded: a broken client, or a hostile one.",
            5,
        ),
        Series(
            "Keys for tokens not fetched",
            "Times that the issuer's keys (`QUEUECAST_AUTH_JWKS_URL`) could not be had.",
            "cps",
            {"failures": rates(gateway("auth_key_failures_total"))},
            width=5,
        ),
        Series(
            "Keys for tokens",
            "Keys that the issuer publishes and that can be used, by gateway. With 0 nobody can come in. "
            "-1 is a gateway that asks no issuer.",
            "short",
            {
                POD: f"min by ({BY_POD}) ({gateway('auth_keys')} >= 0) "
                f"or sum by ({BY_POD}) ({gateway('connections')}) * 0 - 1"
            },
            width=4,
        ),
        Series(
            "Sessions that are not kept",
            "As those of their address take `QUEUECAST_MAX_SESSION_BYTES_PER_ADDRESS` of Redis: one that "
            "comes and goes, or a proxy that `QUEUECAST_TRUSTED_PROXIES` lacks.",
            "cps",
            {"sessions": rates(gateway("sessions_not_kept_total"))},
            width=24,
        ),
    ],
)

DASHBOARD = Dashboard(
    "gateway",
    "Gateway",
    "Who comes and goes, how soon events are written, what is refused, and what the processes have left.",
    [IN_SHORT, COMING_AND_GOING, BREAKING_OFF, TO_BROWSERS, FROM_BROWSERS, processes("gateway")],
)
