"""A fake Socket.IO server with the gateway's handlers."""

from collections.abc import Sequence
from typing import Any

from prometheus_client import CollectorRegistry
from tests.unit.gateway.fakes import FakeServer

from queuecast_edge.schemas import NO_SCHEMAS, Schemas
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.server.handlers import NO_PRESENCE, Handlers
from queuecast_gateway.server.subscriptions import NoPast, Past, Presence, SubscriptionBounds

MAX_ROOMS = 3
MAX_ROOM_BYTES = 260
PAST_BYTES_PER_SECOND = 100


def make_server(
    registry: CollectorRegistry,
    relay_events: Sequence[str] = ("item_removed",),
    schemas: Schemas = NO_SCHEMAS,
    past: Past | None = None,
    presence: Presence = NO_PRESENCE,
) -> FakeServer:
    """Return a server that handles the events of browsers in `/` and `/shop`."""
    server = FakeServer()
    handlers = Handlers(
        server,
        Metrics(registry),
        relay_events=relay_events,
        bounds=SubscriptionBounds(MAX_ROOMS, MAX_ROOM_BYTES, PAST_BYTES_PER_SECOND),
        past=past or NoPast(),
        presence=presence,
        schemas=schemas,
    )
    handlers.register("/")
    handlers.register("/shop")
    return server


def assert_refused(ack: Any, code: str) -> None:
    """The browser gets the code, in the documented shape."""
    assert ack["ok"] is False
    assert ack["error"]["code"] == code
    assert ack["error"]["message"]
