"""The options that python-socketio and the engine are built with, taken from the gateway's settings."""

import logging
from functools import partial
from typing import Any

from queuecast_gateway.limits.client_address import client_address, networks
from queuecast_gateway.settings import Settings
from queuecast_gateway.wire.packet import SocketPacket
from queuecast_gateway.wire.protocol import BOARD_NAMESPACE


def server_options(settings: Settings) -> dict[str, Any]:
    """Return the options of python-socketio's own server."""
    return {
        "serializer": SocketPacket,
        "async_mode": "asgi",
        # One event of a browser at a time: this keeps their order, and a slow bus slows down its senders.
        "async_handlers": False,
        "namespaces": [*settings.namespaces, BOARD_NAMESPACE],
        "logger": logging.getLogger("socketio"),
        "engineio_logger": logging.getLogger("engineio"),
    }


def engine_options(settings: Settings) -> dict[str, Any]:
    """Return the options of the engine, which python-socketio passes on to it."""
    return {
        "path": f"{settings.path.rstrip('/')}/",
        "transports": list(settings.transports),
        "cors_allowed_origins": "*" if (origins := settings.page_origins) is None else origins.allows,
        "hosts": settings.own_hosts,
        "accepts_compression": settings.compress_bytes > 0,
        "max_http_buffer_size": settings.max_message_bytes,
        "max_buffered_bytes": settings.max_buffered_bytes,
        "max_incoming_bytes": settings.max_incoming_bytes,
        "kernel_bytes": 2 * settings.send_buffer_bytes,
        "request_seconds": settings.connect_seconds,
        "ping_interval": settings.ping_interval_seconds,
        "ping_timeout": settings.ping_timeout_seconds,
        "rates": settings.rates,
        "address_of": partial(
            client_address,
            trusted=networks(settings.trusted_proxies),
            max_hops=settings.trusted_hops,
        ),
    }
