"""Rooms that browsers join and leave by `subscribe` and `unsubscribe`, with past events and presence.

Who may join a room may have its past events, and be told how many are there: no other right is checked.
"""

import logging
import time
from collections.abc import Container, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from queuecast_bus import BusUnavailable
from queuecast_gateway.access.grant import Identity
from queuecast_gateway.limits.log_limiter import LogLimiter
from queuecast_gateway.limits.rate_limiter import RateLimiter
from queuecast_gateway.wire.past import PastAck, PastEvents, Wanted, read_wanted
from queuecast_gateway.wire.presence import NAMESPACE_ROOM, read_presence, watch_room
from queuecast_gateway.wire.protocol import Ack, Refusal, accepted, room_names

log = logging.getLogger(__name__)

BURST_SECONDS = 10.0
"""An address may be sent the past events of this many seconds at once: many pages open together."""


class Server(Protocol):
    """The part of a Socket.IO server that subscriptions need."""

    def rooms(self, sid: str, namespace: str) -> list[str]: ...
    def joined(self, sid: str, namespace: str) -> Container[str]: ...
    def address_of(self, sid: str, namespace: str) -> str: ...
    def reserve_room(self, sid: str, room: str, namespace: str) -> None: ...
    def open_room(self, sid: str, room: str, namespace: str) -> None: ...
    async def enter_room(self, sid: str, room: str, namespace: str) -> None: ...
    async def leave_room(self, sid: str, room: str, namespace: str) -> None: ...
    async def remember(self, sid: str, namespace: str) -> None: ...
    def identity(self, sid: str, namespace: str) -> Identity: ...


class Past(Protocol):
    """Finds past events, up to `most_events` for one answer, as `recovery.past_reader` does."""

    most_events: int
    keeps_latest: bool

    async def read(self, namespace: str, rooms: Sequence[str], wanted: Wanted, sid: str) -> PastEvents: ...


class NoPast:
    """A gateway that gives no past events."""

    most_events = 0
    keeps_latest = False

    async def read(self, namespace: str, rooms: Sequence[str], wanted: Wanted, sid: str) -> PastEvents:
        raise Refusal("bad_options", "this gateway gives no past events")


class Presence(Protocol):
    """Tells sessions who is in the rooms whose watch rooms they are in, as `presence.tracker` does."""

    def check(self, namespace: str, rooms: Sequence[str]) -> None: ...
    def tell(self, sid: str, namespace: str, room: str) -> None: ...


class NoPresence:
    """A gateway that tells nobody who is there."""

    def check(self, namespace: str, rooms: Sequence[str]) -> None:
        raise Refusal("bad_options", "presence: this gateway tells nobody who is in its rooms")

    def tell(self, sid: str, namespace: str, room: str) -> None:
        """Do nothing."""


class SubscriptionBounds(NamedTuple):
    """In how many rooms a session may be, how many bytes their names may have, and how many bytes of past
    events each address may be sent in a second.
    """

    max_rooms: int
    max_room_bytes: int
    past_bytes_per_second: float = 0


class Subscriptions:
    """Answers `subscribe` and `unsubscribe`; each is for all of its rooms or for none."""

    def __init__(self, server: Server, bounds: SubscriptionBounds, past: Past, presence: Presence) -> None:
        self._server = server
        self._bounds = bounds
        self._past = past
        self._presence = presence
        per_second = bounds.past_bytes_per_second
        self._rate = RateLimiter(per_second, round(BURST_SECONDS * per_second))
        self._log_limiter = LogLimiter()

    async def subscribe(self, namespace: str, sid: str, *arguments: Any) -> Ack:
        """Join rooms; the answer names those that the session was not in before."""
        new: list[str] = []
        watches: list[str] = []
        try:
            is_watching, options = read_presence(arguments[1] if len(arguments) == 2 else None)
            wanted_rooms = self._wanted_rooms(arguments, is_watching=is_watching is True and options is None)
            address = "" if options is None else self._server.address_of(sid, namespace)
            wanted = None if options is None else self._wanted(address, options)
            self._check_rights(namespace, sid, wanted_rooms)
            present = self._rooms(namespace, sid)
            new = [room for room in dict.fromkeys(wanted_rooms) if room not in present]
            self._check_bounds([*present, *new])
            if is_watching is not None:
                watches = await self._watches(namespace, sid, wanted_rooms, is_watching=is_watching)
            if wanted is not None:
                return await self._subscribe_with_past(
                    namespace, sid, address, wanted_rooms, new, watches, wanted
                )
            for room in (*new, *watches):
                await self._server.enter_room(sid, room, namespace)
            if new or is_watching is not None:
                await self.remember(namespace, sid)
        except Refusal as refusal:
            joined = self._server.joined(sid, namespace)
            for room in [room for room in (*watches, *new) if room in joined]:
                await self._server.leave_room(sid, room, namespace)
            return refusal.ack()
        return accepted(rooms=new)

    def _wanted_rooms(self, arguments: Sequence[Any], *, is_watching: bool) -> list[str]:
        """Return the rooms of a `subscribe`. None, where presence is asked for, means the whole namespace."""
        if is_watching and arguments[0] == []:
            return []
        return self._room_names(arguments, 2)

    async def _watches(
        self, namespace: str, sid: str, rooms: Sequence[str], *, is_watching: bool
    ) -> list[str]:
        """Return the watch rooms that a session is to enter. Raises `Refusal`.

        What it watches already it is told once more; what it no longer wants to watch, it leaves.
        """
        names = rooms or (NAMESPACE_ROOM,)
        joined = self._server.joined(sid, namespace)
        if not is_watching:
            for room in [watch_room(room) for room in names if watch_room(room) in joined]:
                await self._server.leave_room(sid, room, namespace)
            return []
        self._presence.check(namespace, names)
        for room in names:
            self._presence.tell(sid, namespace, room)
        return [watch_room(room) for room in dict.fromkeys(names) if watch_room(room) not in joined]

    async def _subscribe_with_past(
        self,
        namespace: str,
        sid: str,
        address: str,
        rooms: Sequence[str],
        new: Sequence[str],
        watches: Sequence[str],
        wanted: Wanted,
    ) -> Ack:
        """Join rooms, and answer with their past events. Raises `Refusal`.

        The session is saved with the rooms, but receives nothing of them before the answer is written: that
        has every event up to the history's position, and the fan-out delivers every later one.
        """
        for room in (*new, *watches):
            self._server.reserve_room(sid, room, namespace)
        if new or watches:
            await self.remember(namespace, sid)
        try:
            past = await self._past.read(namespace, rooms, wanted, sid)
        except BusUnavailable as exc:
            self._warn("past events for %s cannot be read: %s", sid, exc)
            raise Refusal("bus_unavailable", "past events cannot be read now, try again") from exc
        # From here on nothing is awaited until the answer is handed to the connection.
        self._check_rate(address)  # other sessions of the address may have had theirs meanwhile
        if left := set(rooms).difference(self._rooms(namespace, sid)):
            raise Refusal("forbidden", f"this session had to leave {min(left)!r} meanwhile")
        for room in (*new, *watches):
            self._server.open_room(sid, room, namespace)
        self._rate.take(address, time.monotonic(), past.run.size)
        return PastAck(new, past)

    async def unsubscribe(self, namespace: str, sid: str, *arguments: Any) -> Ack:
        """Leave rooms; the answer names those that the session was in."""
        joined = self._server.joined(sid, namespace)
        if arguments == ([],) and watch_room(NAMESPACE_ROOM) in joined:
            left, watched = [], [watch_room(NAMESPACE_ROOM)]
        else:
            try:
                wanted = self._room_names(arguments, 1)
            except Refusal as refusal:
                return refusal.ack()
            present = self._rooms(namespace, sid)
            left = [room for room in dict.fromkeys(wanted) if room in present]
            watched = [watch_room(room) for room in left if watch_room(room) in joined]
        for room in (*watched, *left):
            await self._server.leave_room(sid, room, namespace)
        try:
            if left or watched:
                await self.remember(namespace, sid)
        except Refusal as refusal:
            for room in (*left, *watched):
                await self._server.enter_room(sid, room, namespace)
            return refusal.ack()
        return accepted(rooms=left)

    async def remember(self, namespace: str, sid: str) -> None:
        """Save the rooms before they are acknowledged: these are the rooms that a browser recovers.

        Raises `Refusal`.
        """
        try:
            await self._server.remember(sid, namespace)
        except BusUnavailable as exc:
            self._warn("the rooms of %s cannot be saved and stay as they were: %s", sid, exc)
            raise Refusal("bus_unavailable", "the rooms were not confirmed, try again") from exc

    def _wanted(self, address: str, options: Any) -> Wanted:
        """Return which past events a browser asks for. Raises `Refusal`, also if its address had too many."""
        wanted = read_wanted(options, self._past.most_events, keeps_latest=self._past.keeps_latest)
        self._check_rate(address)
        return wanted

    def _check_rate(self, address: str) -> None:
        if self._rate.wait_seconds(address, time.monotonic()):
            raise Refusal("rate_limited", "too many past events for this address: slow down")

    def _room_names(self, arguments: Sequence[Any], most_arguments: int) -> list[str]:
        is_one = 1 <= len(arguments) <= most_arguments
        return room_names(arguments[0] if is_one else None, self._bounds.max_rooms)

    def _check_rights(self, namespace: str, sid: str, rooms: Iterable[str]) -> None:
        identity = self._server.identity(sid, namespace)
        if forbidden := [room for room in rooms if not identity.may_join(room)]:
            raise Refusal("forbidden", f"this session may not join {forbidden[0]!r}")

    def _check_bounds(self, rooms: Sequence[str]) -> None:
        """Raise `Refusal` if a session may not be in so many rooms, or their names are too long."""
        most, most_bytes = self._bounds.max_rooms, self._bounds.max_room_bytes
        if len(rooms) > most:
            raise Refusal("too_many_rooms", f"a session may be in {most} rooms at most")
        if sum(len(room.encode()) for room in rooms) > most_bytes:
            raise Refusal(
                "too_many_rooms", f"the names of a session's rooms may have {most_bytes} bytes in all"
            )

    def _warn(self, text: str, *details: Any) -> None:
        """Log a failure of Redis, at a limited rate: it may repeat for every event."""
        if self._log_limiter.allows():
            log.warning(text, *details)

    def _rooms(self, namespace: str, sid: str) -> set[str]:
        return {room for room in self._server.rooms(sid, namespace) if room != sid}
