"""What an operator sees of who is there, on the admin port: numbers, and no identities.

It reads the parts of all replicas from Redis when somebody asks, and keeps what it found for a moment.
"""

import asyncio
import heapq
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

from queuecast_bus import BusUnavailable
from queuecast_gateway.presence.announcements import Replica
from queuecast_gateway.presence.own_part import INEXACT, NAMELESS, REPLICA_KEY, Part, key_of, split_key
from queuecast_gateway.wire.presence import NAMESPACE_ROOM

MAX_ROOMS = 100
"""Rooms that are listed, those with most people."""

FRESH_SECONDS = 1.0
"""Within this time everybody who asks gets the same answer."""

Parts = Callable[[], AsyncIterator[tuple[Replica, Iterable[tuple[str, Part]]]]]


class Seen:
    """Who is in one room, as its parts say."""

    __slots__ = ("inexact", "nameless", "replicas", "users")

    def __init__(self) -> None:
        self.users: set[str] = set()
        self.replicas: dict[Replica, int] = {}
        self.nameless = self.inexact = 0

    def add(self, replica: Replica, part: Part) -> None:
        """Add the part of a replica."""
        self.users.update(user for user in part if user not in (NAMELESS, INEXACT))
        self.nameless += part.get(NAMELESS, 0)
        self.inexact += part.get(INEXACT, 0)
        sessions = sum(number for user, number in part.items() if user != INEXACT)
        self.replicas[replica] = self.replicas.get(replica, 0) + sessions

    @property
    def count(self) -> int:
        return len(self.users) + self.nameless

    def figures(self, key: str) -> dict[str, Any]:
        """Return what the list has of this room."""
        namespace, room = split_key(key)
        name = {} if room == NAMESPACE_ROOM else {"room": room}
        return {
            "namespace": namespace,
            **name,
            "count": self.count,
            "sessions": sum(self.replicas.values()),
            "complete": not self.inexact,
        }


class PresenceView:
    """Answers `/presence`; `parts` yields what all replicas announce."""

    def __init__(self, parts: Parts, clock: Callable[[], float] = time.monotonic) -> None:
        self._parts = parts
        self._clock = clock
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")
        self._seen: dict[str, Seen] = {}

    async def answer(self, query: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Return the status and the answer: the largest rooms, or the one that the query names."""
        if unknown := query.keys() - {"namespace", "room"}:
            return 400, {"error": f"unknown parameter {min(unknown)!r}: expected namespace and room"}
        try:
            await self._refresh()
        except BusUnavailable as exc:
            return 503, {"error": str(exc)}
        namespace, room = query.get("namespace", "/"), query.get("room")
        return 200, self._all() if room is None else self._one(key_of(namespace, room))

    async def of(self, namespace: str, rooms: Iterable[str]) -> list[Seen]:
        """Return who is in some rooms; `NAMESPACE_ROOM` is the whole namespace. Raises `BusUnavailable`."""
        await self._refresh()
        return [self._seen.get(key_of(namespace, room), Seen()) for room in rooms]

    @property
    def is_exact(self) -> bool:
        """Whether all replicas announce all their rooms, when they were last asked."""
        return not self._seen.get(REPLICA_KEY, Seen()).inexact

    async def _refresh(self) -> None:
        async with self._asking:
            if self._clock() - self._asked_at >= FRESH_SECONDS:
                self._seen = await self._read()
                self._asked_at = self._clock()

    async def _read(self) -> dict[str, Seen]:
        found: dict[str, Seen] = {}
        async for replica, parts in self._parts():
            for key, part in parts:
                found.setdefault(key, Seen()).add(replica, part)
        return found

    def _all(self) -> dict[str, Any]:
        skipped = self._seen.get(REPLICA_KEY, Seen()).inexact
        keys = [key for key in self._seen if key != REPLICA_KEY]
        rooms = [key for key in keys if split_key(key)[1] != NAMESPACE_ROOM]
        largest = heapq.nsmallest(MAX_ROOMS, rooms, key=lambda key: (-self._seen[key].count, key))
        return {
            "namespaces": [self._seen[key].figures(key) for key in sorted(set(keys).difference(rooms))],
            "rooms": [self._seen[key].figures(key) for key in largest],
            "rooms_count": len(rooms),
            "sessions_not_counted": skipped,
        }

    def _one(self, key: str) -> dict[str, Any]:
        seen = self._seen.get(key, Seen())
        replicas = sorted((name, number) for (_, name), number in seen.replicas.items())
        by_replica = [{"replica": name, "sessions": number} for name, number in replicas]
        return {**seen.figures(key), "replicas": by_replica}
