"""The gateways: who connects and leaves, how soon events are written, what is refused, process resources."""

from deploy.observability.grafana.dashboard import Dashboard, Row
from deploy.observability.grafana.gateway_api import API
from deploy.observability.grafana.objectives import ANY, threshold
from deploy.observability.grafana.panel import Panel, Series, Stat
from deploy.observability.grafana.processes import processes
from deploy.observability.grafana.query import BUILD, BY_POD, POD, built, counted, gateway, quantile, rates

NOT_RECOVERED = 'outcome!="recovered"'
SLOW = 'reason="slow"'
BAD_TOKENS = 'reason=~"malformed|algorithm|key|signature|not_yet|issuer|audience|claims"'


def by(label: str, metric: str, title: str, description: str, width: int = 8) -> Panel:
    """Return a panel of a counter by its label."""
    return Series(title, description, "cps", {f"{{{{{label}}}}}": rates(gateway(metric), label)}, width)


def share_of_connections(title: str, description: str, limit: str, events: str) -> Panel:
    """Return a panel of an alert's own expression, over the alert's own window."""
    share = f"{events} / clamp_min(sum({gateway('connections')}), 1)"
    return Series(title, description, "percentunit", {"of the connections": share}, 8, threshold(limit))


IN_SHORT = Row(
    "In short",
    [
        Stat(
            "Gateways",
            "Replicas that Prometheus scrapes, by build.",
            "short",
            {BUILD: built("gateway")},
            named=True,
        ),
        Stat(
            "Draining",
            "Replicas that are closing their connections because they are shutting down.",
            "short",
            {"draining": f"sum({gateway('draining')})"},
        ),
        Stat(
            "Browsers",
            "Browser connections, on all gateways.",
            "short",
            {"connections": f"sum({gateway('connections')})"},
        ),
        Stat(
            "Fullest gateway",
            "Connections as a share of the limit, for the gateway with the least room.",
            "percentunit",
            {"connections per limit": f"max({gateway('connections')} / {gateway('connections_limit')})"},
            threshold=threshold("connections_per_limit"),
            maximum=1,
        ),
        Stat(
            "Closed as too slow",
            "Browsers that were `QUEUECAST_MAX_BUFFERED_BYTES` behind, in the time range shown.",
            "short",
            {"slow": counted(gateway("disconnects_total", SLOW))},
            threshold=ANY,
        ),
        Stat(
            "Sessions recovered",
            "Share of reconnecting browsers that kept their session and received everything they had missed, "
            "in the time range shown.",
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
    "Connecting and disconnecting",
    [
        Series(
            "Connections",
            "By gateway. Connections stay where they are: after a scale-out they even out only through new "
            "browsers and `QUEUECAST_MAX_CONNECTION_SECONDS`.",
            "short",
            {POD: f"sum by ({BY_POD}) ({gateway('connections')})"},
            width=8,
        ),
        by("transport", "connects_total", "Connects", "Connections opened, by their first transport."),
        by(
            "reason",
            "disconnects_total",
            "Disconnects",
            "Connections that ended, by reason. `leaving`: the replica is shutting down. `slow`: the "
            "browser did not read.",
        ),
        by(
            "reason",
            "handshakes_refused_total",
            "Handshakes refused",
            "Requests refused before there was a connection. `full`, `descriptors` and `leaving` mean a "
            "lack of room.",
        ),
        by(
            "reason",
            "connects_refused_total",
            "Connects refused",
            "Connections that a namespace refused, for example for a missing or invalid token.",
        ),
        by(
            "outcome",
            "recoveries_total",
            "Recovery attempts",
            "By outcome. All browsers but the `recovered` ones are told that they missed events, and start "
            "over.",
        ),
    ],
)

BREAKING_OFF = Row(
    "Alert expressions",
    [
        share_of_connections(
            "Broke off and came back",
            "Sessions that lost their connection and came back within 5 minutes, except those that we "
            "closed.",
            "came_back_per_connection",
            f"sum(increase({gateway('broken_off_total')}[5m]))",
        ),
        share_of_connections(
            "Too slow",
            "Connections closed within 15 minutes because their browsers read too slowly.",
            "slow_per_connection",
            f"sum(increase({gateway('disconnects_total', SLOW)}[15m]))",
        ),
        Series(
            "Tokens refused",
            "Invalid tokens, as a share of the connections opened within 15 minutes. Missing and expired "
            "tokens do not count: those are the web page's fault.",
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
            "99th percentile from when SQS could deliver a message to its bytes being written to all sockets "
            "of this gateway, without the time that a rate limit held the message back.",
            "s",
            {POD: quantile(0.99, gateway("delivery_seconds_bucket", 'redelivered="false"'), BY_POD)},
            width=8,
        ),
        Series(
            "Fan-out and write",
            "How long it takes to hand one read of the bus to all connections, and to write its bytes.",
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
            "Delivered live, and replayed to browsers that reconnected.",
            "cps",
            {
                f"delivered {POD}": rates(gateway("events_delivered_total"), BY_POD),
                "replayed, all": rates(gateway("events_replayed_total")),
            },
            width=8,
        ),
        Series(
            "Redelivered messages",
            "Deliveries of messages that SQS had handed out before, but that were stored only now.",
            "cps",
            {"redelivered": rates(gateway("delivery_seconds_count", 'redelivered="true"'))},
            width=6,
        ),
        Series(
            "Buffered bytes",
            "Bytes that wait to be read by browsers, and bytes from browsers that wait to be handled, by "
            "gateway.",
            "bytes",
            {POD: f"sum by ({BY_POD}) ({gateway('buffered_bytes')})"},
            width=6,
        ),
        Series(
            "Largest buffer of a connection",
            "By gateway. At `QUEUECAST_MAX_BUFFERED_BYTES` (4 MiB) the gateway closes the connection.",
            "bytes",
            {POD: f"max by ({BY_POD}) ({gateway('buffered_bytes_max')})"},
            width=6,
        ),
        by(
            "outcome",
            "commands_total",
            "Commands",
            "Sessions that commands in messages or of Node's emitters were addressed to, by outcome.",
            6,
        ),
    ],
)

PAST = Row(
    "Past events",
    [
        by(
            "outcome",
            "past_answers_total",
            "Answers with past events",
            "`incomplete`: the stream, or a limit of the answer, had less than was asked for.",
            6,
        ),
        Series(
            "Past events",
            "Events in these answers, by gateway.",
            "cps",
            {POD: rates(gateway("past_events_total"), BY_POD)},
            width=6,
        ),
        by(
            "call",
            "past_reads_total",
            "Reads of Redis for past events",
            "Each is for all browsers that wait. `index`: a page of the stream, once for each gateway.",
            6,
        ),
        Series(
            "Memory for past events",
            "By gateway; at most `QUEUECAST_PAST_BYTES`.",
            "bytes",
            {POD: f"sum by ({BY_POD}) ({gateway('past_held_bytes')})"},
            width=6,
        ),
    ],
)

PRESENCE = Row(
    "Presence",
    [
        by(
            "outcome",
            "presence_steps_total",
            "Exchanges about who is there",
            "`whole`: a gateway announced all of its part, as at its start and after a failure of Redis.",
            6,
        ),
        Series(
            "Changed rooms, and events",
            "Rooms of which gateways announced a change, and presence events to browsers.",
            "cps",
            {
                "changed rooms": rates(gateway("presence_changes_total")),
                "events": rates(gateway("presence_events_total")),
            },
            width=6,
        ),
        Series(
            "Rooms",
            "Announced by each gateway, and watched by browsers there.",
            "short",
            {
                f"announced, {POD}": f"sum by ({BY_POD}) ({gateway('presence_rooms')})",
                f"watched, {POD}": f"sum by ({BY_POD}) ({gateway('presence_watched_rooms')})",
            },
            width=4,
        ),
        Series(
            "Memory for presence",
            "By gateway; pages may watch no other room beyond `QUEUECAST_PRESENCE_BYTES`.",
            "bytes",
            {POD: f"sum by ({BY_POD}) ({gateway('presence_held_bytes')})"},
            width=4,
        ),
        by(
            "reason",
            "presence_limited_total",
            "Limits of presence reached",
            "Events then say `complete: false`; `memory`: a page was refused.",
            4,
        ),
    ],
)

ACKNOWLEDGED = Row(
    "Acknowledged messages",
    [
        by(
            "outcome",
            "acks_total",
            "Acknowledgements",
            "Of events whose messages wait for them. `late`: after the time limit. `refused`: events "
            "that were shown to nobody, because too many wait.",
            12,
        ),
        Series(
            "Awaited events",
            "Events that browsers may still acknowledge, by gateway; 10,000 at most.",
            "short",
            {POD: f"sum by ({BY_POD}) ({gateway('awaited_events')})"},
            width=12,
        ),
    ],
)

FROM_BROWSERS = Row(
    "From browsers",
    [
        by(
            "outcome",
            "relays_total",
            "Relayed events",
            "Events that browsers send to everyone, by outcome.",
            5,
        ),
        by("code", "acks_refused_total", "Refused events", "By the code in the acknowledgement.", 5),
        by(
            "reason",
            "events_refused_total",
            "Closed for misbehaviour",
            "Connections that violated a protocol or flooded the gateway: a broken client, or a hostile one.",
            5,
        ),
        Series(
            "Failed fetches of token keys",
            "Failed attempts to fetch the issuer's keys (`QUEUECAST_AUTH_JWKS_URL`).",
            "cps",
            {"failures": rates(gateway("auth_key_failures_total"))},
            width=5,
        ),
        Series(
            "Token keys",
            "Usable keys that the issuer publishes, by gateway. With 0 nobody can connect. -1: the gateway "
            "asks no issuer.",
            "short",
            {
                POD: f"min by ({BY_POD}) ({gateway('auth_keys')} >= 0) "
                f"or sum by ({BY_POD}) ({gateway('connections')}) * 0 - 1"
            },
            width=4,
        ),
        Series(
            "Sessions not kept",
            "Their address already takes `QUEUECAST_MAX_SESSION_BYTES_PER_ADDRESS` of Redis: a client that "
            "keeps reconnecting, or a proxy that is missing from `QUEUECAST_TRUSTED_PROXIES`.",
            "cps",
            {"sessions": rates(gateway("sessions_not_kept_total"))},
            width=24,
        ),
    ],
)

DASHBOARD = Dashboard(
    "gateway",
    "Gateway",
    "Who connects and leaves, how soon events are written, what is refused, and the processes' resources.",
    [
        IN_SHORT,
        COMING_AND_GOING,
        BREAKING_OFF,
        TO_BROWSERS,
        PAST,
        PRESENCE,
        ACKNOWLEDGED,
        FROM_BROWSERS,
        API,
        processes("gateway"),
    ],
)
