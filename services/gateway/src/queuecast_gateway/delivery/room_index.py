"""Which records are for which room: their offsets, so that a room's events are found without a search. Pure.

The stream is one for all rooms, and Redis can only read it from end to end. The index has no texts: the
newest are in the history, and all others are read from Redis by their offsets.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Collection, Iterable
from sys import getsizeof

from queuecast_bus import Entry
from queuecast_bus.batch import START
from queuecast_bus.names import AWAITED_PREFIX
from queuecast_bus.record import offset_key

SEGMENT_RECORDS = 4_096
"""How many records a segment has. A look-up visits each segment, and the oldest one is dropped as a whole."""

LIST_BYTES, OFFSET_BYTES = 250, 90
"""What a room of a segment takes beside its name, and each of its offsets; measured by
`tests/unit/gateway/delivery/test_room_index.py`."""


class Segment:
    """Consecutive records: the first comes after `start`. `tables` has offsets by namespace and room."""

    __slots__ = ("records", "size", "start", "tables")

    def __init__(self, start: str, namespaces: Iterable[str]) -> None:
        self.start = start
        self.records = self.size = 0
        self.tables: dict[str, dict[str, list[str]]] = {namespace: {} for namespace in namespaces}
        # Events that have to be acknowledged are events of the same rooms.
        self.tables |= {AWAITED_PREFIX + namespace: table for namespace, table in self.tables.items()}


class RoomIndex:
    """The offsets of all records after `start` that are for rooms of these namespaces, in `max_bytes`.

    `is_whole` says that it can have nothing older: Redis has no more, or there is no room for it.
    `is_from_beginning` says that there never was a record before its first one. `gaps` counts how often
    everything was dropped.
    """

    def __init__(self, namespaces: Collection[str], max_bytes: int, start: str) -> None:
        self._namespaces = tuple(namespaces)
        self._max_bytes = max_bytes
        self.gaps = 0
        self.is_from_beginning = False
        self._clear(start)

    def begin(self, start: str) -> None:
        """Drop everything: together with what follows after `start` it would have a gap."""
        self.gaps += 1
        self.is_from_beginning = False
        self._clear(start)

    def _clear(self, start: str) -> None:
        self.start = start
        self.is_whole = False
        self.size = 0
        self._segments: deque[Segment] = deque([Segment(start, self._namespaces)])

    def add(self, entries: Iterable[Entry], position: str) -> None:
        """Add the next records, up to a position: 0.5 µs for each."""
        segment = self._segments[-1]
        tables, size, records = segment.tables, 0, 0
        for offset, (namespace, rooms, _), _ in entries:
            records += 1
            if rooms and (table := tables.get(namespace)) is not None:
                size += OFFSET_BYTES
                for room in rooms:
                    offsets = table.get(room)
                    if offsets is None:
                        table[room] = [offset]
                        size += LIST_BYTES + getsizeof(room)
                    elif offsets[-1] is not offset:  # a record may name a room twice
                        offsets.append(offset)
                        size += 8
        segment.records += records
        segment.size += size
        self.size += size
        if segment.records >= SEGMENT_RECORDS or segment.size * 8 > self._max_bytes:
            self._segments.append(Segment(position, self._namespaces))
        if self.size > self._max_bytes:
            self._shrink()

    def prepend(self, older: "RoomIndex") -> None:
        """Add an index that ends where this one starts."""
        self._segments.extendleft(reversed(older._segments))
        self.start = older.start
        self.size += older.size
        self.is_whole = older.is_whole
        self.is_from_beginning = older.is_from_beginning and not self.gaps
        self._shrink()

    def forget(self, offset: str) -> None:
        """Redis does not have the records up to an offset any more."""
        self.start = max(self.start, offset, key=offset_key)
        self.is_whole, self.is_from_beginning = True, False

    def find(self, namespace: str, room: str, most: int, after: str = START) -> list[str]:
        """Return the offsets of the last `most` records for a room, of those after an offset."""
        floor = max(offset_key(after), offset_key(self.start))
        parts: list[list[str]] = []
        for segment in reversed(self._segments):
            offsets = segment.tables.get(namespace, {}).get(room)
            is_last = offset_key(segment.start) <= floor
            if offsets:
                if is_last:
                    offsets = offsets[bisect_right(offsets, floor, key=offset_key) :]
                parts.append(offsets[-most:])
                most -= len(parts[-1])
            if is_last or not most:
                break
        if len(parts) == 1:
            return parts[0]
        return [offset for part in reversed(parts) for offset in part]

    def _shrink(self) -> None:
        while self.size > self._max_bytes and len(self._segments) > 1:
            self.size -= self._segments.popleft().size
            self.forget(self._segments[0].start)
