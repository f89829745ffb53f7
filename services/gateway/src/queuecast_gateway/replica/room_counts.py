"""How many sessions are in named rooms on all replicas: one replica asks, and each answers for itself.

Question and answers are control messages, as those of `queuecast_bus.presence`, with a number for each room.
"""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

ANSWER_SECONDS = 0.5
"""How long to wait for answers if not all that were asked have answered before."""


class Bus(Protocol):
    """The part of a gateway's bus that is needed here."""

    host_id: str

    async def ask_replicas(self, message: dict[str, Any]) -> int: ...


class Counted(NamedTuple):
    """The sessions in each room, how many replicas have answered, and whether all that listen have."""

    sessions: Mapping[str, int]
    answered: int
    complete: bool


class RoomCounts:
    """Asks all replicas how many sessions are in rooms."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._answers: dict[str, asyncio.Queue[Mapping[str, int]]] = {}

    async def of(self, namespace: str, rooms: Sequence[str]) -> Counted:
        """Return the sessions in rooms of a namespace. Raises `BusUnavailable`."""
        question = uuid.uuid4().hex
        answers = self._answers[question] = asyncio.Queue()
        found: list[Mapping[str, int]] = []
        try:
            asked = await self._bus.ask_replicas(
                {
                    "host_id": self._bus.host_id,
                    "count": question,
                    "namespace": namespace,
                    "rooms": list(rooms),
                    "each": True,
                }
            )
            async with asyncio.timeout(ANSWER_SECONDS):
                while len(found) < asked:
                    found.append(await answers.get())
        except TimeoutError:
            pass  # also with servers of others among those that were asked
        finally:
            del self._answers[question]
        sessions = {room: sum(each.get(room, 0) for each in found) for room in rooms}
        return Counted(sessions, len(found), bool(found) and len(found) == asked)

    def receive(self, message: Mapping[str, Any]) -> None:
        """Take an answer. One that comes too late is ignored, and so is one without a number for each room,
        of a replica that is older.
        """
        answers = self._answers.get(message["counted"])
        if answers is not None and isinstance(each := message.get("each"), dict):
            answers.put_nowait({str(room): int(number) for room, number in each.items()})
