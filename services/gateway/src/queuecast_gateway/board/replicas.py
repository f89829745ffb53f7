"""What operators see of the replicas: the figures that each answers with, and their rooms together."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from queuecast_gateway.board.rooms_by_size import MAX_ROOMS, LargestRooms, Room, Table, sums
from queuecast_gateway.replica.figures import ReplicaFigures

FRESH_SECONDS = 1.0
"""Within this time the rooms are counted once, however many replicas ask."""


class Server(Protocol):
    """The part of a Socket.IO server that has these figures."""

    eio: Any
    manager: Any


class OwnFigures:
    """The figures of this replica.

    `lag` returns for how many seconds it has been behind the bus, `delivered` how many events it has handed
    to connections.
    """

    def __init__(
        self,
        server: Server,
        namespaces: Sequence[str],
        name: dict[str, str],
        lag: Callable[[], float],
        delivered: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server = server
        self._namespaces = namespaces
        self._name = name
        self._lag = lag
        self._delivered = delivered
        self._clock = clock
        self._started = clock()
        self._counting = asyncio.Lock()
        self._counted_at = float("-inf")
        self._largest = LargestRooms({}, ())

    async def __call__(self, named: Any) -> dict[str, Any]:
        """Return them, with the members of the rooms that the question names."""
        table: Table = self._server.manager.rooms
        largest = await self._count_rooms(table)
        return {
            **self._name,
            "connections": len(self._server.eio.sockets),
            "sessions": sum(len(table.get(namespace, {}).get(None, ())) for namespace in self._namespaces),
            "lag_s": round(self._lag(), 3),
            "draining": self._server.eio.draining,
            "delivered": round(self._delivered()),
            "uptime_s": round(self._clock() - self._started),
            "rooms": largest.with_named(_pairs(named)),
            "rooms_count": largest.count,
        }

    async def _count_rooms(self, table: Table) -> LargestRooms:
        async with self._counting:
            if self._clock() - self._counted_at >= FRESH_SECONDS:
                largest = LargestRooms(table, self._namespaces)
                for _ in largest.parts():
                    await asyncio.sleep(0)
                self._largest, self._counted_at = largest, self._clock()
        return self._largest


class Replicas:
    """All replicas, and their rooms with most members.

    Each replica lists its own largest rooms. Those that were the largest of all the last time are asked for
    by name, so that their members are counted on every replica.
    """

    def __init__(self, figures: ReplicaFigures) -> None:
        self._figures = figures
        self._largest: list[Room] = []

    async def answer(self) -> dict[str, Any]:
        """Return the replicas by name, and the rooms by size. Raises `BusUnavailable`."""
        found = await self._figures.of_all([room[:2] for room in self._largest])
        replicas = [{key: value for key, value in each.items() if key != "rooms"} for each in found]
        self._largest = sums([Room(*room) for room in each["rooms"]] for each in found if each["answered"])
        return {"replicas": replicas, "rooms": self._largest}


def _pairs(named: Any) -> Iterable[tuple[str, str]]:
    pairs = named if isinstance(named, list) else []
    return [(str(pair[0]), str(pair[1])) for pair in pairs[:MAX_ROOMS] if len(pair) == 2]
