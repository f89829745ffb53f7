"""How many sessions are in rooms, over all replicas: in those that are named, or in the largest ones."""

from collections.abc import Mapping, Sequence
from typing import Any

from queuecast_gateway.api.queries import namespace_of, rooms_of
from queuecast_gateway.board.replicas import Replicas
from queuecast_gateway.replica.room_counts import RoomCounts


class Rooms:
    """Answers with the sessions in rooms."""

    def __init__(self, replicas: Replicas, counts: RoomCounts) -> None:
        self._replicas = replicas
        self._counts = counts

    async def read(self, query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """Return the answer. Raises `Problem` and `BusUnavailable`."""
        namespace, rooms = namespace_of(query), rooms_of(query)
        if rooms:
            found = await self._counts.of(namespace, rooms)
            counted = [(namespace, room, found.sessions[room]) for room in rooms]
            answered, complete = found.answered, found.complete
        else:
            shown = await self._replicas.answer()
            counted = [room for room in shown["rooms"] if "namespace" not in query or room[0] == namespace]
            answered = sum(replica["answered"] for replica in shown["replicas"])
            complete = answered == len(shown["replicas"])
        return {
            "rooms": [
                {"namespace": namespace, "room": room, "sessions": sessions}
                for namespace, room, sessions in counted
            ],
            "replicas": answered,
            "complete": complete,
        }
