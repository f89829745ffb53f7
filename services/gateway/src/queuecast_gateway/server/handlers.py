"""The events that browsers may send: subscribe, unsubscribe, refresh (another token), and relayed events.

What happens to rooms is up to `subscriptions`.
"""

import logging
from collections.abc import Iterable
from functools import partial
from typing import Any, Protocol

from queuecast_bus import BadRecord, BusUnavailable
from queuecast_edge.schemas import NO_SCHEMAS, Schemas
from queuecast_gateway.access.authenticator import ConnectRefused, KeysUnavailable
from queuecast_gateway.access.grant import Identity
from queuecast_gateway.limits.log_limiter import LogLimiter
from queuecast_gateway.limits.rate_limiter import RateLimited
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.server import subscriptions
from queuecast_gateway.server.subscriptions import (
    NoPast,
    NoPresence,
    Past,
    Presence,
    SubscriptionBounds,
    Subscriptions,
)
from queuecast_gateway.wire.protocol import Ack, Refusal, accepted, refused

log = logging.getLogger(__name__)

NO_PAST = NoPast()
NO_PRESENCE = NoPresence()


class Server(subscriptions.Server, Protocol):
    """The part of a Socket.IO server that the handlers need."""

    def on(self, event: str, handler: Any, namespace: str) -> Any: ...
    async def relay(self, sid: str, event: str, arguments: tuple[Any, ...], namespace: str) -> None: ...
    async def renew(self, sid: str, namespace: str, token: Any) -> Identity: ...


class Handlers:
    """Answers the events of browsers, the same in every namespace."""

    def __init__(
        self,
        server: Server,
        metrics: Metrics,
        *,
        relay_events: Iterable[str],
        bounds: SubscriptionBounds,
        past: Past = NO_PAST,
        presence: Presence = NO_PRESENCE,
        schemas: Schemas = NO_SCHEMAS,
    ) -> None:
        self._server = server
        self._metrics = metrics
        self._relay_events = tuple(relay_events)
        self._subscriptions = Subscriptions(server, bounds, past, presence)
        self._schemas = schemas
        self._log_limiter = LogLimiter()

    def register(self, namespace: str) -> None:
        """Answer events in this namespace."""
        self.register_refresh(namespace)
        for event, answer in (
            ("subscribe", self._subscriptions.subscribe),
            ("unsubscribe", self._subscriptions.unsubscribe),
            ("*", self._unknown),
            *((event, partial(self._relay, event)) for event in self._relay_events),
        ):
            self._server.on(event, partial(self._answer, answer, namespace), namespace)

    def register_refresh(self, namespace: str) -> None:
        """Answer only `refresh` in this namespace."""
        self._server.on("refresh", partial(self._answer, self._refresh, namespace), namespace)

    async def _answer(self, answer: Any, namespace: str, *arguments: Any) -> Ack:
        ack: Ack = await answer(namespace, *arguments)
        if not ack["ok"]:
            self._metrics.acks_refused.labels(ack["error"]["code"]).inc()
        return ack

    async def _refresh(self, namespace: str, sid: str, *arguments: Any) -> Ack:
        """Go on with another token, over the same connection; leave rooms that it does not allow."""
        try:
            identity = await self._server.renew(sid, namespace, arguments[0] if len(arguments) == 1 else None)
        except ConnectRefused as exc:
            return refused("unauthorized", str(exc))
        except KeysUnavailable as exc:
            self._warn("the token of %s cannot be renewed: %s", sid, exc)
            return refused("bus_unavailable", "tokens cannot be checked now, try again")
        present = self._rooms(namespace, sid)
        for room in present:
            if not identity.may_join(room):
                await self._server.leave_room(sid, room, namespace)
        for room in identity.joins:
            if room not in present:
                await self._server.enter_room(sid, room, namespace)
        try:
            await self._subscriptions.remember(namespace, sid)
        except Refusal as refusal:
            return refusal.ack()
        return accepted(rooms=sorted(self._rooms(namespace, sid)), expires=identity.expires)

    async def _relay(self, event: str, namespace: str, sid: str, *arguments: Any) -> Ack:
        if not self._server.identity(sid, namespace).may_relay(event):
            self._metrics.relays.labels("refused").inc()
            return refused("forbidden", f"this session may not send {event!r}")
        if mistake := self._schemas.mistake(event, list(arguments)):
            self._metrics.relays.labels("refused").inc()
            return refused("bad_payload", mistake)
        try:
            await self._server.relay(sid, event, arguments, namespace)
        except BusUnavailable as exc:
            self._metrics.relays.labels("failed").inc()
            self._warn("%s of %s was not relayed: %s", event, sid, exc)
            return refused("bus_unavailable", "the event was not confirmed, try again")
        except RateLimited as exc:
            self._metrics.relays.labels("refused").inc()
            return refused("rate_limited", str(exc))
        except BadRecord as exc:
            self._metrics.relays.labels("refused").inc()
            return refused("bad_payload", f"not every client could take this event: {exc}")
        self._metrics.relays.labels("published").inc()
        return accepted()

    async def _unknown(self, namespace: str, event: str, sid: str, *arguments: Any) -> Ack:
        self._metrics.relays.labels("refused").inc()
        return refused("unknown_event", f"{event[:80]!r} is not an event that this gateway relays")

    def _warn(self, text: str, *details: Any) -> None:
        """Log a failure of Redis or of the keys, at a limited rate: it may repeat for every event."""
        if self._log_limiter.allows():
            log.warning(text, *details)

    def _rooms(self, namespace: str, sid: str) -> set[str]:
        return {room for room in self._server.rooms(sid, namespace) if room != sid}
