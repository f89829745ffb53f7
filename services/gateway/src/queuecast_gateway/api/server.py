"""The listener of the API: uvicorn, with limits on connections, on heads of requests and on slow clients."""

import asyncio
from collections.abc import Mapping
from typing import Any

import uvicorn

from queuecast_gateway.api.application import Application
from queuecast_gateway.api.metrics import ApiMetrics
from queuecast_gateway.api.operations import NO_ROUTE
from queuecast_gateway.engine.refusals import Refused
from queuecast_gateway.engine.timer_wheel import TimerWheel
from queuecast_gateway.public.http import HttpProtocol
from queuecast_gateway.public.web import WebServer
from queuecast_gateway.settings import Settings

MAX_CONNECTIONS = 500
"""Connections to the API at a time. Back ends keep a few open each."""

KEEP_ALIVE_SECONDS = 60
"""An idle connection is closed after so long."""

READ_SECONDS = 30.0
"""A client has to read some of an answer every so many seconds."""

FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class ApiConnection(HttpProtocol):
    """One connection. WebSockets are ignored, as RFC 9110, section 7.8, wants it."""

    def _should_upgrade(self) -> bool:
        return False


class _Full(asyncio.Protocol):
    """One connection too many."""

    def connection_made(self, transport: Any) -> None:
        transport.write(FULL)
        transport.close()


class ApiPort:
    """What all connections share; for uvicorn's `http=`, which it calls for each."""

    def __init__(self, wheel: TimerWheel, head_seconds: float, metrics: ApiMetrics) -> None:
        self.wheel = wheel
        self._head_seconds = head_seconds
        self._metrics = metrics

    def __call__(self, **options: Any) -> asyncio.Protocol:
        if len(options["server_state"].connections) >= MAX_CONNECTIONS:
            return _Full()
        return ApiConnection(self, self._head_seconds, READ_SECONDS, **options)

    def address(self, peer: Any, headers: Mapping[str, str]) -> str:
        """Return a client's address; no proxy is trusted to name another one."""
        return peer[0] if peer else ""

    def request_refused(self, refused: Refused, address: str) -> None:
        """Count what was no request that the application could answer."""
        self._metrics.requests.labels(NO_ROUTE, str(refused.status.value)).inc()


def api_server(
    application: Application, settings: Settings, wheel: TimerWheel, metrics: ApiMetrics
) -> WebServer:
    """Return the server of the API's port; `serve` starts it."""
    config = uvicorn.Config(
        application,
        http=ApiPort(wheel, settings.connect_seconds, metrics),  # type: ignore[arg-type]  # called like a class
        ws="none",
        # uvicorn would trust anybody on this host to name another address.
        proxy_headers=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.graceful_seconds,
    )
    return WebServer(config)
