"""A Redis that keeps what the scripts of sessions were called with, and a session's state."""

import asyncio
import json
from typing import Any

from redis.exceptions import ConnectionError as Refused

from queuecast_bus.keys import Keys
from queuecast_gateway.recovery.session_state import State, fingerprint

PREFIX = "queuecast:{socketio}:session:"


class FakeRedis:
    """The commands of a bus: keeps what the scripts were called with; refuses while `away`, or the next
    `failures` calls. A call waits for `going_on`.
    """

    def __init__(self) -> None:
        self.keys = Keys()
        self.host_id = "replica-1"
        self.away = False
        self.failures = 0
        self.going_on = asyncio.Event()
        self.going_on.set()
        self.answered = asyncio.Event()
        self.answer: list[Any] | None = None
        self.again: list[int] = []
        self.calls: list[tuple[list[str], list[Any]]] = []
        self.registered: list[str] = []

    @property
    def commands(self) -> "FakeRedis":
        return self

    def register_script(self, text: str) -> Any:
        self.registered.append(text)
        return self._call

    async def _call(self, *, keys: list[str], args: list[Any]) -> list[Any] | None:
        self.calls.append((keys, args))
        await self.going_on.wait()
        if self.away or self.failures:
            self.failures = max(0, self.failures - 1)
            raise Refused("nobody there")
        self.answered.set()
        if not isinstance(args[-1], bytes):
            return self.answer
        again, self.again = self.again, []
        return again

    @property
    def written(self) -> list[dict[str, tuple[Any, ...]]]:
        """By call of the script that saves: what it got for each private id."""
        return [
            {
                key.removeprefix(PREFIX): tuple(text)
                for key, text in zip(keys, json.loads(args[-1]), strict=True)
            }
            for keys, args in self.calls
            if isinstance(args[-1], bytes)
        ]


def state(sid: str = "sid", *rooms: str, offset: str = "1-0") -> State:
    return State(sid, "/", dict.fromkeys(rooms, offset), offset)


def whole(state: State, *, away: int = 0) -> tuple[Any, ...]:
    """Return what the script gets for a session that is saved whole."""
    entered = [text for room in state.rooms.items() for text in room]
    return (
        "save",
        away,
        f"{fingerprint(state.rooms):x}",
        entered,
        state.sid,
        state.namespace,
        state.offset,
        state.subject,
    )
