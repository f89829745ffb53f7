"""The newest records that this replica has read: most of who comes back is served from here, without Redis.

It is whole: it has every record between `start` and `position`, whoever they were for. Pure.
"""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from queuecast_bus import Batch, Entry, Record
from queuecast_bus.reader import START
from queuecast_bus.record import offset_key
from queuecast_gateway.packet import record_frames

ENTRY_BYTES = 600
"""What a record takes besides its text, in Python's memory."""


class Kept(NamedTuple):
    """The records of one read."""

    entries: tuple[Entry, ...]
    position: str
    size: int


class History:
    """Keeps about `max_bytes` of records, or none for 0. All that was read lies at or before `position`."""

    def __init__(self, max_bytes: int) -> None:
        self.start = self.position = START
        self._begun = False
        self._max_bytes = max_bytes
        self._kept: deque[Kept] = deque()
        self._frames: dict[str, bytes] = {}
        self._size = 0

    def add(self, batch: Batch) -> None:
        """Take in what was read. After a gap nothing from before it is kept: that is not whole any more."""
        self.position = batch.position
        if not self._max_bytes:
            return
        if batch.gap is not None or not self._begun:
            self._begun = True
            self._drop(len(self._kept))
            self.start = batch.gap.before if batch.gap is not None else batch.position
        if batch.entries:
            size = _size(batch.entries)
            self._kept.append(Kept(batch.entries, batch.position, size))
            self._size += size
            while self._size > self._max_bytes:
                self._drop(1)

    def covers(self, offset: str) -> bool:
        """Say whether every record after this offset, up to the position, is here."""
        return offset_key(offset) >= offset_key(self.start)

    def after(self, offset: str) -> Iterator[Entry]:
        """Yield the records after an offset, in their order."""
        key = offset_key(offset)
        first = len(self._kept)
        while first and offset_key(self._kept[first - 1].position) > key:
            first -= 1
        for index in range(first, len(self._kept)):
            for entry in self._kept[index].entries:
                if offset_key(entry.offset) > key:
                    yield entry

    def frames(self, entry: Entry, record: Record | None = None) -> bytes:
        """Return a record's event with its offset, framed once for all. Raises `BadRecord`."""
        frames = self._frames.get(entry.offset)
        if frames is None:
            frames = record_frames(record or entry.record, entry.offset)
            # Not those before, which are read for one client: nothing would take them away again.
            if self._kept and offset_key(entry.offset) > offset_key(self.start):
                self._frames[entry.offset] = frames
        return frames

    def _drop(self, reads: int) -> None:
        for _ in range(reads):
            entries, self.start, size = self._kept.popleft()
            self._size -= size
            if self._frames:
                for entry in entries:
                    self._frames.pop(entry.offset, None)


def _size(entries: tuple[Entry, ...]) -> int:
    """Return about how much memory these take: their text twice, as it may be framed for somebody.

    Nearly all of it is the argument, the eighth of the fields; where there are attachments, all count.
    """
    fields = [entry[2] for entry in entries]
    texts = [
        len(each[7]) if len(each) == 8 or (8 < len(each) <= 12 and each[8] != b"b0") else sum(map(len, each))
        for each in fields
    ]
    return ENTRY_BYTES * len(entries) + 2 * sum(texts)
