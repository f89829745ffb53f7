"""How many sessions are in rooms, over all replicas: in those that are named, or in the largest ones."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from queuecast_gateway.api.queries import namespace_of, rooms_of
from queuecast_gateway.board.replicas import Replicas
from queuecast_gateway.replica.room_counts import Counted, RoomCounts


class Rooms:
    """Answers with the sessions in rooms."""

    def __init__(self, replicas: Replicas, counts: RoomCounts) -> None:
        self._replicas = replicas
        self._counts = counts

    async def read(self, query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """Return the answer. Raises `Problem` and `BusUnavailable`."""
        namespace, rooms = namespace_of(query), rooms_of(query)
        if rooms:
            counted = {namespace: await self._counts.of(namespace, rooms)}
            return _told([(namespace, room) for room in rooms], counted)
        # Which are the largest: each replica lists its own. How many are in them: all replicas are asked.
        shown = (await self._replicas.answer())["rooms"]
        largest = sorted(
            {(room[0], room[1]) for room in shown if "namespace" not in query or room[0] == namespace}
        )
        names = {each: [room for _, room in same] for each, same in groupby(largest, lambda room: room[0])}
        counted = {each: await self._counts.of(each, named) for each, named in names.items()}
        if not counted:
            counted = {namespace: await self._counts.of(namespace, [])}
        told = _told(largest, counted)
        told["rooms"].sort(key=lambda room: -room["sessions"])
        return told


def _told(rooms: Sequence[tuple[str, str]], counted: Mapping[str, Counted]) -> dict[str, Any]:
    return {
        "rooms": [
            {"namespace": namespace, "room": room, "sessions": counted[namespace].sessions[room]}
            for namespace, room in rooms
        ],
        "replicas": min(each.answered for each in counted.values()),
        "complete": all(each.complete for each in counted.values()),
    }
