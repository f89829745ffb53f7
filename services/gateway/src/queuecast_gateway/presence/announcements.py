"""Announces this replica's part of who is there in Redis, and reads what all replicas announce.

A part is a hash that ends with its replica's lease. Each step changes it and adds what has changed to a log,
which all replicas read that have browsers to tell; see `presence.lua`. If Redis does not have the part that
it should have, its replica announces all of it anew. A replica that finds that the log does not go on where
it stopped reading reads all parts anew.
"""

import json
import logging
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple, Protocol

from redis.asyncio import Redis

from queuecast_bus import BusUnavailable
from queuecast_bus.connection import redis_call
from queuecast_bus.keys import Keys
from queuecast_gateway.presence.own_part import OwnPart, Part
from queuecast_gateway.presence.totals import Totals

log = logging.getLogger(__name__)

LEASE_SECONDS = 5.0
"""How long a part is valid after its replica's last step: whoever was on a killed replica is gone then."""

STEP_ROOMS = 200
"""Rooms that one step announces: 1 ms in which Redis serves nobody else."""

MOST_ENTRIES = 50
"""Entries of the log that are read at once."""

READ_ROOMS = 500
"""Rooms of a part that are read at once."""

SCAN_FIELDS = 500

STEP_FIELD, NAME_FIELD = "", "replica"
"""Fields of a part that are no rooms: see `presence.lua`, and the name of its replica."""


class Bus(Protocol):
    """The part of a gateway's bus that is needed here."""

    host_id: str
    keys: Keys
    commands: Redis


class Replica(NamedTuple):
    """A replica: its id, and the name that operators know."""

    id: str
    name: str


class Answer(NamedTuple):
    """What a step leads to. `entries` is None if the log does not go on where it was read to."""

    is_known: bool
    entries: Sequence[bytes] | None
    newest: tuple[int, str] = (0, "")
    living: Sequence[str] = ()


class Announcements:
    """The announcements of one replica; `name` is shown to operators.

    `begun` counts how often all of the part was announced.
    """

    def __init__(self, bus: Bus, name: str) -> None:
        self.begun = 0
        self._bus = bus
        self._name = name
        self._replica = bus.host_id
        self._step = 0
        self._read_to = (0, "")
        self._script: Any = bus.commands.register_script(
            files("queuecast_gateway.presence").joinpath("presence.lua").read_text("utf-8")
        )

    async def exchange(self, own: OwnPart, totals: Totals) -> int:
        """Announce the changes of the own part, and bring the totals up to date.

        Return how many rooms have changed here. Raises `BusUnavailable`; then all of the part is
        announced the next time.
        """
        if not self._step and not await self._begin(own):
            return 0
        announced = 0
        while True:
            changes = own.take_changes(STEP_ROOMS)
            announced += len(changes)
            answer = await self._announce(
                {key: own.part(key) for key in changes},
                _encode([self._replica, changes]) if changes else "",
                is_reading=bool(totals.rooms),
            )
            if totals.rooms:
                self._take(answer, totals)
            if not answer.is_known:
                # Nothing was stored. The next exchange begins with all of the part, not with a few changes.
                self._step = 0
                break
            if not own.changes and not self._has_more(answer):
                break
        await self._read_parts(totals)
        return announced

    async def _begin(self, own: OwnPart) -> bool:
        """Announce all of the part; return False if it has to be done once more."""
        self.begun += 1
        own.changes.clear()
        chunks = list(_chunks(list(own.keys()), STEP_ROOMS))
        for index, keys in enumerate(chunks):
            parts = {key: part for key in keys if (part := own.part(key))}
            entry = _encode([self._replica]) if index == len(chunks) - 1 else ""
            name = "" if index else self._name
            if not (await self._announce(parts, entry, is_reading=False, name=name)).is_known:
                self._step = 0
                return False
        return True

    async def withdraw(self) -> None:
        """Take the part back at once: its lease ends with this step. Raises `BusUnavailable`."""
        if self._step:
            await self._announce({}, "", is_reading=False, lease_seconds=0)
            self._step = 0

    async def _announce(
        self,
        parts: Mapping[str, Part],
        entry: str,
        *,
        is_reading: bool,
        lease_seconds: float = LEASE_SECONDS,
        name: str = "",
    ) -> Answer:
        step, self._step = self._step, 0  # unless Redis confirms
        number, entry_name = self._read_to if is_reading else (-1, "")
        keys = self._bus.keys
        arguments: list[str | int] = [
            *(self._replica, round(lease_seconds * 1000), step, secrets.token_hex(4)),
            *(number, entry_name, MOST_ENTRIES, entry),
        ]
        if name:
            arguments += NAME_FIELD, name
        for key, part in parts.items():
            arguments += key, _encode(part) if part else ""
        async with redis_call("announcing who is there"):
            is_known, is_missed, *found = await self._script(
                keys=[keys.presence_leases, keys.presence_log, keys.presence_part(self._replica)],
                args=arguments,
            )
        self._step = step + 1
        if not is_missed:
            return Answer(bool(is_known), found)
        newest, its_name, *living = found
        return Answer(
            bool(is_known), None, (newest, its_name.decode()), [replica.decode() for replica in living]
        )

    def _take(self, answer: Answer, totals: Totals) -> None:
        if answer.entries is None:
            self._read_to = answer.newest
            totals.begin(answer.living)
            return
        for entry in answer.entries:
            number, name, text = entry.decode().split(" ", 2)
            self._read_to = int(number), name
            said = json.loads(text)
            if isinstance(said, str):
                totals.remove(said)
            elif len(said) == 1:
                totals.renew(said[0])
            else:
                totals.change(*said)

    @staticmethod
    def _has_more(answer: Answer) -> bool:
        return answer.entries is not None and len(answer.entries) == MOST_ENTRIES

    async def _read_parts(self, totals: Totals) -> None:
        """Read the parts of the rooms that have just been watched, and of the replicas that began anew."""
        for replicas, keys in totals.take_unread():
            try:
                for page in _chunks(keys, READ_ROOMS):
                    for replica in replicas:
                        for key, part in zip(page, await self._read(replica, page), strict=True):
                            totals.read(replica, key, part)
                    totals.know(page)
            except BusUnavailable:
                self._read_to = (0, "")  # everything is read anew
                raise

    async def _read(self, replica: str, rooms: Sequence[str]) -> Sequence[Part]:
        async with redis_call("reading who is there"):
            found: Any = await self._bus.commands.hmget(self._bus.keys.presence_part(replica), list(rooms))
        return [{} if text is None else json.loads(text) for text in found]

    async def all_parts(self) -> AsyncIterator[tuple[Replica, Iterable[tuple[str, Part]]]]:
        """Yield all parts of all living replicas, some at a time. Raises `BusUnavailable`."""
        commands, keys = self._bus.commands, self._bus.keys
        async with redis_call("asking which replicas live"):
            living: Any = await commands.zrange(keys.presence_leases, 0, -1)
        for replica in map(bytes.decode, living):
            name, cursor = replica, 0
            while True:
                async with redis_call("reading who is there"):
                    scanned: Any = await commands.hscan(
                        keys.presence_part(replica), cursor, count=SCAN_FIELDS
                    )
                cursor, fields = scanned
                texts = {key.decode(): text for key, text in fields.items()}
                name = texts.pop(NAME_FIELD, name.encode()).decode()
                texts.pop(STEP_FIELD, None)
                yield Replica(replica, name), [(key, json.loads(text)) for key, text in texts.items()]
                if not cursor:
                    break


def _chunks(keys: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for at in range(0, len(keys), size):
        yield keys[at : at + size]


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
