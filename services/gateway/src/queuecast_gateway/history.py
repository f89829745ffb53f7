"""The newest records that this replica has read: most of who comes back is served from here, without Redis.

It is whole: it has every record between `start` and `position`, whoever they were for. Of those that nobody
here wanted it keeps the address alone; their text is Redis's. Pure.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from queuecast_bus import BadRecord, Batch, Entry, Record
from queuecast_bus.reader import START
from queuecast_bus.record import offset_key
from queuecast_gateway.packet import record_frames

BLANK_BYTES, ENTRY_BYTES = 250, 600
"""What a record takes without its text, and besides it, in Python's memory."""


class Kept(NamedTuple):
    """The records of one read."""

    entries: tuple[Entry, ...]
    position: str
    size: int


class History:
    """Keeps about `max_bytes` of records, or none for 0. All that was read lies at or before `position`.

    While `keeping` is not 0, somebody is about to come, and all texts are kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self.start = self.position = START
        self.keeping = 0
        self._begun = False
        self._max_bytes = max_bytes
        self._kept: deque[Kept] = deque()
        self._frames: dict[str, bytes] = {}
        self._size = 0

    def begin(self, offset: str) -> None:
        """Keep nothing from before an offset: with what comes now it would not be whole."""
        self._begun = True
        self._drop(len(self._kept))
        self.start = self.position = offset

    def let_go(self, entries: Iterable[Entry]) -> int:
        """Keep no text of records that nobody here wants, and return how many they are.

        To hold on to it costs a third of what such a record costs in all; see bench/results.md.
        """
        goes = self._max_bytes and not self.keeping
        count = 0
        for entry in entries:
            count += 1
            if goes:
                entry[2].clear()
        return count

    def add(self, batch: Batch) -> None:
        """Take in what was read, once it is known which of it nobody wants."""
        if not self._begun:
            self.begin(batch.position)
        self.position = batch.position
        if batch.entries and self._max_bytes:
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

    def frames(self, entry: Entry, record: Record) -> bytes:
        """Return a record's event with its offset, framed once for all. Raises `BadRecord`."""
        frames = self._frames.get(entry.offset)
        if frames is None:
            frames = record_frames(record, entry.offset)
            # Not those before, which are read for one client: nothing would take them away again.
            if self._kept and offset_key(entry.offset) > offset_key(self.start):
                self._frames[entry.offset] = frames
        return frames

    def replayed(self, entry: Entry) -> bytes | None:
        """Return the same of an entry, None if its text was let go; nothing if it is no event after all."""
        if not entry.fields:
            return self._frames.get(entry.offset)
        try:
            return self.frames(entry, entry.record)
        except BadRecord:
            return b""  # nobody was given it

    def recall(self, entry: Entry, fields: list[bytes]) -> int:
        """Take a text back that was let go, framed, for as long as its address is kept; return its size."""
        try:
            frames = record_frames(entry._replace(fields=fields).record, entry.offset)
        except BadRecord:
            frames = b""
        if entry.offset not in self._frames:
            self._frames[entry.offset] = frames
            self._size += len(frames)
        return len(frames)

    def _drop(self, reads: int) -> None:
        for _ in range(reads):
            entries, self.start, size = self._kept.popleft()
            self._size -= size
            if self._frames:
                for entry in entries:
                    frames = self._frames.pop(entry.offset, b"")
                    if not entry.fields:
                        self._size -= len(frames)


def _size(entries: Sequence[Entry]) -> int:
    """Return about how much memory these take: their text twice, as it may be framed for somebody.

    Nearly all of it is the argument, the eighth of the fields; where there are attachments, all count.
    """
    fields = [entry[2] for entry in entries if entry[2]]
    texts = [
        len(each[7]) if len(each) == 8 or (8 < len(each) <= 12 and each[8] != b"b0") else sum(map(len, each))
        for each in fields
    ]
    blank = len(entries) - len(fields)
    return BLANK_BYTES * blank + ENTRY_BYTES * len(fields) + 2 * sum(texts)
