"""The Socket.IO server: python-socketio's on our engine, with strict input and counted connections.

No other module subclasses python-socketio's server. Where the stock server departs from the protocol's text,
this one follows the text: https://socket.io/docs/v4/socket-io-protocol/
"""

import logging
import time
from collections.abc import Container
from typing import Any

import socketio
from socketio.packet import ACK, BINARY_EVENT, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT

from queuecast_bus.awaited import FIRST_ID
from queuecast_gateway.access.authenticator import Authenticator
from queuecast_gateway.access.grant import Identity
from queuecast_gateway.delivery.gateway_bus import GatewayBus
from queuecast_gateway.engine import frames
from queuecast_gateway.engine.connection_limits import ConnectionLimits
from queuecast_gateway.engine.engine import Engine
from queuecast_gateway.engine.session import Session
from queuecast_gateway.limits.client_address import address_key
from queuecast_gateway.limits.log_limiter import LogLimiter
from queuecast_gateway.metrics import DISCONNECT_REASONS, TRANSPORTS, Metrics
from queuecast_gateway.reasons import CloseReason
from queuecast_gateway.recovery.recovery import Recovery
from queuecast_gateway.recovery.welcome import offset_frames
from queuecast_gateway.server.authentication import KEY_WITHDRAWN, TOKEN_EXPIRED, Authentication
from queuecast_gateway.server.connect_requests import ConnectRequests
from queuecast_gateway.server.drain import LEAVING, Lifetimes, end_for_reconnect
from queuecast_gateway.server.engine_options import engine_options, server_options
from queuecast_gateway.server.foreign_parsers import ForeignParsers
from queuecast_gateway.server.join_deadlines import JoinDeadlines
from queuecast_gateway.server.packet_assembler import PacketAssembler
from queuecast_gateway.server.refused_requests import RefusedRequests
from queuecast_gateway.server.relay import Relay
from queuecast_gateway.settings import Settings
from queuecast_gateway.wire.packet import BadPacket, SocketPacket, packet_frames
from queuecast_gateway.wire.past import PastAck
from queuecast_gateway.wire.protocol import refused

log = logging.getLogger(__name__)

FINAL_REASONS = frozenset({"parse error", "flood"})
"""A connection that ends for one of these ends its sessions too: a client that breaks the protocol cannot
recover them."""

SENT_AWAY_REASONS = frozenset({LEAVING, "slow", TOKEN_EXPIRED, KEY_WITHDRAWN})
"""A connection that ends for one of these was closed by us, and did not break off."""


class SocketServer(socketio.AsyncServer):  # type: ignore[misc]  # python-socketio has no types
    """A Socket.IO server whose client manager is the bus. `relay` publishes a browser's event."""

    def __init__(
        self,
        bus: GatewayBus,
        settings: Settings,
        metrics: Metrics,
        recovery: Recovery,
        authenticator: Authenticator,
        connection_limits: ConnectionLimits | None = None,
    ) -> None:
        super().__init__(
            client_manager=bus,
            on_refused=self._refused,
            on_request_refused=RefusedRequests(metrics, settings.page_origins).add,
            on_ping=self._pinged,
            connection_limits=connection_limits,
            **server_options(settings),
            **engine_options(settings),
        )
        self._connect_seconds = settings.connect_seconds
        self._lifetimes = Lifetimes(settings.max_connection_seconds)
        self._metrics = metrics
        self._recovery = recovery
        self._sessions = recovery.sessions
        self.authentication = Authentication(
            self, authenticator, recovery, metrics, settings.max_connections_per_identity
        )
        self._connect_requests = ConnectRequests(
            self, super()._handle_connect, self.authentication, recovery.sessions, metrics
        )
        self._assembler = PacketAssembler(self._binary_packet)
        self._foreign_parsers = ForeignParsers(metrics)
        self._join_deadlines = JoinDeadlines(
            self.eio.wheel, settings.connect_seconds, self._has_joined, self._end_unjoined
        )
        relay = Relay(self, settings.max_relay_bytes_per_address, settings.volatile_relay_events)
        self.relay, self.reserve_relay = relay.publish, relay.reserve
        self._close_log = LogLimiter()
        self._connects = {transport: metrics.connects.labels(transport) for transport in TRANSPORTS}

    def _engineio_server_class(self) -> type[Engine]:
        return Engine

    # The life of a connection

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        session = self.eio.sockets.get(eio_sid)
        self._metrics.connections.inc()
        self._connects["polling" if session is None or session.polling else "websocket"].inc()
        self._lifetimes.begin(eio_sid, time.monotonic())
        self._recovery.opened(eio_sid, environ)
        self._join_deadlines.begin(eio_sid)

    def _has_joined(self, eio_sid: str) -> bool:
        return bool(self.manager.namespaces_of(eio_sid))

    def _end_unjoined(self, eio_sid: str) -> None:
        session = self.eio.sockets.get(eio_sid)
        if session is not None and not self._foreign_parsers.end(session):
            session.refuse(frames.POLICY, "no_connect", f"no CONNECT within {self._connect_seconds:g} s")

    def _pinged(self, session: Session) -> bytes:
        if self._lifetimes.over(session.sid, time.monotonic()):
            end_for_reconnect(session)
        return self._sessions.pinged(session.sid)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        known = eio_sid in self.environ
        self._binary_packet.pop(eio_sid, None)
        self._lifetimes.end(eio_sid)
        self._join_deadlines.end(eio_sid)
        self._recovery.closed(eio_sid)
        self._foreign_parsers.forget(eio_sid)
        self._sessions.left(
            eio_sid,
            "drop" if reason in FINAL_REASONS else "sent_away" if reason in SENT_AWAY_REASONS else "left",
        )
        self.manager.forget_connection(eio_sid)
        await super()._handle_eio_disconnect(eio_sid, reason)
        if known:
            label = reason.replace(" ", "_")
            self._metrics.connections.dec()
            self._metrics.disconnects.labels(label if label in DISCONNECT_REASONS else "other").inc()

    def _refused(self, eio_sid: str, reason: CloseReason, text: str) -> None:
        self._metrics.events_refused.labels(reason).inc()
        if self._close_log.allows():
            log.warning("connection %s is closed: %s", eio_sid, text)

    # Sessions

    def identity(self, sid: str, namespace: str) -> Identity:
        """Return the identity of a session."""
        return self.authentication.identity(sid, namespace)

    async def renew(self, sid: str, namespace: str, token: Any) -> Identity:
        """Give a session another token. Raises `ConnectRefused` and `KeysUnavailable`."""
        return await self.authentication.renew(sid, namespace, token)

    def sessions_of(self, subject: str, namespace: str) -> list[str]:
        """Return the sessions of a subject."""
        sockets = self.authentication.identities.sockets_of(subject)
        found = [
            self.manager.sid_from_eio_sid(eio_sid, joined)
            for eio_sid, joined in sockets
            if joined == namespace
        ]
        return [sid for sid in found if sid is not None]

    async def remember(self, sid: str, namespace: str) -> None:
        """Save a session's rooms, so that it recovers them. Raises `BusUnavailable`."""
        await self._sessions.remember(sid, namespace)

    def address_of(self, sid: str, namespace: str) -> str:
        """Return the address of a session's client as limits count it, "" if it has gone."""
        session = self.eio.sockets.get(self.manager.eio_sid_from_sid(sid, namespace))
        return "" if session is None else address_key(session.address)

    def joined(self, sid: str, namespace: str) -> Container[str]:
        """Return a session's rooms, watch rooms too."""
        joined: Container[str] = self.manager.joined(sid, namespace)
        return joined

    def reserve_room(self, sid: str, room: str, namespace: str) -> None:
        """Have a session join a room whose events it receives from `open_room` on."""
        self.manager.reserve_room(sid, namespace, room)

    def open_room(self, sid: str, room: str, namespace: str) -> None:
        """Have a session receive the events of a room that was reserved for it."""
        self.manager.basic_enter_room(sid, namespace, room)

    # Packets

    async def _send_packet(self, eio_sid: str, pkt: Any) -> None:
        session = self.eio.sockets.get(eio_sid)
        if session is None:
            return
        if pkt.packet_type == CONNECT:
            self._connect_requests.accept(session, pkt)
        elif pkt.packet_type == CONNECT_ERROR and session.held:
            self._connect_requests.reject(session, pkt)
        elif pkt.packet_type == ACK and pkt.data and isinstance(pkt.data[0], PastAck):
            session.write(self._past_frames(eio_sid, pkt.namespace or "/", pkt.id, pkt.data[0]))
        else:
            session.write(packet_frames(pkt))
            if pkt.packet_type == DISCONNECT:
                self._join_deadlines.begin(eio_sid)

    def _past_frames(self, eio_sid: str, namespace: str, packet_id: int, ack: PastAck) -> bytes:
        """Return the frames of an acknowledgement with past events.

        A client that recovers is first told their offset: otherwise, if its connection broke off right after
        the acknowledgement, it would be sent the last of these events once more.
        """
        told = b""
        if self.manager.gets_offsets(eio_sid, namespace):
            told = offset_frames(namespace, ack.past.offset)
        return told + ack.frames(namespace, packet_id)

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        # None if the connection ended together with this message, which still counts.
        session = self.eio.sockets.get(eio_sid)
        try:
            packet = self._read(eio_sid, session, data)
        except BadPacket as exc:
            if session is not None and not self._is_foreign(session, data):
                session.drop_messages()
                session.refuse(frames.POLICY, exc.reason, str(exc))
            return
        if packet is None:
            return
        namespace = packet.namespace or "/"
        if packet.packet_type == CONNECT:
            if session is not None:
                await self._connect_requests.handle(session, namespace, packet.data or {})
        elif packet.packet_type == DISCONNECT:
            await self._handle_disconnect(eio_sid, namespace, self.reason.CLIENT_DISCONNECT)
        elif packet.packet_type in (EVENT, BINARY_EVENT):
            if session is not None and session.spend(0, 0):
                await self._slow_down(eio_sid, namespace, packet.id)
            else:
                await self._handle_event(eio_sid, namespace, packet.id, packet.data)
        elif packet.id is not None and packet.id >= FIRST_ID:
            if self.manager.awaited is not None:
                sid = self.manager.sid_from_eio_sid(eio_sid, namespace)
                self.manager.awaited.acknowledged(sid, namespace, packet.id)
        else:
            await self._handle_ack(eio_sid, namespace, packet.id, packet.data)

    def _is_foreign(self, session: Session, data: str | bytes) -> bool:
        """Say whether a client that has joined nothing has another parser; it is then told."""
        return not self.manager.namespaces_of(session.sid) and self._foreign_parsers.tell(session, data)

    def _read(self, eio_sid: str, session: Session | None, data: str | bytes) -> SocketPacket | None:
        """Return the packet that `data` completes. Raises `BadPacket`, also if its namespace expects none."""
        packet = self._assembler.add(eio_sid, session, data)
        if packet is not None:
            is_connected = self.manager.sid_from_eio_sid(eio_sid, packet.namespace or "/") is not None
            if is_connected == (packet.packet_type == CONNECT):
                raise BadPacket("unexpected", "a packet that its namespace does not expect")
        return packet

    async def _slow_down(self, eio_sid: str, namespace: str, packet_id: int | None) -> None:
        """Refuse an event of a browser that sends too much. If it goes on, the engine cuts it off."""
        ack = refused("rate_limited", "too many events or bytes: nothing was done, slow down")
        self._metrics.acks_refused.labels("rate_limited").inc()
        if packet_id is not None:
            await self._send_packet(eio_sid, SocketPacket(ACK, namespace=namespace, id=packet_id, data=[ack]))

    async def _handle_disconnect(self, eio_sid: str, namespace: str, reason: str | None = None) -> None:
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace)
        try:
            await super()._handle_disconnect(eio_sid, namespace, reason)
        except Exception:
            log.exception("the disconnect handler of %r failed", namespace)
            # python-socketio cleans up after the handler; otherwise the rooms would keep the sid for ever.
            await self.manager.disconnect(sid, namespace, ignore_queue=True)
        if eio_sid in self.eio.sockets:
            self._join_deadlines.begin(eio_sid)
