"""CONNECT packets: a client joins a namespace, or learns why it may not.

`Authentication` decides who may join, and `Recovery` finds what the client missed. This module sends the
answers, in the order that a client needs: missed events, CONNECT, then everything else.
https://socket.io/docs/v4/socket-io-protocol/
"""

import logging
import re
from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import Any, Protocol

from socketio.packet import BINARY_EVENT, CONNECT, CONNECT_ERROR, EVENT

from queuecast_bus import BusUnavailable
from queuecast_gateway.access.authenticator import ConnectRefused, KeysUnavailable
from queuecast_gateway.delivery.gateway_bus import GatewayBus
from queuecast_gateway.engine import frames, packets
from queuecast_gateway.engine.session import Session
from queuecast_gateway.limits.log_limiter import LogLimiter
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.recovery.live_sessions import LiveSessions
from queuecast_gateway.recovery.welcome import Welcome
from queuecast_gateway.server.authentication import Authentication
from queuecast_gateway.server.drain import LEAVING
from queuecast_gateway.wire.packet import SocketPacket, packet_frames
from queuecast_gateway.wire.protocol import namespace_prefix

log = logging.getLogger(__name__)

NO_ENVIRON: MappingProxyType[str, Any] = MappingProxyType({})
"""The environ of a connection after its first connect handler has returned: the request is kept no longer."""

_EVENT_HEAD = re.compile(rf"{packets.MESSAGE}[{EVENT}{BINARY_EVENT}](?:\d+-)?((?:/[^,]*,)?)")


class Server(Protocol):
    """The part of a Socket.IO server that CONNECT needs."""

    manager: GatewayBus
    environ: dict[str, Any]
    namespaces: Any
    handlers: dict[str, Any]
    namespace_handlers: dict[str, Any]


class ConnectRequests:
    """Answers CONNECT packets.

    `connect` is python-socketio's own handling: it runs the connect handler of the namespace, then sends
    CONNECT or CONNECT_ERROR by `accept` or `reject`.
    """

    def __init__(
        self,
        server: Server,
        connect: Callable[[str, str, dict[str, Any]], Awaitable[None]],
        authentication: Authentication,
        sessions: LiveSessions,
        metrics: Metrics,
    ) -> None:
        self._server = server
        self._connect = connect
        self._authentication = authentication
        self._sessions = sessions
        self._metrics = metrics
        self._log_limiter = LogLimiter()
        self._welcomes: dict[str, Welcome] = {}

    async def handle(self, session: Session, namespace: str, data: dict[str, Any]) -> None:
        """Answer a CONNECT packet with this data."""
        if not self._is_served(namespace):
            session.write(_error(namespace, {"message": "Invalid namespace"}))
            return
        manager = self._server.manager
        try:
            data, welcome = await self._authentication.admit(session, namespace, data)
        except ConnectRefused as exc:
            session.write(_error(namespace, exc.data))
            if exc.code == "too_many_tries" and not manager.namespaces_of(session.sid):
                # The next guess has to cost another connection.
                session.refuse(frames.POLICY, "tries", str(exc))
            return
        except (BusUnavailable, KeysUnavailable) as exc:
            fault = "keys_unavailable" if isinstance(exc, KeysUnavailable) else "bus_unavailable"
            self._metrics.connects_refused.labels(fault).inc()
            if self._log_limiter.allows():
                log.info("a browser is asked to reconnect later: %s", exc)
            session.end(LEAVING, code=frames.TRY_AGAIN_LATER, text="come back later")
            return
        if welcome is not None:
            self._welcomes[session.sid] = welcome
        try:
            if not session.closed:
                await self._join(session, namespace, data)
        finally:
            self._welcomes.pop(session.sid, None)
            if not manager.sid_from_eio_sid(session.sid, namespace):
                self._authentication.forget(session, namespace)

    def accept(self, session: Session, packet: Any) -> None:
        """Send a CONNECT packet, then the events that the client missed.

        Not before it, as Socket.IO's own server does: a stock client keeps what comes before CONNECT. If the
        connection breaks in between, it has no new offset, is sent the same events again, and handles both.
        """
        welcome = self._welcomes.pop(session.sid, None)
        if welcome is not None:
            packet.data["pid"] = welcome.pid
            sent = packet_frames(packet) + welcome.missed + welcome.offset
            sid, namespace = packet.data["sid"], packet.namespace or "/"
            subject = self._authentication.identity(sid, namespace).subject
            self._sessions.opened(sid, namespace, welcome, subject, session.address)
        else:
            sent = packet_frames(packet)
        if session.held:
            session.release(sent)
        else:
            session.write(sent)

    def reject(self, session: Session, packet: Any) -> None:
        """Send a CONNECT_ERROR packet, and drop the events of its namespace that were held meanwhile."""
        prefix = namespace_prefix(packet.namespace)
        session.release(packet_frames(packet), lambda piece: not _is_of(piece, prefix))

    async def _join(self, session: Session, namespace: str, data: dict[str, Any]) -> None:
        eio_sid, manager = session.sid, self._server.manager
        if self._has_connect_handler(namespace):
            # What the handler emits, and what its rooms receive, has to come after the CONNECT packet.
            session.hold()
        try:
            if session.held:
                await self._connect(eio_sid, namespace, data)
            else:
                sid = await manager.pre_connect(eio_sid, namespace)
                self.accept(session, SocketPacket(CONNECT, data={"sid": sid}, namespace=namespace))
                await manager.connect(sid, namespace)
        except Exception:
            log.exception("the connect handler of %r failed", namespace)
            if sid := manager.sid_from_eio_sid(eio_sid, namespace):
                await manager.disconnect(sid, namespace, ignore_queue=True)
            error = SocketPacket(CONNECT_ERROR, data={"message": "Internal error"}, namespace=namespace)
            if session.held:
                self.reject(session, error)
            else:
                session.write(packet_frames(error))
        finally:
            if session.held:
                session.release(b"")
        if eio_sid in self._server.environ and manager.sid_from_eio_sid(eio_sid, namespace):
            self._server.environ[eio_sid] = NO_ENVIRON
            session.head_bytes = 0

    def _is_served(self, namespace: str) -> bool:
        server = self._server
        return bool(
            namespace in server.namespaces
            or server.namespaces == "*"
            or namespace in server.handlers
            or namespace in server.namespace_handlers
        )

    def _has_connect_handler(self, namespace: str) -> bool:
        server = self._server
        return "connect" in server.handlers.get(namespace, {}) or namespace in server.namespace_handlers


def _error(namespace: str, data: dict[str, Any]) -> bytes:
    return packet_frames(SocketPacket(CONNECT_ERROR, data=data, namespace=namespace))


def _is_of(piece: bytes, prefix: str) -> bool:
    """Say whether frames are one or more event packets of the namespace with this prefix."""
    opcode, payload = next(frames.split(piece))
    found = _EVENT_HEAD.match(payload.decode(errors="replace")) if opcode == frames.TEXT else None
    return found is not None and found[1] == prefix
