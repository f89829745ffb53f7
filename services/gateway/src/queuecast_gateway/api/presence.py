"""Who is in rooms, over all replicas, as pages are told it; see `queuecast_gateway.presence`."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from queuecast_gateway.access.grant import Rooms
from queuecast_gateway.api.problems import Problem
from queuecast_gateway.api.queries import namespace_of, rooms_of
from queuecast_gateway.presence.view import PresenceView
from queuecast_gateway.wire.presence import NAMESPACE_ROOM

MAX_USERS = 10_000
"""Identities of one room in an answer."""

IDENTITIES = "identities"
"""The right to be told who is there, and not only how many."""


class WhoIsThere:
    """Answers with the people in rooms. `watched` are the rooms that may be asked, None without presence."""

    def __init__(self, view: PresenceView | None, watched: Rooms, *, namespaces: bool) -> None:
        self._view = view
        self._watched = watched
        self._namespaces = namespaces

    async def read(self, query: Mapping[str, Sequence[str]], rights: Collection[str]) -> dict[str, Any]:
        """Return the answer. Raises `Problem` and `BusUnavailable`."""
        if self._view is None:
            raise Problem("not-found", "presence is off (QUEUECAST_PRESENCE_ROOMS)")
        namespace, rooms = namespace_of(query), rooms_of(query)
        if not rooms and not self._namespaces:
            raise Problem("bad-query", "room: expected the name of a room (QUEUECAST_PRESENCE_NAMESPACES)")
        for room in rooms:
            if room not in self._watched:
                raise Problem("bad-query", f"room {room[:80]!r} is not one of QUEUECAST_PRESENCE_ROOMS")
        found = []
        for room, seen in zip(
            rooms or [NAMESPACE_ROOM], await self._view.of(namespace, rooms or [NAMESPACE_ROOM]), strict=True
        ):
            users = sorted(seen.users)[:MAX_USERS]
            is_named = IDENTITIES in rights and room != NAMESPACE_ROOM
            is_whole = not is_named or len(users) == len(seen.users)
            found.append(
                {
                    "namespace": namespace,
                    **({} if room == NAMESPACE_ROOM else {"room": room}),
                    "count": seen.count,
                    "sessions": sum(seen.replicas.values()),
                    **({"users": users} if is_named else {}),
                    "complete": not seen.inexact and self._view.is_exact and is_whole,
                }
            )
        return {"rooms": found}
