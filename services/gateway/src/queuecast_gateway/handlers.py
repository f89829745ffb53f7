"""What browsers may say: subscribe and unsubscribe (rooms of this replica), and events for everyone."""

import logging
from collections.abc import Iterable
from functools import partial
from typing import Any, Protocol

from queuecast_bus import BadRecord, BusUnavailable
from queuecast_edge.schemas import NO_SCHEMAS, Schemas
from queuecast_gateway.access.grant import Identity
from queuecast_gateway.access.guard import KeysUnavailable, Unwelcome
from queuecast_gateway.limits.arrivals import TooMuch
from queuecast_gateway.limits.lines import Lines
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.protocol import Ack, Refusal, accepted, refused, room_names

log = logging.getLogger(__name__)

HANDLED_EVENTS = frozenset({"refresh", "subscribe", "token_expiring", "unsubscribe"})


class Server(Protocol):
    """The part of a Socket.IO server that the handlers use."""

    def on(self, event: str, handler: Any, namespace: str) -> Any: ...
    def rooms(self, sid: str, namespace: str) -> list[str]: ...
    async def enter_room(self, sid: str, room: str, namespace: str) -> None: ...
    async def leave_room(self, sid: str, room: str, namespace: str) -> None: ...
    async def remember(self, sid: str, namespace: str) -> None: ...
    async def relay(self, sid: str, event: str, arguments: tuple[Any, ...], namespace: str) -> None: ...
    def identity(self, sid: str, namespace: str) -> Identity: ...
    async def renew(self, sid: str, namespace: str, token: Any) -> Identity: ...


class Handlers:
    """The browser's side of the gateway, the same in every namespace."""

    def __init__(
        self,
        server: Server,
        metrics: Metrics,
        *,
        relay_events: Iterable[str],
        max_rooms: int,
        max_room_bytes: int,
        schemas: Schemas = NO_SCHEMAS,
    ) -> None:
        self._server = server
        self._metrics = metrics
        self._relay_events = tuple(relay_events)
        self._max_rooms = max_rooms
        self._max_room_bytes = max_room_bytes
        self._schemas = schemas
        self._lines = Lines()

    def register(self, namespace: str) -> None:
        """Answer browsers of this namespace."""
        self.register_refresh(namespace)
        for event, answer in (
            ("subscribe", self._subscribe),
            ("unsubscribe", self._unsubscribe),
            ("*", self._unknown),
            *((event, partial(self._relay, event)) for event in self._relay_events),
        ):
            self._server.on(event, partial(self._answer, answer, namespace), namespace)

    def register_refresh(self, namespace: str) -> None:
        """Let browsers of this namespace go on with another token, and no more."""
        self._server.on("refresh", partial(self._answer, self._refresh, namespace), namespace)

    async def _answer(self, answer: Any, namespace: str, *said: Any) -> Ack:
        ack: Ack = await answer(namespace, *said)
        if not ack["ok"]:
            self._metrics.acks_refused.labels(ack["error"]["code"]).inc()
        return ack

    async def _subscribe(self, namespace: str, sid: str, *arguments: Any) -> Ack:
        """Join rooms, all or none; the answer names those that the session was not in before."""
        new: list[str] = []
        try:
            wanted = room_names(arguments[0] if len(arguments) == 1 else None)
            identity = self._server.identity(sid, namespace)
            if barred := [room for room in wanted if not identity.may_join(room)]:
                raise Refusal("forbidden", f"this session may not join {barred[0]!r}")
            present = self._rooms(namespace, sid)
            new = [room for room in dict.fromkeys(wanted) if room not in present]
            self._check_bounds([*present, *new])
            for room in new:
                await self._server.enter_room(sid, room, namespace)
            if new:
                await self._remember(namespace, sid)
        except Refusal as refusal:
            for room in self._rooms(namespace, sid).intersection(new):
                await self._server.leave_room(sid, room, namespace)
            return refusal.ack()
        return accepted(rooms=new)

    async def _unsubscribe(self, namespace: str, sid: str, *arguments: Any) -> Ack:
        """Leave rooms; the answer names those that the session was in."""
        try:
            wanted = room_names(arguments[0] if len(arguments) == 1 else None)
        except Refusal as refusal:
            return refusal.ack()
        present = self._rooms(namespace, sid)
        left = [room for room in dict.fromkeys(wanted) if room in present]
        for room in left:
            await self._server.leave_room(sid, room, namespace)
        try:
            if left:
                await self._remember(namespace, sid)
        except Refusal as refusal:
            for room in left:
                await self._server.enter_room(sid, room, namespace)
            return refusal.ack()
        return accepted(rooms=left)

    def _check_bounds(self, rooms: list[str]) -> None:
        """Raise `Refusal` if these are more than a session may be in."""
        if len(rooms) > self._max_rooms:
            raise Refusal("too_many_rooms", f"a session may be in {self._max_rooms} rooms at most")
        if sum(len(room.encode()) for room in rooms) > self._max_room_bytes:
            raise Refusal(
                "too_many_rooms",
                f"the names of a session's rooms may have {self._max_room_bytes} bytes in all",
            )

    async def _refresh(self, namespace: str, sid: str, *arguments: Any) -> Ack:
        """Go on with a new token, without another connection; rooms that it does not allow are left."""
        try:
            identity = await self._server.renew(sid, namespace, arguments[0] if len(arguments) == 1 else None)
        except Unwelcome as exc:
            return refused("unauthorized", str(exc))
        except KeysUnavailable as exc:
            self._warn("the token of %s is not renewed: %s", sid, exc)
            return refused("bus_unavailable", "tokens cannot be checked now, try again")
        present = self._rooms(namespace, sid)
        for room in present:
            if not identity.may_join(room):
                await self._server.leave_room(sid, room, namespace)
        for room in identity.joins:
            if room not in present:
                await self._server.enter_room(sid, room, namespace)
        try:
            await self._remember(namespace, sid)
        except Refusal as refusal:
            return refusal.ack()
        return accepted(rooms=sorted(self._rooms(namespace, sid)), expires=identity.expires)

    async def _remember(self, namespace: str, sid: str) -> None:
        """Write the rooms down before they are acknowledged: a browser comes back to these.

        Raises `Refusal`.
        """
        try:
            await self._server.remember(sid, namespace)
        except BusUnavailable as exc:
            self._warn("the rooms of %s stay as they were: %s", sid, exc)
            raise Refusal("bus_unavailable", "the rooms were not confirmed, try again") from exc

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
        except TooMuch as exc:
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

    def _warn(self, what: str, *details: Any) -> None:
        """Log what Redis or the keys did not do, while there is room: then it fails for every event."""
        if self._lines.has_room():
            log.warning(what, *details)

    def _rooms(self, namespace: str, sid: str) -> set[str]:
        return {room for room in self._server.rooms(sid, namespace) if room != sid}
