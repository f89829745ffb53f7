"""The stream is followed here, from a concrete offset on, across everything that may happen to Redis.

It never asks for "new from now on" in its loop: between two such questions records would be lost.
"""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import files
from typing import Any, Literal, NamedTuple

from redis.asyncio import Redis

from queuecast_bus.answers import MAX_ANSWER_BYTES, AnswerTooLong, answer_bytes, bound_answers
from queuecast_bus.connection import ANSWER_SECONDS, asking, jittered
from queuecast_bus.errors import BadRecord, BusUnavailable
from queuecast_bus.keys import Keys
from queuecast_bus.read_size import MOST_RECORDS, READ_BYTES, ReadSize
from queuecast_bus.record import (
    ADDRESS,
    MAX_CACHED_BYTES,
    PREVIOUS,
    TRACEPARENT,
    Address,
    Record,
    known_address,
    offset_key,
    read_address,
)

log = logging.getLogger(__name__)

START = "0-0"
"""The offset before every record."""

BLOCK_SECONDS = 1.0
"""One XREAD waits this long. Short, so that a connection that went silent is found out soon; an idle replica
costs Redis one command a second."""

RETRY_CAP_SECONDS = 1.0

_RECALL = files("queuecast_bus").joinpath("recall.lua").read_text("utf-8")

GapReason = Literal["trimmed", "rewound"]


class Entry(NamedTuple):
    """A record with its place in the stream. Only its address is read until somebody wants the rest.

    `fields` has names and values in turn, as Redis gave them.
    """

    offset: str
    address: Address
    fields: list[bytes]

    @property
    def record(self) -> Record:
        """The whole record. Raises `BadRecord`."""
        fields = iter(self.fields)
        return Record.from_fields(dict(zip(fields, fields, strict=True)))

    @property
    def traceparent(self) -> str | None:
        """The trace context that came with the record, unchecked; None if none did."""
        names, values = self.fields[::2], self.fields[1::2]
        return values[names.index(TRACEPARENT)].decode(errors="replace") if TRACEPARENT in names else None


_entry: Callable[[tuple[str, Address, list[bytes]]], Entry] = partial(tuple.__new__, Entry)
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

    `position` is where the next read begins: all up to it has been yielded. `resumed` says that reading
    had failed before and goes on now; `malformed` counts entries that were no records.
    """

    position: str
    entries: tuple[Entry, ...] = ()
    gap: Gap | None = None
    malformed: int = 0
    resumed: bool = False


class Reader:
    """Follows one stream. `started` is set once it is settled where reading starts.

    Its client's connections have a `BoundedParser`, by which it knows how much an answer brought.
    """

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self.started = asyncio.Event()
        self._redis = redis
        # As it came: making pairs and dictionaries of it costs as much as all that we do with it.
        redis.set_response_callback("XREAD", _as_it_came)
        redis.set_response_callback("XRANGE", _as_it_came)
        self._recall = redis.register_script(_RECALL)
        self._keys = keys
        self._size = ReadSize()
        self._last = START
        self._linked = START

    async def follow(self) -> AsyncIterator[Batch]:
        """Yield all that is stored after the newest record there was at first, for ever.

        The first batch is empty and says where that is. What comes in more than `READ_BYTES` is yielded in
        pieces of about that. Redis's failures are waited out, never raised.
        """
        attempt = 0
        while True:
            try:
                if not self.started.is_set():
                    self._go_to(await self._tail())
                    self.started.set()
                    yield Batch(self._last)
                elif attempt:
                    yield await self._resume()
                pieces = await self._read()
                attempt = 0
                for raw in pieces:
                    batch, self._linked = _batch(raw, self._linked)
                    self._last = batch.position
                    yield batch
            except BusUnavailable as exc:
                if attempt == 0:
                    log.warning("the bus cannot be read, trying again: %s", exc)
                await asyncio.sleep(jittered(attempt, cap_seconds=RETRY_CAP_SECONDS))
                attempt += 1

    async def between(self, after: str, until: str, most: int) -> Batch:
        """Return some records, `most` at most, after one offset and until another, which must have been read.

        Raises `BusUnavailable`.
        """
        answer = await self._ask(
            "reading again",
            lambda count: self._redis.xrange(self._keys.stream, f"({after}", until, count),
            most=most,
        )
        if not answer:
            # What was read is still there, or it was trimmed; the end of the range was read.
            gap = _gap(after=after, before=until) if offset_key(after) < offset_key(until) else None
            return Batch(until, gap=gap)
        batch, _ = _batch(answer, None)
        if batch.entries:
            # Somebody else's entries may come before it, and link to nothing.
            previous = batch.entries[0].fields[1].decode()
            if offset_key(previous) > offset_key(after):
                return replace(batch, gap=_gap(after=after, before=previous))
        return batch

    async def recall(self, offsets: Sequence[str]) -> list[list[bytes]]:
        """Return the fields of the first few records at these offsets, of one at least.

        They are none where there is no record any more. Raises `BusUnavailable`.
        """
        found = await self._ask(
            "recalling records",
            lambda count: self._recall(keys=[self._keys.stream], args=offsets[:count]),
            most=len(offsets),
        )
        return list(found)

    async def _tail(self) -> str:
        async with asking("asking for the newest record"):
            tail: Any = await self._redis.get(self._keys.tail)
        return tail.decode() if tail else START

    async def _resume(self) -> Batch:
        """Look, after a failure, whether the stream is still the one we were reading."""
        tail = await self._tail()
        last = self._last
        log.warning("the bus is back, reading goes on after %s", last)
        if offset_key(tail) >= offset_key(self._linked):
            return Batch(last, resumed=True)
        # Asking for what follows `last` would now wait until the new stream's clock has passed it.
        self._go_to(tail)
        return Batch(tail, gap=_gap(after=last, before=tail), resumed=True)

    def _go_to(self, offset: str) -> None:
        self._last = self._linked = offset

    async def _read(self) -> Iterator[Sequence[Any]]:
        answer = await self._ask(
            "reading",
            lambda count: self._redis.xread(
                {self._keys.stream: self._last}, count=count, block=int(BLOCK_SECONDS * 1000)
            ),
            seconds=BLOCK_SECONDS + ANSWER_SECONDS,
            records=lambda answer: answer[0][1],
        )
        return _pieces(answer) if answer and answer_bytes() > READ_BYTES else iter([answer] if answer else ())

    async def _ask(
        self,
        doing: str,
        question: Callable[[int], Awaitable[Any]],
        *,
        most: int = MOST_RECORDS,
        seconds: float = ANSWER_SECONDS,
        records: Callable[[Any], Sequence[Any]] = lambda answer: answer,
    ) -> Sequence[Any]:
        """Return the records in the answer to a question for so many of them, or for fewer of large ones.

        Raises `BusUnavailable`.
        """
        while True:
            asked, began = min(self._size.count, most), time.monotonic()
            # A single record cannot be had in less: somebody else's may be longer than any of ours.
            bound_answers(MAX_ANSWER_BYTES if asked > 1 else math.inf)
            try:
                async with asking(doing, seconds):
                    answer = await question(asked)
            except BusUnavailable:
                self._size.failed(asked)
                raise
            except AnswerTooLong as exc:
                self._size.failed(asked)
                log.info("%s %d records: %s; fewer are asked for", doing, asked, exc)
                continue
            found = records(answer) if answer else ()
            if found:
                self._size.came(asked, len(found), answer_bytes(), time.monotonic() - began)
            return found


def _pieces(raw: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield entries in pieces of about `READ_BYTES`: a browser that is sent them may read one meanwhile."""
    piece: list[Any] = []
    size = 0
    for entry in raw:
        length = sum(map(len, entry[1]))
        if piece and size + length > READ_BYTES:
            yield piece
            piece, size = [], 0
        piece.append(entry)
        size += length
    yield piece


def _batch(raw: Sequence[Any], linked: str | None) -> tuple[Batch, str]:
    """Return the records in Redis's answer, and the last one that the append script has linked.

    `linked` is the one before them, None if that is not to be checked. Somebody else's entries are in no
    chain.
    Every replica does this for every record, its own or not, so it is short; see bench/results.md.
    """
    entries: list[Entry] = []
    gap, malformed = None, 0
    before = linked.encode() if linked else None
    for offset, fields in raw:
        try:
            link, previous, mark, address = fields[:4]
            if link != PREVIOUS or mark != ADDRESS:
                raise BadRecord("it does not begin with a link and an address")
            if previous != before and before is not None and gap is None:
                gap = _gap(after=before.decode(), before=previous.decode())
            before = offset
            # Asked here: `read_address` would cost a call more.
            read = known_address if len(address) <= MAX_CACHED_BYTES else read_address
            entries.append(_entry((offset.decode(), read(address), fields)))
        except (BadRecord, ValueError) as exc:
            malformed += 1
            log.error("the record %s was skipped: %s", offset.decode(), exc)
    position: str = offset.decode()
    return Batch(position, tuple(entries), gap, malformed), before.decode() if before else START


def _as_it_came(response: Any, **kwargs: Any) -> Any:
    return response


def _gap(*, after: str, before: str) -> Gap:
    reason: GapReason = "trimmed" if offset_key(before) > offset_key(after) else "rewound"
    return Gap(reason, after, before)
