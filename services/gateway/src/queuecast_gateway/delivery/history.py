"""The newest records that this replica has read: most sessions are recovered from here, without Redis.

The history is complete: it has every record between `start` and `position`, whoever they were for. Of records
that nobody here wanted it keeps only the address; the text is in Redis. Pure.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple

from queuecast_bus import BadRecord, Batch, Entries, Entry, Record
from queuecast_bus.batch import START
from queuecast_bus.bounds import MAX_CLIENT_BYTES
from queuecast_bus.record import Address, offset_key
from queuecast_gateway.delivery.history_size import FRAMES_BYTES, READ_BYTES, records_size
from queuecast_gateway.delivery.room_index import RoomIndex
from queuecast_gateway.engine.deflate import Deflater
from queuecast_gateway.wire.packet import record_frames

NO_FIELDS: list[bytes] = []
"""The fields of every record whose text is not kept."""


class Kept(NamedTuple):
    """The records of one read, by columns: an object for each record would cost the garbage collector a visit
    in every pass. Their offsets are one text, with spaces between: it takes a quarter of the memory, and
    nothing is freed piece by piece.
    """

    position: str
    size: int
    offsets: bytes
    addresses: Sequence[Address]
    fields: Sequence[list[bytes]]

    @property
    def entries(self) -> Entries:
        return Entries(self.offsets.split(), self.addresses, self.fields)


class History:
    """Keeps up to `max_bytes` of records, none for 0. `position` is the offset up to which all was read.

    `recovering` counts the sessions that are being recovered: until it is 0, all texts are kept. `index` says
    which records are for which room, from the first time that somebody asks for them. `on_skipped`
    is called with a record that no client can be sent and the reason, such as more than `max_event_bytes`.
    `deflater` compresses events for the clients that have agreed on it, if any may.
    """

    def __init__(
        self,
        max_bytes: int,
        max_event_bytes: int = MAX_CLIENT_BYTES,
        on_skipped: Callable[[str, BadRecord], object] = lambda _what, _why: None,
        deflater: Deflater | None = None,
    ) -> None:
        self.deflater = deflater
        self.max_event_bytes = max_event_bytes
        self.on_skipped = on_skipped
        self.start = self.position = START
        self.recovering = 0
        self.index: RoomIndex | None = None
        self._begun = False
        self._max_bytes = max_bytes
        self._kept: deque[Kept] = deque()
        self._frames: dict[str, bytes] = {}
        self._deflated: dict[str, bytes] = {}
        self._size = 0

    def begin(self, offset: str) -> None:
        """Drop everything from before an offset: together with what follows it would have a gap."""
        self._begun = True
        self._drop(len(self._kept))
        self.start = self.position = offset
        if self.index is not None:
            self.index.begin(offset)

    @contextmanager
    def keeping_texts(self) -> Iterator[None]:
        """Keep the texts of all records that are read meanwhile."""
        self.recovering += 1
        try:
            yield
        finally:
            self.recovering -= 1

    def add(self, batch: Batch, wanted: Sequence[int] | None = None) -> None:
        """Add what was read: the texts of the records in the places that are `wanted`, or of all.

        To keep what nobody here wants would cost a third of what such a record costs in all.
        """
        if not self._begun:
            self.begin(batch.position)
        self.position = batch.position
        if self.index is not None:
            self.index.add(batch.entries, batch.position)
        if batch.entries and self._max_bytes:
            fields = texts = batch.entries.fields
            if wanted is not None and not self.recovering:
                fields, texts = [NO_FIELDS] * len(texts), [texts[place] for place in wanted]
                for place, text in zip(wanted, texts, strict=True):
                    fields[place] = text
            addresses, offsets = batch.entries.addresses, b" ".join(batch.entries.offsets)
            size = READ_BYTES + records_size(addresses, texts)
            self._kept.append(Kept(batch.position, size, offsets, addresses, fields))
            self._size += size
            while self._size > self._max_bytes:
                self._drop(1)

    def covers(self, offset: str) -> bool:
        """Say whether the history has every record after this offset, up to the position."""
        return offset_key(offset) >= offset_key(self.start)

    def after(self, offset: str) -> Iterator[Entry]:
        """Yield the records after an offset, in order."""
        key = offset_key(offset)
        first = bisect_right(self._kept, key, key=lambda kept: offset_key(kept.position))
        later = islice(self._kept, first, None)
        for kept in islice(later, 1):
            yield from (entry for entry in kept.entries if offset_key(entry.offset) > key)
        for kept in later:
            yield from kept.entries

    def newest(self) -> Iterator[Entry]:
        """Yield all records, the newest first."""
        for kept in reversed(self._kept):
            yield from reversed(list(kept.entries))

    def entry(self, offset: str) -> Entry | None:
        """Return the record with this offset, None if it is not in the history."""
        key = offset_key(offset)
        if not offset_key(self.start) < key <= offset_key(self.position):
            return None
        at = bisect_left(self._kept, key, key=lambda kept: offset_key(kept.position))
        kept = self._kept[at] if at < len(self._kept) else None
        return next((each for each in kept.entries if each.offset == offset), None) if kept else None

    def frames(self, entry: Entry, record: Record) -> bytes:
        """Return the frames of a record's event with its offset, made once for all. Raises `BadRecord`."""
        frames = self._frames.get(entry.offset)
        if frames is None:
            frames = record_frames(record, entry.offset, self.max_event_bytes)
            # Older records are read for one client only: their frames would never be removed.
            if self._kept and offset_key(entry.offset) > offset_key(self.start):
                self._frames[entry.offset] = frames
        return frames

    def deflated(self, frames: bytes, offset: str) -> bytes:
        """Return an event's frames compressed, or the same ones where that does not pay.

        They are made once for all if the frames of the record with this offset are kept.
        """
        if self.deflater is None or len(frames) < self.deflater.min_bytes:
            return frames
        deflated = self.deflated_before(offset)
        if deflated is None:
            deflated = self.deflater(frames)
            if offset in self._frames:
                self._deflated[offset] = deflated
                self._size += FRAMES_BYTES + len(deflated)
        return deflated

    def deflated_before(self, offset: str) -> bytes | None:
        """Return what `deflated` has made and keeps for the record with this offset."""
        return self._deflated.get(offset)

    def replayed(self, entry: Entry) -> bytes | None:
        """Return the frames of an entry, None if its text was discarded, b"" if no client can be sent it."""
        if not entry.fields:
            return self._frames.get(entry.offset)
        try:
            return self.frames(entry, entry.record)
        except BadRecord as exc:
            self.on_skipped(f"the record {entry.offset}", exc)
            return b""  # it was not delivered either

    def recall(self, entry: Entry, fields: list[bytes]) -> int:
        """Keep the frames of a record whose text was discarded, as long as its address; return their size."""
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
                for offset, _, fields in kept.entries:
                    frames = self._frames.pop(offset, None)
                    if frames is not None and not fields:
                        self._size -= FRAMES_BYTES + len(frames)
                    deflated = self._deflated.pop(offset, None)
                    if deflated is not None:
                        self._size -= FRAMES_BYTES + len(deflated)
