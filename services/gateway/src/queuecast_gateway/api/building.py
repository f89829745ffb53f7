"""Builds the API from the gateway's settings and parts."""

import json
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from queuecast_gateway.access.api_tokens import ApiTokens
from queuecast_gateway.access.grant import patterns
from queuecast_gateway.api.access import Access
from queuecast_gateway.api.application import Application, Limits
from queuecast_gateway.api.handlers import Handlers
from queuecast_gateway.api.history import History
from queuecast_gateway.api.messages import Rules
from queuecast_gateway.api.metrics import ApiMetrics
from queuecast_gateway.api.openapi import description
from queuecast_gateway.api.presence import WhoIsThere
from queuecast_gateway.api.publishing import Publishing
from queuecast_gateway.api.rooms import Rooms
from queuecast_gateway.api.server import api_server
from queuecast_gateway.board.replicas import Replicas
from queuecast_gateway.delivery.gateway_bus import GatewayBus
from queuecast_gateway.engine.timer_wheel import TimerWheel
from queuecast_gateway.limits.failure_limiter import FailureLimiter
from queuecast_gateway.presence.view import PresenceView
from queuecast_gateway.public.web import WebServer
from queuecast_gateway.server.subscriptions import Past
from queuecast_gateway.settings import Settings

TRIES_SECONDS = 60.0
"""The window in which unknown tokens of an address are counted."""


def build_api(
    settings: Settings,
    registry: CollectorRegistry,
    bus: GatewayBus,
    past: Past,
    presence: PresenceView | None,
    wheel: TimerWheel,
    is_stopping: Callable[[], bool],
) -> WebServer | None:
    """Return the API's server, None if there is none."""
    if settings.api_port is None or settings.api_token_file is None:
        return None
    metrics = ApiMetrics(registry)
    rules = Rules(
        settings.api_max_batch,
        settings.max_record_bytes,
        settings.schemas_of_api,
        settings.keep_latest_seconds > 0,
    )
    document = description(settings.api_max_batch, settings.api_max_body_bytes)
    handlers = Handlers(
        Publishing(bus, settings.namespaces, metrics),
        rules,
        Rooms(Replicas(bus.figures), bus.room_counts),
        WhoIsThere(
            presence, patterns(settings.presence_rooms or ()), namespaces=settings.presence_namespaces
        ),
        History(past, settings.namespaces),
        json.dumps(document, ensure_ascii=False).encode(),
    )
    access = Access(
        ApiTokens(settings.api_token_file), FailureLimiter(settings.max_failed_tries, TRIES_SECONDS)
    )
    limits = Limits(
        settings.api_max_body_bytes,
        settings.connect_seconds,
        settings.api_max_requests,
        settings.api_max_events_per_second,
    )
    application = Application(access, limits, handlers.by_name, metrics, is_stopping)
    return api_server(application, settings, wheel, metrics)
