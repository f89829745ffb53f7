"""What a read of the stream brings: entries and gaps, made from Redis's answer. Pure but for the log.

Every replica does this for every record, its own or not, so it is fast; see bench/results.md.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

from queuecast_bus.errors import BadRecord
from queuecast_bus.read_size import READ_BYTES
from queuecast_bus.record import (
    ADDRESS,
    PREVIOUS,
    REWOUND,
    TRACEPARENT,
    Address,
    Record,
    known_addresses,
    offset_key,
    read_address,
)

log = logging.getLogger(__name__)

START = "0-0"
"""The offset before every record."""

GapReason = Literal["trimmed", "rewound"]


class Entry(NamedTuple):
    """A record with its place in the stream. Only its address is parsed until the rest is needed.

    `fields` has names and values in turn, as Redis returned them.
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
        """The trace context that came with the record, unchecked; None if there is none."""
        names, values = self.fields[::2], self.fields[1::2]
        return values[names.index(TRACEPARENT)].decode(errors="replace") if TRACEPARENT in names else None


_entry: Callable[[tuple[str, Address, list[bytes]]], Entry] = partial(tuple.__new__, Entry)
"""Makes an `Entry` in a third of the time that the class takes."""


class Entries:
    """Entries in their order, by columns: what Redis returned, and their addresses.

    Most records are for nobody here. An `Entry` of each would cost more than all that is done with them.
    """

    __slots__ = ("addresses", "fields", "offsets")

    def __init__(
        self, offsets: Sequence[bytes], addresses: Sequence[Address], fields: Sequence[list[bytes]]
    ) -> None:
        self.offsets = offsets
        self.addresses = addresses
        self.fields = fields

    @classmethod
    def of(cls, *entries: Entry) -> "Entries":
        """Return these entries by columns."""
        offsets = [entry.offset.encode() for entry in entries]
        return cls(offsets, [entry.address for entry in entries], [entry.fields for entry in entries])

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, place: int) -> Entry:
        return Entry(self.offsets[place].decode(), self.addresses[place], self.fields[place])

    def __iter__(self) -> Iterator[Entry]:
        return map(_entry, zip(map(bytes.decode, self.offsets), self.addresses, self.fields, strict=True))


NO_ENTRIES = Entries((), (), ())


@dataclass(frozen=True, slots=True)
class Gap:
    """Records between two offsets that this reader can never see.

    `trimmed`: the stream dropped them before they were read. `rewound`: Redis lost what it had confirmed,
    because it came back without its data, or because a replica took over that lagged behind.
    """

    reason: GapReason
    after: str
    before: str
    quiet_ms: int = 0
    """For how long before its end nothing of it was stored: a gap reported since then includes it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one read brought, in the stream's order. A gap lies before the entries.

    `position` is where the next read begins: everything up to it has been yielded. `resumed` means that
    reading had failed before and works again. `malformed` counts entries that are not records.
    """

    position: str
    entries: Entries = NO_ENTRIES
    gap: Gap | None = None
    malformed: int = 0
    resumed: bool = False


def gap_between(*, after: str, before: str) -> Gap:
    """Return the gap between two offsets; its reason follows from their order."""
    reason: GapReason = "trimmed" if offset_key(before) > offset_key(after) else "rewound"
    return Gap(reason, after, before)


def split_entries(raw: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield entries in parts of about `READ_BYTES`, so that browsers can read one while the next is sent."""
    part: list[Any] = []
    size = 0
    for entry in raw:
        length = sum(map(len, entry[1]))
        if part and size + length > READ_BYTES:
            yield part
            part, size = [], 0
        part.append(entry)
        size += length
    yield part


def _rewind(offset: bytes, fields: Sequence[bytes], gap: Gap | None, *, is_linked: bool) -> Gap:
    """Return the gap of which a writer tells with this entry, joined with one that was found before it."""
    _, previous, _, lost, _, quiet = fields
    quiet_ms = min(int(quiet), gap.quiet_ms) if gap else int(quiet)
    after = max(previous.decode(), lost.decode(), key=offset_key)
    return Gap("rewound", after, offset.decode(), quiet_ms if is_linked else 0)


def read_batch(raw: Sequence[Any], linked: str | None) -> tuple[Batch, str]:
    """Return the records in Redis's answer, and the offset of the last one that the append script linked.

    `linked` is the offset of the linked record before them, or None to skip that check. Entries of other
    writers are not part of the chain of links.
    """
    offsets: list[bytes] = []
    addresses: list[Address] = []
    texts: list[list[bytes]] = []
    gap, malformed = None, 0
    before = linked.encode() if linked else None
    known = known_addresses.get  # the usual case without a call of `read_address`
    for offset, fields in raw:
        try:
            if fields[0] != PREVIOUS or fields[2] != ADDRESS:
                if fields[0] != PREVIOUS or fields[2] != REWOUND:
                    raise BadRecord("it does not begin with a link and an address")
                gap = _rewind(offset, fields, gap, is_linked=before in (fields[1], None))
                before = offset
                continue
            if fields[1] != before and before is not None and gap is None:
                gap = gap_between(after=before.decode(), before=fields[1].decode())
            before = offset
            addresses.append(known(fields[3]) or read_address(fields[3]))
            offsets.append(offset)
            texts.append(fields)
        except (BadRecord, ValueError, IndexError) as exc:
            malformed += 1
            log.error("the record %s was skipped: %s", offset.decode(), exc)
    position: str = offset.decode()
    entries = Entries(offsets, addresses, texts)
    return Batch(position, entries, gap, malformed), before.decode() if before else START
