"""Reads the past events of rooms, for browsers that subscribe: from memory, and once for all from Redis.

Which records are for a room is found in the index of the history, which reaches as far back as the stream
from the first time that somebody asks for more. Texts come from the history, or are read by their offsets.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from queuecast_bus import BadRecord, Entry
from queuecast_bus.batch import START
from queuecast_bus.connection import redis_call
from queuecast_bus.record import Address, offset_key, offset_ms
from queuecast_gateway.delivery.gateway_bus import GatewayBus
from queuecast_gateway.delivery.room_index import RoomIndex
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.recovery.latest_rooms import LatestBounds, LatestRooms
from queuecast_gateway.recovery.past_texts import PastTexts
from queuecast_gateway.recovery.replay_reader import PAGE, SCAN_PAUSE_SECONDS, SCAN_RECORDS, catch_up
from queuecast_gateway.recovery.shared_read import SharedRead
from queuecast_gateway.wire.past import (
    NO_EVENTS,
    UNSENDABLE,
    PastEvent,
    PastEvents,
    PastRun,
    Wanted,
    joined,
    newest_that_fit,
    past_event,
)

MAX_RUNS = 32
"""How many answers are kept joined: a quarter of the memory for texts, at most."""

NO_ADDRESS = Address("")
"""What stands for the address of a record whose rooms are known already."""


class PastBounds(NamedTuple):
    """How many past events one answer may have, of how many bytes, and how old they may be.

    `held_bytes` is the memory for the index, and the same again for texts. The latest event of a key may be
    `latest_seconds` old.
    """

    max_events: int
    max_bytes: int
    max_seconds: float
    held_bytes: int
    latest_seconds: float = 0


class Marks(NamedTuple):
    """The newest offset of the stream, and the newest up to which Redis may have lost records."""

    tail: str
    lost_up_to: str


class Found(NamedTuple):
    """Offsets of a room's events, in order; they are `complete` if nothing that was asked for is missing."""

    offsets: Sequence[str]
    complete: bool


class PastReader:
    """Finds past events of rooms. `namespaces` are those that browsers may be in."""

    def __init__(
        self, bus: GatewayBus, bounds: PastBounds, namespaces: Sequence[str], metrics: Metrics
    ) -> None:
        self.most_events = bounds.max_events
        self._bus = bus
        self._bounds = bounds
        self._namespaces = namespaces
        self._metrics = metrics
        self._answers = {
            is_complete: metrics.past_answers.labels(outcome)
            for is_complete, outcome in ((True, "complete"), (False, "incomplete"))
        }
        self._runs: dict[tuple[object, ...], PastRun] = {}
        self._texts = PastTexts(bounds.held_bytes // 2)
        self._gaps = 0
        self.keeps_latest = bounds.latest_seconds > 0
        self._latest = LatestRooms(
            bus,
            LatestBounds(bounds.latest_seconds, bounds.max_events, bounds.max_bytes, bounds.held_bytes // 4),
            lambda offset: self._texts.get(offset) or self._from_history(offset),
            metrics.past_reads.labels("latest").inc,
        )
        self._recall = SharedRead(self._read_texts)
        self._extend: SharedRead[None, None] = SharedRead(self._read_older)
        self._ask_marks = SharedRead(self._read_marks, lasting=False)

    @property
    def held_bytes(self) -> int:
        """The memory that the index and the texts take."""
        index = self._bus.history.index
        return self._texts.size + self._latest.size + (0 if index is None else index.size)

    async def read(self, namespace: str, rooms: Sequence[str], wanted: Wanted, sid: str) -> PastEvents:
        """Return the past events of some rooms that a session may have, up to the history's position.

        The caller must let the session into the rooms before it awaits anything: then no event is missing
        between these and the next, and none is given twice. Raises `BusUnavailable`.
        """
        history = self._bus.history
        rooms = list(dict.fromkeys(rooms))
        if history.index is None:
            history.index = RoomIndex(self._namespaces, self._bounds.held_bytes, history.position)
        is_known = True
        if wanted.since is not None:
            marks = (await self._ask_marks([None]))[None]
            is_known = _is_known(wanted.since, marks)
            if offset_key(wanted.since) <= offset_key(marks.tail):
                await catch_up(history, wanted.since)
            else:
                wanted = Wanted(since=START)  # Redis has begun anew, maybe with lower offsets
        with history.keeping_texts():
            if wanted.latest:
                self._forget_after_a_gap(history.index)
                run, is_complete = await self._latest.read(history.index, namespace, rooms)
            else:
                run, is_complete = await self._read(history.index, namespace, rooms, wanted, sid)
        is_complete = is_complete and is_known
        self._answers[is_complete].inc()
        self._metrics.past_events.inc(run.number)
        return PastEvents(run, is_complete, history.position)

    async def _read(
        self, index: RoomIndex, namespace: str, rooms: Sequence[str], wanted: Wanted, sid: str
    ) -> tuple[PastRun, bool]:
        """Return the events, and whether they are all. From the last look on this awaits nothing."""
        recalled: dict[str, PastEvent] = {}
        while True:
            if self._forget_after_a_gap(index):
                recalled.clear()
            found = self._find(index, namespace, rooms, wanted)
            if found is None:
                await self._extend([None])
                continue
            offsets, is_complete = found
            if not offsets:
                return NO_EVENTS, is_complete
            # Pages that open together are given the same.
            key = (namespace, *rooms, wanted.last, offsets[0], offsets[-1])
            if (run := self._runs.get(key)) is not None and run.number == len(offsets):
                return run, is_complete
            events, missing = self._gather(offsets, recalled)
            if missing:
                recalled |= await self._recall(missing)
                continue
            allowed = [event for event in events if event.text and sid not in event.skip_sids]
            given = newest_that_fit(allowed, self._bounds.max_bytes)
            run = joined(given)
            if len(given) == len(offsets) and not any(event.skip_sids for event in events):
                self._keep_run(key, run)
            is_sendable = all(event.text for event in events)
            return run, is_complete and is_sendable and len(given) == len(allowed)

    def _forget_after_a_gap(self, index: RoomIndex) -> bool:
        """Forget texts if there was a gap: Redis may have given the same offsets to other records since."""
        if index.gaps == self._gaps:
            return False
        self._gaps = index.gaps
        self._texts.clear()
        self._runs.clear()
        self._latest.clear()
        return True

    def _keep_run(self, key: tuple[object, ...], run: PastRun) -> None:
        if run.size * MAX_RUNS <= self._bounds.held_bytes // 4:
            if len(self._runs) >= MAX_RUNS:
                del self._runs[next(iter(self._runs))]
            self._runs[key] = run

    def _find(self, index: RoomIndex, namespace: str, rooms: Sequence[str], wanted: Wanted) -> Found | None:
        """Return the offsets of the newest events, None if the index has to be extended first."""
        most, since = self._bounds.max_events, wanted.since
        if since is not None:
            lists = [index.find(namespace, room, most + 1, since) for room in rooms]
            is_complete = offset_key(index.start) <= offset_key(since)
        else:
            lists = [index.find(namespace, room, wanted.last) for room in rooms]
            is_complete = index.is_from_beginning or all(len(each) == wanted.last for each in lists)
        if not is_complete and not index.is_whole and max(map(len, lists)) <= most:
            return None
        if len(lists) == 1:
            offsets = lists[0]
        else:
            # A record may be for several of the rooms.
            offsets = sorted({offset for each in lists for offset in each}, key=offset_key)
        oldest_ms = (self._bus.clock.now() - self._bounds.max_seconds) * 1000
        recent = offsets
        if offsets and offset_ms(offsets[0]) < oldest_ms:
            recent = offsets[bisect_left(offsets, oldest_ms, key=offset_ms) :]
        return Found(recent[-most:], is_complete and len(offsets) == len(recent) <= most)

    def _gather(
        self, offsets: Sequence[str], recalled: dict[str, PastEvent]
    ) -> tuple[Sequence[PastEvent], Sequence[str]]:
        """Return the events at these offsets, and the offsets of those that only Redis has, newest first.

        It stops where there is more than one answer may have.
        """
        events: list[PastEvent] = []
        missing: list[str] = []
        size = 0
        for offset in reversed(offsets):
            event = recalled.get(offset) or self._texts.get(offset) or self._from_history(offset)
            if event is None:
                missing.append(offset)
                continue
            events.append(event)
            size += event.size
            if size > self._bounds.max_bytes:
                break
        return events[::-1], missing

    def _from_history(self, offset: str) -> PastEvent | None:
        entry = self._bus.history.entry(offset)
        return None if entry is None or not entry.fields else self._kept(entry)

    def _kept(self, entry: Entry) -> PastEvent:
        try:
            event = past_event(entry.record, entry.offset, self._bus.history.max_event_bytes)
        except BadRecord:
            event = UNSENDABLE
        self._texts.keep(entry.offset, event)
        return event

    # From Redis

    async def _read_texts(self, offsets: list[str]) -> dict[str, PastEvent]:
        self._metrics.past_reads.labels("events").inc()
        found = await self._bus.recall(offsets[:PAGE])
        index = self._bus.history.index
        events: dict[str, PastEvent] = {}
        for offset, fields in zip(offsets, found, strict=False):
            if fields:
                events[offset] = self._kept(Entry(offset, NO_ADDRESS, fields))
            elif index is not None:
                index.forget(offset)
        return events

    async def _read_marks(self, _: list[None]) -> dict[None, Marks]:
        self._metrics.past_reads.labels("marks").inc()
        keys = self._bus.keys
        async with redis_call("asking for the newest record"):
            pipeline = self._bus.commands.pipeline(transaction=False)
            tail, lost_up_to = await pipeline.get(keys.tail).get(keys.rewound).execute()
        return {None: Marks((tail or b"0-0").decode(), (lost_up_to or b"0-0").decode())}

    async def _read_older(self, _: list[None]) -> dict[None, None]:
        """Extend the index: to the beginning of the history, or else to that of the stream."""
        history = self._bus.history
        index = history.index
        if index is None or index.is_whole:
            return {}
        end = index.start
        is_in_memory = offset_key(history.start) < offset_key(end)
        older = RoomIndex(self._namespaces, self._bounds.held_bytes, history.start if is_in_memory else START)
        cursor = older.start
        while offset_key(cursor) < offset_key(end):
            if history.covers(cursor):
                page = list(islice(history.after(cursor), SCAN_RECORDS))
                page = [entry for entry in page if offset_key(entry.offset) <= offset_key(end)]
                cursor = page[-1].offset if len(page) == SCAN_RECORDS else end
                older.add(page, cursor)
                await asyncio.sleep(SCAN_PAUSE_SECONDS)
            else:
                self._metrics.past_reads.labels("index").inc()
                batch = await self._bus.between(cursor, end, PAGE)
                entries: Iterable[Entry] = batch.entries
                if batch.gap is not None:
                    begin = offset_key(batch.gap.before)
                    older.begin(batch.gap.before)
                    entries = [entry for entry in entries if offset_key(entry.offset) > begin]
                cursor = batch.position
                older.add(entries, cursor)
        if not is_in_memory:
            older.is_whole = True
            lost_up_to = (await self._read_marks([None]))[None].lost_up_to
            older.is_from_beginning = older.start == lost_up_to == START
        # If there was a gap meanwhile, or there is no room for more, this is not what comes before.
        if index.start == end and not index.is_whole:
            index.prepend(older)
        return {}


def _is_known(since: str, marks: Marks) -> bool:
    """Say whether Redis still has what it had when it stored the record with this offset."""
    key, lost_up_to = offset_key(since), offset_key(marks.lost_up_to)
    # Records after `lost_up_to` may be lost too: it is only how far some replica had read.
    return key <= offset_key(marks.tail) and not (any(lost_up_to) and key <= lost_up_to)
