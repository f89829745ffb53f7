"""The Socket.IO server: python-socketio's, with its connections counted and its input guarded.

The one place that names python-socketio's server and engine.
"""

import logging
from typing import Any

import socketio

from queuecast_bus import BusManager
from queuecast_gateway.board import BOARD_NAMESPACE
from queuecast_gateway.metrics import DISCONNECT_REASONS, Metrics
from queuecast_gateway.protocol import is_event
from queuecast_gateway.settings import Settings

log = logging.getLogger(__name__)


class SocketServer(socketio.AsyncServer):  # type: ignore[misc]  # python-socketio has no types
    """A Socket.IO server whose client manager is the bus."""

    def __init__(self, bus: BusManager, settings: Settings, metrics: Metrics) -> None:
        super().__init__(
            client_manager=bus,
            async_mode="asgi",
            # One event of a browser at a time: their order holds, and a slow bus slows down who writes to it.
            async_handlers=False,
            namespaces=[*settings.namespaces, BOARD_NAMESPACE],
            transports=list(settings.transports),
            cors_allowed_origins=_origins(settings),
            max_http_buffer_size=settings.max_message_bytes,
            http_compression=False,
            logger=logging.getLogger("socketio"),
            engineio_logger=logging.getLogger("engineio"),
        )
        self._served = frozenset(settings.namespaces)
        self._metrics = metrics
        self._warned: set[str] = set()

    def serves(self, namespace: str) -> bool:
        """Say whether browsers may be in this namespace."""
        return namespace in self._served

    async def deliver(
        self,
        event: str,
        arguments: list[Any],
        namespace: str,
        rooms: tuple[str, ...],
        skip_sids: tuple[str, ...],
    ) -> int:
        """Hand an event to the connections of this replica that should see it; return how many those are."""
        room = list(rooms) or None
        recipients = {sid for sid, _ in self.manager.get_participants(namespace, room)}.difference(skip_sids)
        if recipients:
            await self.emit(
                event,
                tuple(arguments),
                namespace=namespace,
                room=room,
                skip_sid=list(skip_sids),
                ignore_queue=True,
            )
        return len(recipients)

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        self._metrics.connections.inc()
        transport = "websocket" if environ.get("HTTP_UPGRADE", "").lower() == "websocket" else "polling"
        self._metrics.connects.labels(transport).inc()

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        known = eio_sid in self.environ
        await super()._handle_eio_disconnect(eio_sid, reason)
        if known:
            label = reason.replace(" ", "_")
            self._metrics.connections.dec()
            self._metrics.disconnects.labels(label if label in DISCONNECT_REASONS else "other").inc()
            self._warned.discard(eio_sid)

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: Any) -> None:
        if not is_event(data):
            self._metrics.events_refused.inc()
            if eio_sid not in self._warned:
                self._warned.add(eio_sid)
                log.warning("connection %s sent an event that is malformed or reserved: %.80r", eio_sid, data)
            return
        await super()._handle_event(eio_sid, namespace, id, data)


def _origins(settings: Settings) -> str | list[str] | None:
    # Never an empty list, which would turn the check off.
    if settings.origins is None:
        return None
    return "*" if settings.origins == ("*",) else list(settings.origins)
