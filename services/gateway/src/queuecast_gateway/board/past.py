"""The newest events of a namespace, for a board that was opened after they came."""

import json
from collections import deque
from collections.abc import AsyncIterator, Sequence
from itertools import islice
from typing import Any, Protocol

from queuecast_bus import BadRecord, Batch, Entry
from queuecast_bus.batch import START
from queuecast_bus.names import AWAITED_PREFIX
from queuecast_bus.record import offset_key, offset_ms
from queuecast_gateway.delivery.history import History

MAX_EVENTS = 200
"""Events of one answer."""

MAX_SCANNED = 20_000
"""Records of the history that are looked at for one answer: others are for other namespaces."""

MAX_BYTES = 256 << 10
"""Bytes of events, or of the names of rooms, in one answer; the oldest are left out."""

MAX_RECALLED = 10
"""Records that are read from Redis at once. Those that an answer has no space for are not read."""

OLDER_SECONDS = (1, 10, 60, 600)
"""How far before the history the stream is looked through: further, until enough is found."""

PAGE = 400
PAGES = 5
"""A time with more records than so many pages have is not looked through."""

MAX_READ_BYTES = 4 << 20
"""Nor is one whose records take more than this."""


class Bus(Protocol):
    """The part of a gateway's bus that is needed here."""

    @property
    def history(self) -> History: ...
    async def recall(self, offsets: Sequence[str]) -> list[list[bytes]]: ...
    async def between(self, after: str, until: str, most: int) -> Batch: ...


async def newest_events(bus: Bus, namespace: str, most: int) -> list[dict[str, Any]]:
    """Return the newest events of a namespace, oldest first: from the history, and what the stream has from
    before, if the history is young.

    Each has its offset, name, arguments and rooms; attachments stay placeholders. Raises `BusUnavailable`.
    """
    found: list[Entry] = []
    scanned = 0
    for entry in islice(bus.history.newest(), MAX_SCANNED):
        scanned += 1
        if _is_of(entry, namespace):
            found.append(entry)
            if len(found) == most:
                break
    if len(found) < most and scanned < MAX_SCANNED:
        found += await _older(bus, namespace, most - len(found))
    events: list[dict[str, Any]] = []
    size = 0
    async for entry in _with_texts(bus, found):
        size += sum(map(len, entry.fields))
        if size > MAX_BYTES:
            break
        try:
            record = entry.record
            arguments = json.loads(record.arguments)
        except (BadRecord, ValueError, RecursionError):
            continue  # it was not delivered either
        events.append(
            {"offset": entry.offset, "event": record.event, "arguments": arguments, "rooms": record.rooms}
        )
    return events[::-1]


async def _older(bus: Bus, namespace: str, most: int) -> list[Entry]:
    """Return the newest entries of a namespace that the stream has from before the history, newest first."""
    until = bus.history.start
    found: list[Entry] = []
    for seconds in OLDER_SECONDS if until != START else ():
        after = f"{max(0, offset_ms(until) - 1000 * seconds)}-0"
        entries = await _newest_between(bus, after, until, namespace, most)
        found = found if entries is None else entries
        if entries is None or len(entries) == most:
            break
    return found[::-1]


async def _newest_between(bus: Bus, after: str, until: str, namespace: str, most: int) -> list[Entry] | None:
    """Return the newest entries between two offsets, oldest first; None if too many are between them.

    They are without their texts: together these may be much more than an answer has space for.
    """
    newest: deque[Entry] = deque(maxlen=most)
    size = 0
    for _ in range(PAGES):
        batch = await bus.between(after, until, PAGE)
        size += sum(sum(map(len, entry.fields)) for entry in batch.entries)
        if size > MAX_READ_BYTES:
            return None
        own = (entry for entry in batch.entries if _is_of(entry, namespace))
        newest.extend(entry._replace(fields=[]) for entry in own)
        after = batch.position
        if offset_key(after) >= offset_key(until):
            return list(newest)
    return None


def _is_of(entry: Entry, namespace: str) -> bool:
    """Say whether an entry is an event of a namespace, also if it has to be acknowledged."""
    return entry.address.namespace.removeprefix(AWAITED_PREFIX) == namespace


async def _with_texts(bus: Bus, entries: Sequence[Entry]) -> AsyncIterator[Entry]:
    """Yield these entries with the texts that the history has discarded, without those that are gone."""
    texts: dict[str, list[bytes]] = {}
    for index, entry in enumerate(entries):
        if entry.fields:
            yield entry
            continue
        if entry.offset not in texts:
            missing = (each.offset for each in entries[index:] if not each.fields)
            offsets = list(islice(missing, MAX_RECALLED))
            texts = dict(zip(offsets, await bus.recall(offsets), strict=False))
        if texts[entry.offset]:
            yield entry._replace(fields=texts[entry.offset])


def rooms_of(history: History, namespace: str, offsets: Sequence[str]) -> dict[str, Sequence[str]]:
    """Return the rooms of the records with these offsets, those of them that the history has.

    Records of other namespaces are left out, and those for which the answer has no space.
    """
    found: dict[str, Sequence[str]] = {}
    size = 0
    for offset in offsets:
        entry = history.entry(offset)
        if entry is not None and _is_of(entry, namespace):
            size += len(offset) + sum(map(len, entry.address.rooms))
            if size > MAX_BYTES:
                break
            found[offset] = entry.address.rooms
    return found
