"""The Socket.IO server: python-socketio's on our engine, its connections counted, its input guarded.

The one place that names python-socketio's server. Where the stock server departs from the protocol's text,
this one follows the text: https://socket.io/docs/v4/socket-io-protocol/
"""

import logging
import re
import time
from functools import partial
from sys import getsizeof
from types import MappingProxyType
from typing import Any

import socketio
from socketio.packet import ACK, BINARY_ACK, BINARY_EVENT, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT

from queuecast_bus import BusUnavailable
from queuecast_gateway.access.grant import Identity
from queuecast_gateway.access.guard import Guard, KeysUnavailable, Unwelcome
from queuecast_gateway.board import BOARD_NAMESPACE
from queuecast_gateway.drain import LEAVING, Lifetimes, part
from queuecast_gateway.engine import frames, packets
from queuecast_gateway.engine.engine import Engine, Guests
from queuecast_gateway.engine.handshake import Refused
from queuecast_gateway.engine.session import Session
from queuecast_gateway.entrance import Entrance
from queuecast_gateway.faults import Fault
from queuecast_gateway.limits.address import address_key, client_address, networks
from queuecast_gateway.limits.arrivals import Arrivals, TooMuch
from queuecast_gateway.limits.lines import Lines
from queuecast_gateway.metrics import DISCONNECT_REASONS, TRANSPORTS, Metrics
from queuecast_gateway.packet import BadPacket, SocketPacket, namespace_prefix, packet_frames
from queuecast_gateway.protocol import refused
from queuecast_gateway.recovery import Recovery, Welcome
from queuecast_gateway.replicas import GatewayBus
from queuecast_gateway.settings import Settings

log = logging.getLogger(__name__)

FORGOTTEN: MappingProxyType[str, Any] = MappingProxyType({})
"""The environ of a connection whose first connect handler has returned: the request is kept no longer."""


FINAL_REASONS = frozenset({"parse error", "flood"})
"""Ends of a connection after which its sessions are over: whoever breaks a protocol begins anew."""

RELAY_BURST_SECONDS = 10.0
"""As many of an address's bytes as it may have relayed in this time it may have at once."""

_EVENT_HEAD = re.compile(rf"{packets.MESSAGE}[{EVENT}{BINARY_EVENT}](?:\d+-)?((?:/[^,]*,)?)")


class SocketServer(socketio.AsyncServer):  # type: ignore[misc]  # python-socketio has no types
    """A Socket.IO server whose client manager is the bus."""

    def __init__(
        self,
        bus: GatewayBus,
        settings: Settings,
        metrics: Metrics,
        recovery: Recovery,
        guard: Guard,
        guests: Guests | None = None,
    ) -> None:
        super().__init__(
            client_manager=bus,
            serializer=SocketPacket,
            async_mode="asgi",
            # One event of a browser at a time: their order holds, and a slow bus slows down who writes to it.
            async_handlers=False,
            namespaces=[*settings.namespaces, BOARD_NAMESPACE],
            transports=list(settings.transports),
            cors_allowed_origins=settings.allowed_origins,
            max_http_buffer_size=settings.max_message_bytes,
            max_buffered_bytes=settings.max_buffered_bytes,
            max_incoming_bytes=settings.max_incoming_bytes,
            kernel_bytes=2 * settings.send_buffer_bytes,
            request_seconds=settings.connect_seconds,
            ping_interval=settings.ping_interval_seconds,
            ping_timeout=settings.ping_timeout_seconds,
            on_refused=self._refused,
            on_turned_away=self._turned_away,
            on_ping=self._pinged,
            guests=guests,
            address_of=partial(
                client_address,
                trusted=networks(settings.trusted_proxies),
                most_hops=settings.trusted_hops,
            ),
            rates=settings.rates,
            hosts=settings.own_hosts,
            logger=logging.getLogger("socketio"),
            engineio_logger=logging.getLogger("engineio"),
        )
        self._connect_seconds = settings.connect_seconds
        self._lifetimes = Lifetimes(settings.max_connection_seconds)
        self._metrics = metrics
        self._recovery = recovery
        self.entrance = Entrance(self, guard, recovery, metrics, settings.max_connections_per_identity)
        self._lines_closed = Lines()
        self._lines_turned_away = Lines()
        self._lines_later = Lines()
        rate = settings.max_relay_bytes_per_address
        self._relayed = Arrivals(rate, round(RELAY_BURST_SECONDS * rate))
        self._welcomes: dict[str, Welcome] = {}
        self._connects = {transport: metrics.connects.labels(transport) for transport in TRANSPORTS}

    def _engineio_server_class(self) -> type[Engine]:
        return Engine

    # Connections

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        session = self.eio.sockets.get(eio_sid)
        self._metrics.connections.inc()
        self._connects["polling" if session is None or session.polling else "websocket"].inc()
        self._lifetimes.begin(eio_sid, time.monotonic())
        self.eio.wheel.after(self._connect_seconds, partial(self._expect_connect, eio_sid))

    def _expect_connect(self, eio_sid: str) -> None:
        session = self.eio.sockets.get(eio_sid)
        if session is not None and not self._namespaces_of(eio_sid):
            session.refuse(frames.POLICY, "no_connect", f"no CONNECT within {self._connect_seconds:g} s")

    def _namespaces_of(self, eio_sid: str) -> list[str]:
        return [
            name for name in self.manager.get_namespaces() if self.manager.sid_from_eio_sid(eio_sid, name)
        ]

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        known = eio_sid in self.environ
        self._binary_packet.pop(eio_sid, None)
        self._lifetimes.end(eio_sid)
        self._recovery.left(eio_sid, for_good=reason in FINAL_REASONS)
        self.manager.forget_connection(eio_sid)
        await super()._handle_eio_disconnect(eio_sid, reason)
        if known:
            label = reason.replace(" ", "_")
            self._metrics.connections.dec()
            self._metrics.disconnects.labels(label if label in DISCONNECT_REASONS else "other").inc()

    def _refused(self, eio_sid: str, fault: Fault, why: str) -> None:
        self._metrics.events_refused.labels(fault).inc()
        if self._lines_closed.has_room():
            log.warning("connection %s is closed: %s", eio_sid, why)

    def _turned_away(self, refused: Refused, address: str) -> None:
        self._metrics.handshakes_refused.labels(refused.turn).inc()
        if self._lines_turned_away.has_room():
            log.info("a request of %s is turned away: %s (%s)", address or "somebody", refused, refused.turn)

    def _pinged(self, session: Session) -> bytes:
        if self._lifetimes.over(session.sid, time.monotonic()):
            part(session)
        return self._recovery.pinged(session.sid)

    # Identities

    def identity(self, sid: str, namespace: str) -> Identity:
        """Return who a session is."""
        return self.entrance.identity(sid, namespace)

    async def renew(self, sid: str, namespace: str, token: Any) -> Identity:
        """Have a session go on with another token. Raises `Unwelcome` and `KeysUnavailable`."""
        return await self.entrance.renew(sid, namespace, token)

    def sessions_of(self, subject: str, namespace: str) -> list[str]:
        """Return the sessions of somebody."""
        places = self.entrance.people.places(subject)
        found = [
            self.manager.sid_from_eio_sid(eio_sid, where) for eio_sid, where in places if where == namespace
        ]
        return [sid for sid in found if sid is not None]

    # Rooms

    async def remember(self, sid: str, namespace: str) -> None:
        """Write a session's rooms down, so that it comes back to them. Raises `BusUnavailable`."""
        await self._recovery.remember(sid, namespace)

    # Events for everyone

    async def relay(self, sid: str, event: str, arguments: tuple[Any, ...], namespace: str) -> None:
        """Send a browser's event on to all in its namespace.

        Raises `TooMuch` if its address has sent on too much, `BusUnavailable` and `BadRecord`.
        """
        session = self.eio.sockets.get(self.manager.eio_sid_from_sid(sid, namespace))
        key = address_key(session.address) if session is not None else ""
        now = time.monotonic()
        if self._relayed.wait(key, now):
            raise TooMuch("too many bytes of this address in a time: nothing was done, slow down")
        record = self.manager.record(event, arguments, namespace)
        self._relayed.came(key, now, record.size)
        await self.manager.publish([(record, None)])

    # Packets

    async def _send_packet(self, eio_sid: str, pkt: Any) -> None:
        session = self.eio.sockets.get(eio_sid)
        if session is None:
            return
        if pkt.packet_type == CONNECT:
            self._welcome(session, pkt)
        elif pkt.packet_type == CONNECT_ERROR and session.held:
            # What was held for who may not come in is nobody's.
            prefix = namespace_prefix(pkt.namespace)
            session.release(packet_frames(pkt), lambda piece: not _is_of(piece, prefix))
        else:
            session.write(packet_frames(pkt))

    def _welcome(self, session: Session, pkt: Any) -> None:
        welcome = self._welcomes.pop(session.sid, None)
        if welcome is not None:
            pkt.data["pid"] = welcome.pid
            sent = welcome.missed + packet_frames(pkt) + welcome.offset
            sid, namespace = pkt.data["sid"], pkt.namespace or "/"
            subject = self.identity(sid, namespace).subject
            self._recovery.opened(sid, namespace, welcome, subject, session.address)
        else:
            sent = packet_frames(pkt)
        if session.held:
            session.release(sent)
        else:
            session.write(sent)

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        # None if its end came together with this: what was said before it counts all the same.
        session = self.eio.sockets.get(eio_sid)
        try:
            packet = self._read(eio_sid, data)
        except BadPacket as exc:
            if session is not None:
                session.forget_messages()
                session.refuse(frames.POLICY, exc.fault, str(exc))
            return
        if packet is None:
            return
        namespace = packet.namespace or "/"
        if packet.packet_type == CONNECT:
            if session is not None:
                await self._handle_connect(eio_sid, namespace, packet.data)
        elif packet.packet_type == DISCONNECT:
            await self._handle_disconnect(eio_sid, namespace, self.reason.CLIENT_DISCONNECT)
        elif packet.packet_type in (EVENT, BINARY_EVENT):
            if session is not None and session.spend(0, 0):
                await self._slow_down(eio_sid, namespace, packet.id)
            else:
                await self._handle_event(eio_sid, namespace, packet.id, packet.data)
        else:
            await self._handle_ack(eio_sid, namespace, packet.id, packet.data)

    async def _slow_down(self, eio_sid: str, namespace: str, packet_id: int | None) -> None:
        """Refuse an event of a browser that says too much; it is cut off if it does not listen."""
        ack = refused("rate_limited", "too many events or bytes in a time: nothing was done, slow down")
        self._metrics.acks_refused.labels("rate_limited").inc()
        if packet_id is not None:
            await self._send_packet(eio_sid, SocketPacket(ACK, namespace=namespace, id=packet_id, data=[ack]))

    def _read(self, eio_sid: str, data: str | bytes) -> SocketPacket | None:
        """Return the packet that `data` completes. Raises `BadPacket`, also if its namespace expects none."""
        packet = self._completed(eio_sid, data)
        if packet is not None:
            is_connected = self.manager.sid_from_eio_sid(eio_sid, packet.namespace or "/") is not None
            if is_connected == (packet.packet_type == CONNECT):
                raise BadPacket("unexpected", "a packet that its namespace does not expect")
        return packet

    def _completed(self, eio_sid: str, data: str | bytes) -> SocketPacket | None:
        begun: SocketPacket | None = self._binary_packet.get(eio_sid)
        if begun is None:
            packet = SocketPacket(encoded_packet=data) if data else None
            if packet is None:
                raise BadPacket("packet_type", "an empty packet")
            if packet.packet_type in (BINARY_EVENT, BINARY_ACK):
                self._binary_packet[eio_sid] = packet
                self._expect_rest(eio_sid, getsizeof(data))
                return None
            return packet
        if not begun.add_attachment(data):
            self._expect_rest(eio_sid, getsizeof(data))
            return None
        del self._binary_packet[eio_sid]
        self._expect_rest(eio_sid, 0)
        return begun

    def _expect_rest(self, eio_sid: str, size: int) -> None:
        if session := self.eio.sockets.get(eio_sid):
            session.expect_rest(size)

    async def _handle_connect(self, eio_sid: str, namespace: str, data: Any) -> None:
        session = self.eio.sockets[eio_sid]
        if not self._accepts(namespace):
            error = SocketPacket(CONNECT_ERROR, data={"message": "Invalid namespace"}, namespace=namespace)
            session.write(packet_frames(error))
            return
        try:
            data, welcome = await self.entrance.admit(session, namespace, data or {})
        except Unwelcome as exc:
            session.write(packet_frames(SocketPacket(CONNECT_ERROR, data=exc.data, namespace=namespace)))
            if exc.code == "too_many_tries" and not self._namespaces_of(eio_sid):
                # The next guess is to cost another connection.
                session.refuse(frames.POLICY, "tries", str(exc))
            return
        except (BusUnavailable, KeysUnavailable) as exc:
            fault = "keys_unavailable" if isinstance(exc, KeysUnavailable) else "bus_unavailable"
            self._metrics.connects_refused.labels(fault).inc()
            if self._lines_later.has_room():
                log.info("a browser has to come back later: %s", exc)
            session.end(LEAVING, code=frames.TRY_AGAIN_LATER, text="come back later")
            return
        if welcome is not None:
            self._welcomes[eio_sid] = welcome
        try:
            if not session.closed:
                await self._let_in(session, namespace, data)
        finally:
            self._welcomes.pop(eio_sid, None)
            if not self.manager.sid_from_eio_sid(eio_sid, namespace):
                self.entrance.forget(session, namespace)

    async def _let_in(self, session: Session, namespace: str, data: dict[str, Any]) -> None:
        eio_sid = session.sid
        if self._has_connect_handler(namespace):
            # What the handler emits, and what its rooms receive, comes after the CONNECT packet.
            session.hold()
        try:
            await super()._handle_connect(eio_sid, namespace, data)
        except Exception:
            log.exception("the connect handler of %r failed", namespace)
            if sid := self.manager.sid_from_eio_sid(eio_sid, namespace):
                await self.manager.disconnect(sid, namespace, ignore_queue=True)
            error = SocketPacket(CONNECT_ERROR, data={"message": "Internal error"}, namespace=namespace)
            await self._send_packet(eio_sid, error)
        finally:
            if session.held:
                session.release(b"")
        if eio_sid in self.environ and self.manager.sid_from_eio_sid(eio_sid, namespace):
            self.environ[eio_sid] = FORGOTTEN
            session.head_bytes = 0

    def _accepts(self, namespace: str) -> bool:
        return bool(
            namespace in self.namespaces
            or self.namespaces == "*"
            or namespace in self.handlers
            or namespace in self.namespace_handlers
        )

    def _has_connect_handler(self, namespace: str) -> bool:
        return "connect" in self.handlers.get(namespace, {}) or namespace in self.namespace_handlers

    async def _handle_disconnect(self, eio_sid: str, namespace: str, reason: str | None = None) -> None:
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace)
        try:
            await super()._handle_disconnect(eio_sid, namespace, reason)
        except Exception:
            log.exception("the disconnect handler of %r failed", namespace)
            # The handler stands before the clearing up: without this its rooms would keep the sid for ever.
            await self.manager.disconnect(sid, namespace, ignore_queue=True)


def _is_of(piece: bytes, prefix: str) -> bool:
    """Say whether frames are a packet, or several, of the namespace with this prefix."""
    opcode, payload = next(frames.split(piece))
    found = _EVENT_HEAD.match(payload.decode(errors="replace")) if opcode == frames.TEXT else None
    return found is not None and found[1] == prefix
