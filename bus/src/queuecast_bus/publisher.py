"""Records go onto the stream here: many in one atomic step, each at most once, or an error."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from redis.asyncio import Redis

from queuecast_bus.connection import asking
from queuecast_bus.keys import Keys
from queuecast_bus.record import Record

WRITE_BYTES = 2 << 20
"""So much is stored in one step. Ten of the largest messages took longer than an answer may over a link
of 3 MB/s, and Redis would answer nobody else meanwhile."""

_APPEND = files("queuecast_bus").joinpath("append.lua").read_text("utf-8")


@dataclass(frozen=True, slots=True)
class Stored:
    """Redis's word on one record: where it is, and whether it was there already."""

    offset: str
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much the stream keeps, and for how long a dedup id counts."""

    max_records: int
    max_seconds: int
    dedup_seconds: int


class Publisher:
    """Appends records to the stream and returns only what Redis confirmed."""

    def __init__(self, redis: Redis, keys: Keys, bounds: Bounds) -> None:
        self._append = redis.register_script(_APPEND)
        self._keys = keys
        self._head = (bounds.max_records, bounds.max_seconds * 1000, bounds.dedup_seconds * 1000)

    async def publish(self, batch: Sequence[tuple[Record, str | None]]) -> list[Stored]:
        """Store the batch's records in its order; each comes with its dedup id or None.

        All are stored or, if this raises `BusUnavailable`, it is unknown which: publish the same batch again.
        """
        stored: list[Stored] = []
        step: list[tuple[Record, str | None]] = []
        size = 0
        for each in batch:
            size += (length := each[0].payload_size)
            if size > WRITE_BYTES and step:
                stored += await self._store(step)
                step, size = [], length
            step.append(each)
        return stored + await self._store(step) if step else stored

    async def _store(self, batch: Sequence[tuple[Record, str | None]]) -> list[Stored]:
        keys = [self._keys.stream, self._keys.tail]
        arguments: list[int | bytes] = [*self._head]
        for record, dedup_id in batch:
            keys.append(self._keys.tail if dedup_id is None else self._keys.seen(dedup_id))
            fields = record.to_fields()
            arguments += len(fields), *fields
        async with asking("publishing"):
            answer = await self._append(keys=keys, args=arguments)
        return [
            Stored(offset.decode(), bool(duplicate))
            for offset, duplicate in zip(answer[::2], answer[1::2], strict=True)
        ]
