"""The rooms of one replica with most members, and of all replicas together. Pure.

Each session's own room is left out.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sized
from itertools import islice
from typing import NamedTuple

from queuecast_bus.names import SESSION_PREFIX, is_session_id
from queuecast_gateway.wire.presence import is_watch_room

MAX_ROOMS = 50
"""Rooms that are listed."""

MAX_SCANNED = 100_000
"""Rooms that are looked at; of others it is only known that there are more."""


PART = 2_000
"""Rooms that are looked at in one go, which takes two milliseconds."""


class Room(NamedTuple):
    """A room, and how many sessions are in it."""

    namespace: str
    name: str
    members: int


Table = Mapping[str, Mapping[str | None, Sized]]
"""python-socketio's table: the members of each room, by namespace and room."""


class LargestRooms:
    """The rooms of one replica, looked at in parts: `parts` yields after each, so that others get their turn.

    To look at 100,000 rooms takes a tenth of a second, in which nobody would be sent anything. `listed` are
    the largest ones so far, and `count` is how many rooms were looked at.
    """

    def __init__(self, table: Table, namespaces: Iterable[str]) -> None:
        self.listed: list[Room] = []
        self.count = 0
        self._table = table
        self._namespaces = namespaces

    def parts(self) -> Iterator[None]:
        """Look at the next rooms, until all were looked at. They may change between two parts."""
        rooms = _rooms(self._table, self._namespaces)
        while self.count < MAX_SCANNED and (part := list(islice(rooms, min(PART, MAX_SCANNED - self.count)))):
            self.count += len(part)
            self.listed = heapq.nlargest(MAX_ROOMS, [*self.listed, *part], key=lambda room: room.members)
            yield

    def with_named(self, named: Iterable[tuple[str, str]]) -> list[Room]:
        """Return the largest rooms and those that are named."""
        listed = {(room.namespace, room.name) for room in self.listed}
        others = [
            Room(namespace, name, len(self._table.get(namespace, {}).get(name, ())))
            for namespace, name in named
            if (namespace, name) not in listed and not is_session_id(name)
        ]
        return [*self.listed, *(room for room in others if room.members)]


def _rooms(table: Table, namespaces: Iterable[str]) -> Iterator[Room]:
    for namespace in namespaces:
        rooms = table.get(namespace, {})
        for name in list(rooms):
            if name is None or (name.startswith(SESSION_PREFIX) and is_session_id(name)):
                continue
            if is_watch_room(name):
                continue
            if (members := rooms.get(name)) is not None:
                yield Room(namespace, name, len(members))


def sums(rooms_of_replicas: Iterable[Iterable[Room]]) -> list[Room]:
    """Return the largest rooms of all replicas, with their members on all of them."""
    members: dict[tuple[str, str], int] = {}
    for rooms in rooms_of_replicas:
        for namespace, name, count in rooms:
            members[namespace, name] = members.get((namespace, name), 0) + count
    found = [Room(*key, count) for key, count in members.items()]
    return sorted(found, key=lambda room: (-room.members, room.namespace, room.name))[:MAX_ROOMS]
