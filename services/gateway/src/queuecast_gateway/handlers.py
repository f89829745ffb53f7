"""What browsers may say: subscribe and unsubscribe (rooms of this replica), and events for everyone."""

import logging
from collections.abc import Iterable
from functools import partial
from typing import Any, Protocol

from queuecast_bus import BusUnavailable
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.protocol import Ack, Refusal, accepted, refused, room_names

log = logging.getLogger(__name__)

HANDLED_EVENTS = frozenset({"subscribe", "unsubscribe"})


class Server(Protocol):
    """The part of a Socket.IO server that the handlers use."""

    def on(self, event: str, handler: Any, namespace: str) -> Any: ...
    def rooms(self, sid: str, namespace: str) -> list[str]: ...
    async def enter_room(self, sid: str, room: str, namespace: str) -> None: ...
    async def leave_room(self, sid: str, room: str, namespace: str) -> None: ...
    async def remember(self, sid: str, namespace: str) -> None: ...
    async def emit(self, event: str, data: Any, *, namespace: str) -> None: ...


class Handlers:
    """The browser's side of the gateway, the same in every namespace."""

    def __init__(
        self, server: Server, metrics: Metrics, *, relay_events: Iterable[str], max_rooms: int
    ) -> None:
        self._server = server
        self._metrics = metrics
        self._relay_events = tuple(relay_events)
        self._max_rooms = max_rooms

    def register(self, namespace: str) -> None:
        """Answer browsers of this namespace."""
        self._server.on("subscribe", partial(self._subscribe, namespace), namespace)
        self._server.on("unsubscribe", partial(self._unsubscribe, namespace), namespace)
        self._server.on("*", partial(self._unknown, namespace), namespace)
        for event in self._relay_events:
            self._server.on(event, partial(self._relay, namespace, event), namespace)

    async def _subscribe(self, namespace: str, sid: str, *arguments: Any) -> Ack:
        present = self._rooms(namespace, sid)
        try:
            wanted = room_names(arguments[0] if len(arguments) == 1 else None)
            if len({*present, *wanted}) > self._max_rooms:
                raise Refusal("too_many_rooms", f"a session may be in {self._max_rooms} rooms at most")
            for room in wanted:
                await self._server.enter_room(sid, room, namespace)
            await self._remember(namespace, sid)
        except (Refusal, ValueError) as exc:
            # All or nothing: what was entered before is left again.
            for room in set(self._rooms(namespace, sid)).difference(present):
                await self._server.leave_room(sid, room, namespace)
            if isinstance(exc, Refusal):
                return exc.ack()
            return refused("bad_room", "the id of a session is not a room that can be joined")
        return accepted(rooms=self._rooms(namespace, sid))

    async def _unsubscribe(self, namespace: str, sid: str, *arguments: Any) -> Ack:
        present = self._rooms(namespace, sid)
        try:
            wanted = room_names(arguments[0] if len(arguments) == 1 else None)
            for room in wanted:
                if room in present:
                    await self._server.leave_room(sid, room, namespace)
            await self._remember(namespace, sid)
        except Refusal as refusal:
            for room in set(present).difference(self._rooms(namespace, sid)):
                await self._server.enter_room(sid, room, namespace)
            return refusal.ack()
        return accepted(rooms=self._rooms(namespace, sid))

    async def _remember(self, namespace: str, sid: str) -> None:
        """Write the rooms down before they are acknowledged: a browser comes back to these.

        Raises `Refusal`.
        """
        try:
            await self._server.remember(sid, namespace)
        except BusUnavailable as exc:
            log.warning("the rooms of %s stay as they were: %s", sid, exc)
            raise Refusal("bus_unavailable", "the rooms were not confirmed, try again") from exc

    async def _relay(self, namespace: str, event: str, sid: str, *arguments: Any) -> Ack:
        try:
            await self._server.emit(event, arguments, namespace=namespace)
        except BusUnavailable as exc:
            self._metrics.relays.labels("failed").inc()
            log.warning("%s of %s was not relayed: %s", event, sid, exc)
            return refused("bus_unavailable", "the event was not confirmed, try again")
        except (ValueError, RecursionError):
            self._metrics.relays.labels("refused").inc()
            return refused("bad_payload", "the event's data is not JSON")
        self._metrics.relays.labels("published").inc()
        return accepted()

    async def _unknown(self, namespace: str, event: str, sid: str, *arguments: Any) -> Ack:
        self._metrics.relays.labels("refused").inc()
        return refused("unknown_event", f"{event[:80]!r} is not an event that this gateway relays")

    def _rooms(self, namespace: str, sid: str) -> list[str]:
        return sorted(room for room in self._server.rooms(sid, namespace) if room != sid)
