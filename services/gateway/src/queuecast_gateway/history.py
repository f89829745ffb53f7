"""The newest records that this replica has read: most of who comes back is served from here, without Redis.

It is whole: it has every record between `start` and `position`, whoever they were for. Of those that nobody
here wanted it keeps the address alone; their text is Redis's. Pure.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from sys import getsizeof
from typing import NamedTuple

from queuecast_bus import BadRecord, Batch, Entry, Record
from queuecast_bus.bounds import MAX_CLIENT_BYTES
from queuecast_bus.reader import START
from queuecast_bus.record import Address, offset_key
from queuecast_gateway.packet import record_frames

READ_BYTES, BLANK_BYTES, ENTRY_BYTES, FRAMES_BYTES = 480, 120, 700, 160
"""What these take in Python's memory beside their texts and addresses: a read, a record without its text, one
with its text that may be framed for somebody, and frames of which the text was let go. Measured by
`tests/unit/test_history_memory.py`."""

ADDRESS_BYTES, NAME_BYTES = 150, 16
"""The same of an address, and of each of its names beside the name itself."""

NOTHING: list[bytes] = []
"""The fields of all that was let go."""


class Kept(NamedTuple):
    """The records of one read, by columns: an object for each of them would be one more for the collector to
    look at, again and again.
    """

    position: str
    size: int
    offsets: Sequence[str]
    addresses: Sequence[Address]
    fields: Sequence[list[bytes]]

    @property
    def entries(self) -> Iterator[Entry]:
        return map(Entry, self.offsets, self.addresses, self.fields)


class History:
    """Keeps up to `max_bytes` of records, or none for 0. All that was read lies at or before `position`.

    While `keeping` is not 0, somebody is about to come, and all texts are kept. `on_skipped` is told which
    record no client can be given, and why; one that is larger than `max_event_bytes`, for instance.
    """

    def __init__(
        self,
        max_bytes: int,
        max_event_bytes: int = MAX_CLIENT_BYTES,
        on_skipped: Callable[[str, BadRecord], object] = lambda _what, _why: None,
    ) -> None:
        self.max_event_bytes = max_event_bytes
        self.on_skipped = on_skipped
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

    def let_go(self, entries: Iterable[Entry]) -> None:
        """Keep no text of records that nobody here wants.

        To hold on to it costs a third of what such a record costs in all; see bench/results.md.
        """
        if self._max_bytes and not self.keeping:
            for entry in entries:
                entry[2].clear()

    def add(self, batch: Batch) -> None:
        """Take in what was read, once it is known which of it nobody wants."""
        if not self._begun:
            self.begin(batch.position)
        self.position = batch.position
        if batch.entries and self._max_bytes:
            offsets, addresses, texts = zip(*batch.entries, strict=True)
            fields = [each or NOTHING for each in texts]
            size = READ_BYTES + _size(fields) + _sizes(addresses)
            self._kept.append(Kept(batch.position, size, offsets, addresses, fields))
            self._size += size
            while self._size > self._max_bytes:
                self._drop(1)

    def covers(self, offset: str) -> bool:
        """Say whether every record after this offset, up to the position, is here."""
        return offset_key(offset) >= offset_key(self.start)

    def after(self, offset: str) -> Iterator[Entry]:
        """Yield the records after an offset, in their order."""
        key = offset_key(offset)
        first = bisect_right(self._kept, key, key=lambda kept: offset_key(kept.position))
        later = islice(self._kept, first, None)
        for kept in islice(later, 1):
            yield from (entry for entry in kept.entries if offset_key(entry.offset) > key)
        for kept in later:
            yield from kept.entries

    def frames(self, entry: Entry, record: Record) -> bytes:
        """Return a record's event with its offset, framed once for all. Raises `BadRecord`."""
        frames = self._frames.get(entry.offset)
        if frames is None:
            frames = record_frames(record, entry.offset, self.max_event_bytes)
            # Not those before, which are read for one client: nothing would take them away again.
            if self._kept and offset_key(entry.offset) > offset_key(self.start):
                self._frames[entry.offset] = frames
        return frames

    def replayed(self, entry: Entry) -> bytes | None:
        """Return the same of an entry, None if its text was let go; nothing if no client can be given it."""
        if not entry.fields:
            return self._frames.get(entry.offset)
        try:
            return self.frames(entry, entry.record)
        except BadRecord as exc:
            self.on_skipped(f"the record {entry.offset}", exc)
            return b""  # nobody was given it

    def recall(self, entry: Entry, fields: list[bytes]) -> int:
        """Take a text back that was let go, framed, for as long as its address is kept; return its size."""
        try:
            frames = record_frames(entry._replace(fields=fields).record, entry.offset, self.max_event_bytes)
        except BadRecord as exc:
            self.on_skipped(f"the record {entry.offset}", exc)
            frames = b""
        if entry.offset not in self._frames:
            self._frames[entry.offset] = frames
            self._size += FRAMES_BYTES + len(frames)
        return len(frames)

    def _drop(self, reads: int) -> None:
        for _ in range(reads):
            kept = self._kept.popleft()
            self.start = kept.position
            self._size -= kept.size
            if self._frames:
                for offset, fields in zip(kept.offsets, kept.fields, strict=True):
                    frames = self._frames.pop(offset, None)
                    if frames is not None and not fields:
                        self._size -= FRAMES_BYTES + len(frames)


def _size(fields: Sequence[list[bytes]]) -> int:
    """Return how much memory these take: their text twice, as it may be framed for somebody.

    Of most records these are address, event and argument, the fourth, sixth and eighth of the fields; where
    there are attachments, all count.
    """
    texts = [
        len(each[3]) + 2 * (len(each[5]) + len(each[7]))
        if len(each) == 8 or (8 < len(each) <= 12 and each[8] != b"b0")
        else 2 * sum(map(len, each))
        for each in fields
        if each
    ]
    return BLANK_BYTES * (len(fields) - len(texts)) + ENTRY_BYTES * len(texts) + sum(texts)


def _sizes(addresses: Sequence[Address]) -> int:
    """Return how much memory these take, each once: records of the same rooms share theirs."""
    return sum(
        ADDRESS_BYTES + sum([NAME_BYTES + getsizeof(name) for name in (*rooms, *skip_sids)])
        for _, rooms, skip_sids in dict(zip(map(id, addresses), addresses, strict=True)).values()
    )
