"""The stream is followed here, from a concrete offset on, across everything that may happen to Redis.

It never asks for "new from now on" in its loop: between two such questions records would be lost.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

from redis.asyncio import Redis

from queuecast_bus.connection import ANSWER_SECONDS, asking, jittered
from queuecast_bus.errors import BadRecord, BusUnavailable
from queuecast_bus.keys import Keys
from queuecast_bus.record import ADDRESS, PREVIOUS, Address, Record, offset_key, read_address

log = logging.getLogger(__name__)

START = "0-0"
"""The offset before every record."""

BLOCK_SECONDS = 1.0
"""One XREAD waits this long. Short, so that a connection that went silent is found out soon; an idle replica
costs Redis one command a second."""

READ_COUNT = 200
"""Records of one XREAD; with the largest bodies that is 50 MiB."""

RETRY_CAP_SECONDS = 1.0

GapReason = Literal["trimmed", "rewound"]


class Entry(NamedTuple):
    """A record with its place in the stream. Only its address is read until somebody wants the rest.

    `fields` has names and values in turn, as Redis gave them.
    """

    offset: str
    address: Address
    fields: Sequence[bytes]

    @property
    def record(self) -> Record:
        """The whole record. Raises `BadRecord`."""
        fields = iter(self.fields)
        return Record.from_fields(dict(zip(fields, fields, strict=True)))


_entry: Callable[[tuple[str, Address, Sequence[bytes]]], Entry] = partial(tuple.__new__, Entry)
"""`Entry`, in a third of the time."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Records between two offsets that this reader can never see.

    `trimmed`: the stream dropped them before they were read. `rewound`: Redis lost what it had confirmed (it
    came back without its data, or a replica took over that lagged behind).
    """

    reason: GapReason
    after: str
    before: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What one read brought, in the stream's order; the gap, if any, lies before the entries.

    `resumed` says that reading had failed before and goes on now; `malformed` counts entries that were no
    records.
    """

    entries: tuple[Entry, ...] = ()
    gap: Gap | None = None
    malformed: int = 0
    resumed: bool = False


class Reader:
    """Follows one stream. `started` is set once it is settled where reading starts."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self.started = asyncio.Event()
        self._redis = redis
        # As it came: making pairs and dictionaries of it costs as much as all that we do with it.
        redis.set_response_callback("XREAD", _as_it_came)
        self._keys = keys
        self._last = START
        # The last one that the append script has linked: somebody else's entries are in no chain.
        self._linked = START.encode()

    async def follow(self) -> AsyncIterator[Batch]:
        """Yield all that is stored after the newest record there was at first, for ever.

        Redis's failures are waited out, never raised.
        """
        attempt = 0
        while True:
            try:
                if not self.started.is_set():
                    self._go_to(await self._tail())
                    self.started.set()
                elif attempt:
                    yield await self._resume()
                attempt = 0
                if batch := await self._read():
                    yield batch
            except BusUnavailable as exc:
                if attempt == 0:
                    log.warning("the bus cannot be read, trying again: %s", exc)
                await asyncio.sleep(jittered(attempt, cap_seconds=RETRY_CAP_SECONDS))
                attempt += 1

    async def _tail(self) -> str:
        async with asking("asking for the newest record"):
            tail: Any = await self._redis.get(self._keys.tail)
        return tail.decode() if tail else START

    async def _resume(self) -> Batch:
        """Look, after a failure, whether the stream is still the one we were reading."""
        tail = await self._tail()
        last = self._last
        log.warning("the bus is back, reading goes on after %s", last)
        if offset_key(tail) >= offset_key(last):
            return Batch(resumed=True)
        # Asking for what follows `last` would now wait until the new stream's clock has passed it.
        self._go_to(tail)
        return Batch(gap=_gap(after=last, before=tail), resumed=True)

    def _go_to(self, offset: str) -> None:
        self._last, self._linked = offset, offset.encode()

    async def _read(self) -> Batch | None:
        async with asking("reading", BLOCK_SECONDS + ANSWER_SECONDS):
            answer: Any = await self._redis.xread(
                {self._keys.stream: self._last}, count=READ_COUNT, block=int(BLOCK_SECONDS * 1000)
            )
        if not answer:
            return None
        # Every replica does this for every record, its own or not, so it is short; see bench/results.md.
        entries: list[Entry] = []
        gap, malformed = None, 0
        linked = self._linked
        for offset, fields in answer[0][1]:
            try:
                link, previous, mark, address = fields[:4]
                if link != PREVIOUS or mark != ADDRESS:
                    raise BadRecord("it does not begin with a link and an address")
                if previous != linked and gap is None:
                    gap = _gap(after=linked.decode(), before=previous.decode())
                linked = offset
                entries.append(_entry((offset.decode(), read_address(address), fields)))
            except (BadRecord, ValueError) as exc:
                malformed += 1
                log.error("the record %s was skipped: %s", offset.decode(), exc)
        self._last, self._linked = offset.decode(), linked
        return Batch(tuple(entries), gap, malformed)


def _as_it_came(answer: Any, **_: Any) -> Any:
    return answer


def _gap(*, after: str, before: str) -> Gap:
    reason: GapReason = "trimmed" if offset_key(before) > offset_key(after) else "rewound"
    return Gap(reason, after, before)
