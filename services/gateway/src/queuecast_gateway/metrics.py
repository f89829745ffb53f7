"""The gateway's metrics: declared here, updated where things happen. All exist with 0 from the start."""

import math

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from queuecast_bus.errors import FLAWS
from queuecast_edge.metrics import LATENCY_BUCKETS
from queuecast_gateway.access.authenticator import CONNECT_REFUSALS
from queuecast_gateway.reasons import CLOSE_REASONS, REFUSAL_REASONS
from queuecast_gateway.wire.protocol import ACK_CODES

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
EMITTER_OUTCOMES = (
    "delivered",
    "nobody_here",
    "unknown_namespace",
    "command",
    "malformed",
    "pickled",
    "unsupported",
    "switched_off",
)
PAST_OUTCOMES = ("complete", "incomplete")
PAST_CALLS = ("events", "index", "marks", "latest")
PRESENCE_OUTCOMES = ("changes", "whole", "failed")
PRESENCE_LIMITS = ("rooms", "users", "memory", "event")
ACK_OUTCOMES = ("counted", "late", "not_addressed", "refused")
RELAY_OUTCOMES = ("published", "refused", "failed")
COMPRESSION_STAGES = ("before", "after")


class Metrics:
    """All metrics of one gateway."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, label: str = "", values: tuple[str, ...] = ()) -> Counter:
            made = Counter(f"queuecast_gateway_{name}", text, (label,) if label else (), registry=registry)
            for value in values:
                made.labels(value)
            return made

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"queuecast_gateway_{name}", text, registry=registry)

        self.connections = gauge("connections", "Open browser connections")
        self.connects = counter("connects", "Connections opened, by first transport", "transport", TRANSPORTS)
        self.disconnects = counter("disconnects", "Connections ended", "reason", DISCONNECT_REASONS)
        self.records = counter("records_read", "Records read from the bus", "outcome", RECORD_OUTCOMES)
        self.records_skipped = counter(
            "records_skipped", "Events skipped because some clients could not parse them", "reason", FLAWS
        )
        self.events_delivered = counter("events_delivered", "Events handed to browsers' connections")
        self.compression_bytes = counter(
            "compression_bytes",
            "Bytes of events large enough to compress, for each connection with compression, before it and "
            "as sent",
            "stage",
            COMPRESSION_STAGES,
        )
        self.recoveries = counter(
            "recoveries", "Attempts of browsers to recover a session", "outcome", RECOVERY_OUTCOMES
        )
        self.broken_off = counter(
            "broken_off", "Recovered sessions whose connection had broken off: no gateway had closed it"
        )
        self.sessions_not_kept = counter(
            "sessions_not_kept",
            "Sessions that cannot be recovered, because their address uses its share of Redis",
        )
        self.events_replayed = counter("events_replayed", "Missed events sent to recovered sessions")
        self.past_answers = counter(
            "past_answers",
            "Answers with past events, to `subscribe` and by the HTTP API, by whether they had all that was "
            "asked for",
            "outcome",
            PAST_OUTCOMES,
        )
        self.past_events = counter("past_events", "Past events in these answers")
        self.past_reads = counter(
            "past_reads",
            "Reads of Redis for past events, each for all browsers that waited: of `events`, of the stream "
            "for the `index`, of what Redis has lost (`marks`), and of rooms' `latest` events",
            "call",
            PAST_CALLS,
        )
        self.past_held = gauge("past_held_bytes", "Memory for finding past events, of `QUEUECAST_PAST_BYTES`")
        self.presence_rooms = gauge("presence_rooms", "Rooms of which this replica announces who is there")
        self.presence_watched = gauge("presence_watched_rooms", "Rooms that browsers here watch")
        self.presence_held = gauge(
            "presence_held_bytes", "Memory for who is there: announced by this replica, and in watched rooms"
        )
        self.presence_changes = counter("presence_changes", "Changed rooms that this replica has announced")
        self.presence_steps = counter(
            "presence_steps",
            "Exchanges with the other replicas about who is there: of `changes`, of this replica's "
            "`whole` part again, and `failed` ones",
            "outcome",
            PRESENCE_OUTCOMES,
        )
        self.presence_events = counter("presence_events", "Presence events sent to browsers")
        self.presence_limited = counter(
            "presence_limited",
            "Times that a limit of presence was reached: sessions in rooms beyond it, sessions counted "
            "without their identity, browsers that may watch no other room for lack of memory, cut events",
            "reason",
            PRESENCE_LIMITS,
        )
        self.events_refused = counter(
            "events_refused",
            "Connections closed for what the client sent, or failed to send",
            "reason",
            CLOSE_REASONS,
        )
        self.handshakes_refused = counter(
            "handshakes_refused", "Requests refused before a connection existed", "reason", REFUSAL_REASONS
        )
        self.connects_refused = counter(
            "connects_refused", "Connects to a namespace that were refused", "reason", CONNECT_REFUSALS
        )
        self.acks_refused = counter(
            "acks_refused", "Events refused with an error in the acknowledgement", "code", ACK_CODES
        )
        self.connections_limit = gauge("connections_limit", "Maximum number of connections on this replica")
        self.key_failures = counter("auth_key_failures", "Failed attempts to fetch the keys for tokens")
        self.auth_keys = gauge(
            "auth_keys", "Usable keys that the token issuer publishes; NaN without a JWKS URL"
        )
        self.auth_keys.set(math.nan)
        self.deletion_cost_failures = counter(
            "deletion_cost_failures",
            "Failed attempts to tell Kubernetes how many connections this pod has",
        )
        self.acks = counter(
            "acks",
            "Browsers' acknowledgements of events whose messages wait for them: `counted`, too `late`, or "
            "by a session that is `not_addressed`; and events that were sent to nobody because too many "
            "wait (`refused`)",
            "outcome",
            ACK_OUTCOMES,
        )
        self.awaited_events = gauge(
            "awaited_events",
            "Events that browsers here may still acknowledge, and those of the last 30 seconds",
        )
        self.relays = counter("relays", "Events that browsers sent to everyone", "outcome", RELAY_OUTCOMES)
        self.emitters = counter(
            "emitter_messages",
            "Messages of emitters in other processes that were heard here",
            "outcome",
            EMITTER_OUTCOMES,
        )
        self.commands = counter(
            "commands",
            "Sessions here that commands were addressed to: of messages, the HTTP API or Node's emitters",
            "outcome",
            COMMAND_OUTCOMES,
        )
        self.gaps = counter(
            "bus_gaps",
            "Times that records were gone before this replica had read them",
            "reason",
            GAP_REASONS,
        )
        self.resumes = counter("bus_resumes", "Times that reading the bus resumed after a failure")
        self.bus_heard = gauge(
            "bus_heard_timestamp_seconds", "When a bus probe last came back, by Redis's clock"
        )
        self.avoids_replicas = gauge(
            "bus_avoids_replicas",
            "1 while the bus is read at the primary because replicas fail or lag behind "
            "(`QUEUECAST_REDIS_READ_URL`)",
        )
        self.clock_skew = gauge(
            "clock_skew_seconds", "How far this host's clock is ahead of Redis's; negative if it is behind"
        )
        self.behind = gauge("behind_seconds", "How long the oldest record not yet read here has been stored")
        self.canary_age = gauge(
            "canary_age_seconds", "How long ago the newest canary received here was put on its queue"
        )
        self.canary_age.set(math.nan)
        self.buffered = gauge(
            "buffered_bytes",
            "Bytes held for connections: not yet read by their browsers, or not yet handled",
        )
        self.buffered_most = gauge("buffered_bytes_max", "The same for the connection with the most")
        self.draining = gauge("draining", "1 while this replica shuts down and closes its connections")

        def latency(name: str, text: str) -> Histogram:
            return Histogram(
                f"queuecast_gateway_{name}_seconds", text, registry=registry, buckets=LATENCY_BUCKETS
            )

        self.bus_lag = latency(
            "bus_lag", "From stored on the bus to read here, for the oldest record of each read"
        )
        self.fanout = latency(
            "fanout", "From read to handed to all connections here, for each read with events"
        )
        self.write = latency("write", "From handed over to written to all sockets, for each turn of the loop")
        self.loop_lag = latency("loop_lag", "Delay of the event loop, measured twice a second")
        self.delivery = Histogram(
            "queuecast_gateway_delivery_seconds",
            "From when the queue could first deliver a message (SentTimestamp plus the queue's delay and the "
            "time that its rate limit held the message back), or the HTTP API had read it, to the sockets, "
            "once per record that somebody "
            "here received; redelivered messages are separate, because Queuecast does not determine their "
            "time on the queue",
            ("redelivered",),
            registry=registry,
            buckets=LATENCY_BUCKETS,
        )
        for value in ("false", "true"):
            self.delivery.labels(value)
