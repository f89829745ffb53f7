"""Notes who enters and leaves rooms of this replica, and tells browsers who is in those that they watch."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from queuecast_bus import BusUnavailable
from queuecast_gateway.access.grant import Identity, Rooms
from queuecast_gateway.delivery.compression import Piece
from queuecast_gateway.delivery.gateway_bus import GatewayBus
from queuecast_gateway.engine.session import Session
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.presence.announcements import Announcements
from queuecast_gateway.presence.own_part import REPLICA_KEY, OwnPart, key_of, split_key
from queuecast_gateway.presence.totals import WATCHED_BYTES, Total, Totals
from queuecast_gateway.presence.view import PresenceView
from queuecast_gateway.wire.packet import record_frames
from queuecast_gateway.wire.presence import (
    NAMESPACE_ROOM,
    count_frames,
    is_watch_room,
    presence_record,
    room_of,
    watch_room,
)
from queuecast_gateway.wire.protocol import Refusal

log = logging.getLogger(__name__)

TICK_SECONDS = 0.5
"""How often parts are exchanged. A lease is ten times as long."""

SETTLE_SECONDS = 2.0
"""How long nobody is told anything once this replica had to announce all of its part anew: after a failure of
Redis the others do the same, and until then totals are too low."""

NEWCOMER_SECONDS = 1.0
"""How long a session that has just asked may wait for the next event of a room."""

TURN_SESSIONS = 500
"""How many sessions are told in one go, which takes 2 ms."""


class PresenceBounds(NamedTuple):
    """Which rooms may be asked, whether namespaces may, how often browsers are told, and the limits."""

    rooms: Rooms
    namespaces: bool
    interval_seconds: float
    max_rooms: int
    max_users: int
    held_bytes: int
    max_event_bytes: int


class Presence:
    """Who is in the rooms of this replica, and of all. `identity` says whose a session is."""

    def __init__(
        self,
        bus: GatewayBus,
        bounds: PresenceBounds,
        replica: str,
        identity: Callable[[str, str], Identity],
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.announcements = Announcements(bus, replica)
        self.view = PresenceView(self.announcements.all_parts)
        self._bus = bus
        self._bounds = bounds
        self._identity = identity
        self._metrics = metrics
        self._clock = clock
        self._own = OwnPart(bounds.max_rooms, bounds.max_users, self._limited)
        self._totals = Totals()
        self._exchanging = asyncio.Lock()
        self._ended = False
        self._failing = False
        self._watched_bytes = 0
        """What the totals took at the last tick, and rooms since then: a sum over all rooms takes long."""
        self._silent_until = float("-inf")
        metrics.presence_rooms.set_function(lambda: len(self._own.rooms))
        metrics.presence_watched.set_function(lambda: len(self._totals.rooms.keys() - {REPLICA_KEY}))
        metrics.presence_held.set_function(lambda: self.held_bytes)
        bus.presence = self

    @property
    def held_bytes(self) -> int:
        """The memory that the own part and the totals take."""
        return self._own.size + self._totals.size

    def _limited(self, reason: str) -> None:
        self._metrics.presence_limited.labels(reason).inc()

    # What the rooms of this replica tell

    def entered(self, sid: str, namespace: str, room: str) -> None:
        """A session has entered a room, or with the room "" a namespace."""
        name = room_of(room)
        if not self._may_ask(name):
            return
        key = key_of(namespace, name)
        if is_watch_room(room):
            self._totals.watch(key).newcomers.add(sid)
        else:
            self._own.enter(
                key,
                sid,
                self._identity(sid, namespace).subject,
                lambda: self._members(namespace, name),
            )

    def left(self, sid: str, namespace: str, rooms: Iterable[str]) -> None:
        """A session has left rooms."""
        for room in rooms:
            name = room_of(room)
            if not self._may_ask(name):
                continue
            key = key_of(namespace, name)
            if not is_watch_room(room):
                self._own.leave(key, sid)
            elif not self._watchers(namespace, name):
                self._totals.forget(key)

    def _may_ask(self, room: str) -> bool:
        return room in self._bounds.rooms if room else self._bounds.namespaces

    def _members(self, namespace: str, room: str) -> list[tuple[str, str]]:
        members = self._bus.rooms.get(namespace, {}).get(room or None, {})
        return [(sid, self._identity(sid, namespace).subject) for sid in members]

    def _watchers(self, namespace: str, room: str) -> Mapping[str, str]:
        found: Mapping[str, str] = self._bus.rooms.get(namespace, {}).get(watch_room(room), {})
        return found

    # What browsers ask

    def check(self, namespace: str, rooms: Sequence[str]) -> None:
        """Raise `Refusal` unless a browser may be told who is in these rooms."""
        for room in rooms:
            if not self._may_ask(room):
                what = f"in the room {room!r}" if room else "in a whole namespace"
                raise Refusal("bad_options", f"presence: this gateway tells nobody who is {what}")
        new = [room for room in rooms if key_of(namespace, room) not in self._totals.rooms]
        if new and self._watched_bytes >= self._bounds.held_bytes:
            self._limited("memory")
            raise Refusal("too_many_rooms", "presence: browsers here watch too many rooms already")
        self._watched_bytes += WATCHED_BYTES * len(new)

    def tell(self, sid: str, namespace: str, room: str) -> None:
        """Tell a session that watches a room soon who is there, even if it was told before."""
        if (total := self._totals.rooms.get(key_of(namespace, room))) is not None:
            total.newcomers.add(sid)

    # The exchange between replicas

    async def run(self) -> None:
        """Exchange parts and tell browsers, for ever."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            await self.exchange()
            await self._tell_all()

    async def exchange(self) -> None:
        """Announce what has changed here, and take what others announce. A failure is logged once."""
        begun = self.announcements.begun
        async with self._exchanging:
            if self._ended:
                return
            try:
                changed = await self.announcements.exchange(self._own, self._totals)
            except BusUnavailable as exc:
                self._metrics.presence_steps.labels("failed").inc()
                if not self._failing:
                    log.warning("other replicas may not know who is there: %s", exc)
                self._failing = True
                return
        self._failing = False
        self._metrics.presence_changes.inc(changed)
        is_whole = self.announcements.begun > begun
        self._metrics.presence_steps.labels("whole" if is_whole else "changes").inc()
        if is_whole and self.announcements.begun > 1:
            self._silent_until = self._clock() + SETTLE_SECONDS

    async def withdraw(self) -> None:
        """Take this replica's part back: all of its connections are closed."""
        async with self._exchanging:
            self._ended = True
            try:
                await self.announcements.withdraw()
            except BusUnavailable as exc:
                log.warning("who was here counts until the lease ends: %s", exc)

    # What browsers are told

    async def _tell_all(self) -> None:
        now = self._clock()
        self._watched_bytes = self._totals.size
        if now < self._silent_until:
            return
        told = 0
        for key, total in list(self._totals.rooms.items()):
            if not (total.is_news or total.newcomers) or not total.is_known or key == REPLICA_KEY:
                continue
            wait_seconds = total.told_at + self._bounds.interval_seconds - now if total.is_news else math.inf
            is_due = wait_seconds <= 0
            # Whoever has just come is told with all others, unless that takes long.
            if is_due or (total.newcomers and wait_seconds > NEWCOMER_SECONDS):
                told += self._tell(key, total, now, to_all=is_due)
            if told >= TURN_SESSIONS:
                told = 0
                await asyncio.sleep(0)

    def _tell(self, key: str, total: Total, now: float, *, to_all: bool) -> int:
        """Tell the watchers of a room, or only those that are new; return how many."""
        namespace, room = split_key(key)
        watchers = self._watchers(namespace, room)
        if to_all:
            total.is_news = False
            total.told_at = now
            sids: Collection[str] = watchers
        else:
            sids = [sid for sid in total.newcomers if sid in watchers]
        total.newcomers = set()
        seeing: list[str] = []
        if total.users and room != NAMESPACE_ROOM:
            seeing = [sid for sid in sids if self._identity(sid, namespace).may_see(room)]
        others = sids if not seeing else set(sids).difference(seeing)
        for users, group in ((None, others), (total.users.keys(), seeing)):
            if group:
                self._send(key, total, users, [watchers[sid] for sid in group])
        return len(sids)

    def _send(self, key: str, total: Total, users: Collection[str] | None, eio_sids: Iterable[str]) -> None:
        namespace, room = split_key(key)
        is_complete = not total.inexact and not self._totals.skipped
        if users is None:
            frames = count_frames(namespace, room, total.count, is_complete=is_complete)
        else:
            record, is_cut = presence_record(
                namespace, room, total.count, users, self._bounds.max_event_bytes, is_complete=is_complete
            )
            if is_cut:
                self._limited("event")
            frames = record_frames(record)
        eio = self._bus.server.eio
        sessions: list[Session] = list(filter(None, map(eio.sockets.get, eio_sids)))
        self._bus.compression.put(eio.outbox, [Piece(frames)], sessions)
        self._metrics.presence_events.inc(len(sessions))
