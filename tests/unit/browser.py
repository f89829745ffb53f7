"""A gateway's Socket.IO server and connections to it, without a network and without Redis."""

import asyncio
import json
from typing import Any

from prometheus_client import CollectorRegistry
from tests.unit.gateway.fakes import FakeSessions, FakeTransport

from queuecast_gateway.access.authenticator import Authenticator, OpenAuthenticator
from queuecast_gateway.access.grant import EVERY_ROOM
from queuecast_gateway.composition import build_recovery
from queuecast_gateway.delivery.gateway_bus import GatewayBus
from queuecast_gateway.engine.frames import CLOSE, TEXT, encode
from queuecast_gateway.engine.session import Session
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.server.socketio_server import SocketServer
from queuecast_gateway.settings import Settings


def make_server(
    registry: CollectorRegistry,
    sessions: FakeSessions,
    authenticator: Authenticator | None = None,
    **options: Any,
) -> SocketServer:
    """Return a server as the gateway makes it; without an authenticator it is open."""
    settings = Settings(namespaces=("/", "/shop"), **options)
    bus, metrics = GatewayBus(settings), Metrics(registry)
    recovery = build_recovery(settings, bus, sessions, metrics)  # type: ignore[arg-type]  # a fake
    return SocketServer(bus, settings, metrics, recovery, authenticator or OpenAuthenticator(EVERY_ROOM))


class Browser:
    """A connection of a server, without a network: it says packets and sees what was written to it."""

    def __init__(self, server: SocketServer, *, deflates: bool = False) -> None:
        self._server = server
        self.transport = FakeTransport()
        environ = {"HTTP_ORIGIN": "https://example.org"}
        server.eio.open_websocket(self.transport, b"", environ, deflates=deflates)
        self.session: Session = self.transport.protocol
        self.transport.written.clear()

    async def says(self, *texts: str) -> None:
        """Send messages and wait until they were worked on."""
        for text in texts:
            masked = encode(TEXT, f"4{text}".encode())
            at = {126: 4, 127: 10}.get(masked[1], 2)
            self.session.data_received(
                bytes((masked[0], masked[1] | 0x80)) + masked[2:at] + bytes(4) + masked[at:]
            )
        await self.settle()

    async def settle(self) -> None:
        """Wait until what this connection has begun is done, and written."""
        while self.session.work is not None:
            await asyncio.wait([self.session.work])
        self._server.eio.outbox.flush()

    @property
    def texts(self) -> list[str]:
        return [data.decode() for opcode, data in self.transport.frames if opcode == TEXT]

    @property
    def close_code(self) -> int | None:
        codes = [data[:2] for opcode, data in self.transport.frames if opcode == CLOSE]
        return int.from_bytes(codes[0], "big") if codes else None

    async def joined(self, namespace: str = "/", **data: Any) -> str:
        """Join a namespace with this data; return the session id that the server gave."""
        await self.says(connect(namespace, **data))
        sid = self._server.manager.sid_from_eio_sid(self.session.sid, namespace)
        assert isinstance(sid, str), self.texts
        self.transport.written.clear()
        return sid


def connect(namespace: str = "/", **data: Any) -> str:
    """Return a CONNECT packet."""
    return f"0{'' if namespace == '/' else f'{namespace},'}{json.dumps(data) if data else ''}"


def residue(server: SocketServer) -> dict[str, Any]:
    """Return what a server keeps of connections, and has to forget with them: all that is not empty."""
    bus = server.manager
    kept = {
        "sockets": dict(server.eio.sockets),
        "environ": dict(server.environ),
        "rooms": dict(bus.rooms),
        "joined": [sid for sids in bus._joined.values() for sid in sids],
        "binary": dict(server._binary_packet),
        "pending": [*bus.pending_connect, *bus.pending_disconnect],
        "without offsets": [eio_sid for eio_sids in bus._without_offsets.values() for eio_sid in eio_sids],
        "expected": dict(bus._expected),
        "identities": dict(server.authentication.identities._active),
        "welcomes": dict(server._connect_requests._welcomes),
        "sessions": dict(server._sessions._live),
        "lifetimes": dict(server._lifetimes._ends),
        "left": dict(server._join_deadlines._timers),
    }
    return {name: what for name, what in kept.items() if what}
