"""Builds the parts of a gateway from its settings, wherever that takes more than a call of the constructor.

Which parts there are, and how they are connected, is up to `app`.
"""

import os
import signal
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from socket import socket

from queuecast_edge.environment import variable
from queuecast_edge.listener import bind
from queuecast_edge.metrics import total
from queuecast_gateway.access.authenticator import Authenticator, OpenAuthenticator, TokenAuthenticator
from queuecast_gateway.access.grant import EVERY_ROOM, patterns
from queuecast_gateway.access.jwks import Jwks
from queuecast_gateway.access.keys import KeySet
from queuecast_gateway.access.tokens import Rules, Tokens
from queuecast_gateway.board.queues import Queues
from queuecast_gateway.board.replicas import OwnFigures, Replicas
from queuecast_gateway.board.requests import BoardRequests
from queuecast_gateway.delivery.ack_reporter import AckReporter
from queuecast_gateway.delivery.awaited_events import AwaitedEvents
from queuecast_gateway.delivery.compression import Compression
from queuecast_gateway.delivery.gateway_bus import GatewayBus
from queuecast_gateway.delivery.history import History
from queuecast_gateway.delivery.node_emitters import NodeEmitters
from queuecast_gateway.delivery.skipped_records import SkippedRecords
from queuecast_gateway.engine.deflate import Deflater
from queuecast_gateway.limits.connection_limiter import ConnectionLimiter
from queuecast_gateway.limits.failure_limiter import FailureLimiter
from queuecast_gateway.limits.quota import Quota
from queuecast_gateway.limits.rate_limiter import RateLimiter
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.presence.tracker import Presence, PresenceBounds
from queuecast_gateway.public.admission import Admission, raise_descriptor_limit
from queuecast_gateway.recovery.past_reader import PastBounds, PastReader
from queuecast_gateway.recovery.recovery import Recovery
from queuecast_gateway.recovery.replay import Bounds
from queuecast_gateway.recovery.session_store import SessionStore
from queuecast_gateway.replica.board import Board
from queuecast_gateway.replica.deletion_cost import DeletionCost
from queuecast_gateway.replica.figures import ReplicaFigures
from queuecast_gateway.server.handlers import NO_PRESENCE, Handlers
from queuecast_gateway.server.socketio_server import SocketServer
from queuecast_gateway.server.subscriptions import NoPast, Past, SubscriptionBounds
from queuecast_gateway.settings import Settings
from queuecast_gateway.wire.protocol import BOARD_NAMESPACE

TRIES_SECONDS = 60.0
"""The window in which failed tries of an address are counted."""


def build_recovery(settings: Settings, bus: GatewayBus, store: SessionStore, metrics: Metrics) -> Recovery:
    """Return the recovery of sessions, and give the bus the history that it needs."""
    kept = settings.history_bytes if settings.recovery_seconds or settings.max_past_events else 0
    deflater = Deflater(settings.compress_bytes) if settings.compress_bytes else None
    bus.history = History(kept, settings.max_record_bytes, SkippedRecords(metrics).skip, deflater)
    bus.compression = Compression(bus.history, metrics)
    if settings.recovery_seconds:
        bus.offset_namespaces = frozenset(settings.namespaces)
    bounds = Bounds(
        settings.away_seconds, settings.max_replay_events, settings.max_replay_bytes, settings.max_rooms
    )
    quota = Quota(settings.max_session_bytes_per_address, settings.away_seconds)
    return Recovery(bus, store, bounds, metrics, quota)


def build_past_reader(settings: Settings, bus: GatewayBus, metrics: Metrics) -> Past:
    """Return what finds past events."""
    if not settings.max_past_events:
        return NoPast()
    bounds = PastBounds(
        settings.max_past_events,
        settings.max_past_bytes,
        settings.max_past_seconds,
        settings.past_bytes // 2,
        settings.keep_latest_seconds,
    )
    reader = PastReader(bus, bounds, settings.namespaces, metrics)
    metrics.past_held.set_function(lambda: reader.held_bytes)
    return reader


def build_jwks(settings: Settings, metrics: Metrics, end_without: Callable[[KeySet], object]) -> Jwks | None:
    """Return the issuer's key set, None if there is none.

    `end_without` is called with each new set if the settings want the sessions of withdrawn keys to end.
    """
    if settings.auth_jwks_url is None:
        return None

    def on_set(keys: KeySet) -> None:
        metrics.auth_keys.set(len(keys))
        if settings.auth_jwks_end_sessions:
            end_without(keys)

    return Jwks(
        settings.auth_jwks_url,
        settings.algorithms,
        refresh_seconds=settings.auth_jwks_seconds,
        stale_seconds=settings.auth_jwks_stale_seconds,
        on_failure=metrics.key_failures.inc,
        on_set=on_set,
    )


def build_authenticator(settings: Settings, jwks: Jwks | None) -> Authenticator:
    """Return what checks tokens; without keys everybody may connect."""
    keys = jwks or settings.static_key
    if keys is None:
        return OpenAuthenticator(
            EVERY_ROOM if settings.public_rooms is None else patterns(settings.public_rooms)
        )
    leeway = settings.auth_leeway_seconds
    rules = Rules(
        settings.algorithms, settings.auth_issuer, settings.auth_audience, leeway, settings.auth_types
    )
    tries = FailureLimiter(settings.max_failed_tries, TRIES_SECONDS)
    return TokenAuthenticator(Tokens(keys, rules), tries, patterns(settings.public_rooms or ()), leeway)


def build_admission(settings: Settings, metrics: Metrics) -> Admission:
    """Return the limits of connections, and raise the process's own limit of open files."""
    per_address = ConnectionLimiter(settings.max_connections_per_address)
    burst = settings.max_connections_per_address or settings.max_connections
    connect_rate = RateLimiter(settings.max_connects_per_second, burst)
    return Admission(raise_descriptor_limit(), settings.max_connections, per_address, connect_rate, metrics)


def build_presence(
    settings: Settings, bus: GatewayBus, server: SocketServer, metrics: Metrics
) -> Presence | None:
    """Return what tells who is there, None if nobody may ask."""
    if not settings.has_presence:
        return None
    bounds = PresenceBounds(
        patterns(settings.presence_rooms or ()),
        settings.presence_namespaces,
        settings.presence_seconds,
        settings.max_presence_rooms,
        settings.max_presence_users,
        settings.presence_bytes,
        settings.max_presence_event_bytes,
    )
    return Presence(bus, bounds, settings.replica, server.identity, metrics)


def register_handlers(
    settings: Settings,
    server: SocketServer,
    metrics: Metrics,
    past: Past,
    presence: Presence | None = None,
) -> None:
    """Register the handlers of browsers' events in every namespace."""
    bounds = SubscriptionBounds(
        settings.max_rooms,
        settings.max_room_bytes,
        settings.max_past_bytes_per_address,
    )
    handlers = Handlers(
        server,
        metrics,
        relay_events=settings.relay_events,
        bounds=bounds,
        past=past,
        presence=presence or NO_PRESENCE,
        schemas=settings.schemas,
    )
    for namespace in settings.namespaces:
        handlers.register(namespace)
    handlers.register_refresh(BOARD_NAMESPACE)


def build_ack_reporter(settings: Settings, bus: GatewayBus, metrics: Metrics) -> AckReporter | None:
    """Return what reports acknowledgements, None if it is off; the bus gets what collects them."""
    if not settings.acks:
        return None
    events = bus.awaited = AwaitedEvents(bus.host_id, bus.is_in, bus.clock.now, metrics)
    metrics.awaited_events.set_function(lambda: len(events))
    return AckReporter(bus, events)


def build_board(
    settings: Settings,
    server: SocketServer,
    bus: GatewayBus,
    metrics: Metrics,
    lag_seconds: Callable[[], float],
) -> Board:
    """Return what informs live boards, and answer their requests. The bus gets this replica's figures."""
    name = {"replica": settings.replica, "version": version("queuecast-gateway")}
    own = OwnFigures(server, settings.namespaces, name, lag_seconds, partial(total, metrics.events_delivered))
    bus.figures = ReplicaFigures(bus, own)
    kill = partial(os.kill, os.getpid(), signal.SIGKILL)
    rights, links = settings.board_rights, settings.named_links
    BoardRequests(server, bus, metrics, rights, links, Replicas(bus.figures), Queues(bus), kill).register()
    board = Board(server, **name, now=bus.clock.now)
    board.register()
    return board


def build_deletion_cost(settings: Settings, server: SocketServer, metrics: Metrics) -> DeletionCost | None:
    """Return what reports the pod's deletion cost, None outside of Kubernetes."""
    if settings.pod_name is None or settings.pod_namespace is None:
        return None
    return DeletionCost(
        settings.pod_name,
        settings.pod_namespace,
        lambda: len(server.eio.sockets),
        on_failure=metrics.deletion_cost_failures.inc,
    )


def build_node_emitters(settings: Settings, bus: GatewayBus) -> NodeEmitters | None:
    """Return what listens to Node's emitters, None if it should not."""
    if "node" not in settings.emitters:
        return None
    return NodeEmitters(bus.clients, bus.keys, bus.emitters, settings.max_record_bytes)


def bind_public(settings: Settings) -> socket:
    """Return the listening socket of the public port."""
    return bind(
        settings.host,
        settings.port,
        variable("port"),
        # A client that acknowledges nothing for as long as a pong may take is gone, whatever is still unsent.
        user_timeout_seconds=settings.ping_timeout_seconds,
        send_buffer_bytes=settings.send_buffer_bytes,
    )


def openness_notes(settings: Settings) -> tuple[str, ...]:
    """Return warnings for operators who have left the gateway open by accident."""
    notes = []
    if settings.auth == "none":
        where = "from any origin (QUEUECAST_ORIGINS=*)" if settings.origins == ("*",) else ""
        notes.append(f"open: anybody may connect{where and ', '}{where} (QUEUECAST_AUTH=none)")
    if settings.board_rights:
        may = ", ".join(settings.board_rights)
        notes.append(f"open: everybody who connects may {may} on the live board (QUEUECAST_BOARD_RIGHTS)")
    return tuple(notes)
