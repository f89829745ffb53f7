"""A new connection until its first request: usually a WebSocket's, which needs no HTTP server."""

import asyncio
from dataclasses import dataclass
from typing import Any

from queuecast_gateway.engine import handshake
from queuecast_gateway.engine.engine import Engine
from queuecast_gateway.engine.opening_handshake import answer
from queuecast_gateway.public.admission import Admission
from queuecast_gateway.public.http import HttpProtocol

UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class PublicPort:
    """What all connections of the public port share; for uvicorn's `http=`, which it calls for each.

    The first request, and the head of each, may take `head_seconds`; a client has to read some of an answer
    every `read_seconds`.
    """

    admission: Admission
    engine: Engine
    head_seconds: float
    read_seconds: float

    def __call__(self, **options: Any) -> "FirstRequest":
        return FirstRequest(self, options)


class FirstRequest(asyncio.Protocol):
    """A connection that was accepted, and has sent nothing yet.

    The usual request for an Engine.IO WebSocket is answered from here: to make an HTTP server for it took a
    fifth of the CPU of a connect. Every other connection goes to uvicorn with its first bytes.
    """

    __slots__ = ("_connections", "_due", "_options", "_port", "_transport")

    def __init__(self, port: PublicPort, options: dict[str, Any]) -> None:
        self._port = port
        self._options = options
        self._connections: set[Any] = options["server_state"].connections
        self._due: int | None = None
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport, port = transport, self._port
        others = len(self._connections) + len(port.engine.closing_handshakes)
        if port.admission.admits(transport.get_extra_info("socket").fileno(), others):
            self._connections.add(self)
            self._due = port.engine.wheel.after(port.head_seconds, self.shutdown)
        else:
            transport.write(UNAVAILABLE)
            transport.close()

    def data_received(self, data: bytes) -> None:
        if self._due is None:
            return  # it is being closed
        self._leave()
        port = self._port
        request = handshake.parse_websocket_request(data)
        if request is not None and port.engine.owns(request.path):
            answer(port.engine, self._transport, request)
            return
        http = HttpProtocol(port.engine, port.head_seconds, port.read_seconds, **self._options)
        http.connection_made(self._transport)
        self._transport.set_protocol(http)
        http.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()

    def shutdown(self) -> None:
        """Close the connection: nothing came in time, or uvicorn stops. Browsers open spare connections."""
        self._leave()
        self._transport.close()

    def _leave(self) -> None:
        if self._due is not None:
            self._connections.discard(self)
            self._port.engine.wheel.cancel(self._due, self.shutdown)
            self._due = None
