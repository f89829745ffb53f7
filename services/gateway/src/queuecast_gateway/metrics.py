"""The gateway's metrics: declared here, counted where things happen. All exist with 0 from the start."""

import math

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from queuecast_bus.errors import FLAWS
from queuecast_edge.metrics import LATENCY_BUCKETS
from queuecast_gateway.access.guard import CONNECT_REFUSALS
from queuecast_gateway.faults import FAULTS, TURNS
from queuecast_gateway.protocol import ACK_CODES

TRANSPORTS = ("polling", "websocket")
DISCONNECT_REASONS = (
    "client_disconnect",
    "server_disconnect",
    "ping_timeout",
    "transport_close",
    "transport_error",
    "parse_error",
    "slow",
    "leaving",
    "flood",
    "token_expired",
    "key_withdrawn",
    "other",
)
RECORD_OUTCOMES = ("delivered", "nobody_here", "unknown_namespace", "malformed")
GAP_REASONS = ("trimmed", "rewound")
RECOVERY_OUTCOMES = (
    "recovered",
    "unknown",
    "expired",
    "trimmed",
    "lost",
    "too_much",
    "too_often",
    "malformed",
    "disconnected",
)
COMMAND_OUTCOMES = ("disconnected", "joined", "left", "forbidden", "too_many_rooms")
RELAY_OUTCOMES = ("published", "refused", "failed")


class Metrics:
    """Every metric of one gateway."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, label: str = "", values: tuple[str, ...] = ()) -> Counter:
            made = Counter(f"queuecast_gateway_{name}", text, (label,) if label else (), registry=registry)
            for value in values:
                made.labels(value)
            return made

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"queuecast_gateway_{name}", text, registry=registry)

        self.connections = gauge("connections", "Open connections of browsers")
        self.connects = counter("connects", "Connections opened, by first transport", "transport", TRANSPORTS)
        self.disconnects = counter("disconnects", "Connections ended", "reason", DISCONNECT_REASONS)
        self.records = counter("records_read", "Records read from the bus", "outcome", RECORD_OUTCOMES)
        self.records_skipped = counter(
            "records_skipped", "Events left out because some client could not take them", "reason", FLAWS
        )
        self.events_delivered = counter("events_delivered", "Events handed to browsers' connections")
        self.recoveries = counter(
            "recoveries", "Sessions that browsers came back for", "outcome", RECOVERY_OUTCOMES
        )
        self.sessions_not_kept = counter(
            "sessions_not_kept",
            "Sessions that cannot come back, as those of their address take enough of Redis",
        )
        self.events_replayed = counter("events_replayed", "Events that browsers got when they came back")
        self.events_refused = counter(
            "events_refused", "Connections closed for what they sent, or did not", "reason", FAULTS
        )
        self.handshakes_refused = counter("handshakes_refused", "Requests turned away", "reason", TURNS)
        self.connects_refused = counter(
            "connects_refused", "Browsers not let into a namespace", "reason", CONNECT_REFUSALS
        )
        self.acks_refused = counter(
            "acks_refused", "Events that were refused by their acknowledgement", "code", ACK_CODES
        )
        self.connections_limit = gauge("connections_limit", "Connections that this replica may have")
        self.key_failures = counter(
            "auth_key_failures", "Times that the keys for tokens could not be fetched"
        )
        self.auth_keys = gauge(
            "auth_keys", "Keys that the issuer of tokens publishes and that can be used; NaN without a set"
        )
        self.auth_keys.set(math.nan)
        self.deletion_cost_failures = counter(
            "deletion_cost_failures",
            "Times that Kubernetes could not be told how many connections this pod has",
        )
        self.relays = counter("relays", "Events that browsers sent on to everyone", "outcome", RELAY_OUTCOMES)
        self.commands = counter(
            "commands",
            "Sessions here that a message's command was for, by what became of them",
            "outcome",
            COMMAND_OUTCOMES,
        )
        self.gaps = counter(
            "bus_gaps", "Times that records were gone before they were read", "reason", GAP_REASONS
        )
        self.resumes = counter("bus_resumes", "Times that reading the bus went on after a failure")
        self.bus_heard = gauge("bus_heard_timestamp_seconds", "When a record of our own last came back")
        self.behind = gauge("behind_seconds", "For how long something was stored that is not read here yet")
        self.canary_age = gauge(
            "canary_age_seconds", "How long ago the newest canary that came here was put on its queue"
        )
        self.canary_age.set(math.nan)
        self.buffered = gauge(
            "buffered_bytes",
            "Bytes that connections make the gateway hold: not taken by their browsers, or not worked on yet",
        )
        self.buffered_most = gauge("buffered_bytes_max", "Of these, those of the connection that has most")
        self.draining = gauge("draining", "1 while connections are closed because this replica stops")

        def latency(name: str, text: str) -> Histogram:
            return Histogram(
                f"queuecast_gateway_{name}_seconds", text, registry=registry, buckets=LATENCY_BUCKETS
            )

        self.bus_lag = latency(
            "bus_lag", "From stored on the bus to read here, of the oldest record of each read"
        )
        self.fanout = latency(
            "fanout", "From read to handed to all connections here, of each read with events"
        )
        self.write = latency("write", "From handed over to written to all sockets, of each turn of the loop")
        self.loop_lag = latency("loop_lag", "How late the loop was, twice a second")
        self.delivery = Histogram(
            "queuecast_gateway_delivery_seconds",
            "From when its queue could hand it out (SentTimestamp, and the queue's delay later) to the "
            "sockets, once per record that somebody here received; "
            "redelivered messages apart, as their time on the queue is not ours",
            ("redelivered",),
            registry=registry,
            buckets=LATENCY_BUCKETS,
        )
        for value in ("false", "true"):
            self.delivery.labels(value)
