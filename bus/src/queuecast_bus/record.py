"""A record as values, and as the fields of a stream entry. Pure.

It knows neither Redis nor Socket.IO packets. The event's arguments stay JSON text, so that a reader can
decide from the address alone whether any of its sessions receives them.
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from queuecast_bus.awaited import AckWanted
from queuecast_bus.bounds import read_arguments
from queuecast_bus.errors import BadRecord
from queuecast_bus.names import AWAITED_PREFIX, VOLATILE_PREFIX, BadName, check_event

PREVIOUS, ADDRESS = b"p", b"a"
"""The first two fields of every entry: the append script's link to the previous record (see `append.lua`),
and the address. Readers find them by their position."""

ACK_WANTED = b"w"
"""The field of a record whose event has to be acknowledged; see `awaited`."""

REWOUND = b"r"
"""The field, in place of an address, of an entry that tells of a rewind; see `batch` and `append.lua`."""

TRACEPARENT = b"c"
"""The field with the W3C trace context of the span that stored the record, if that is traced. Only traced
readers read it, and make their spans its children."""


class Address(NamedTuple):
    """The recipients of a record. No room means everyone in the namespace but the skipped sessions."""

    namespace: str
    rooms: tuple[str, ...] = ()
    skip_sids: tuple[str, ...] = ()

    def to_text(self) -> bytes:
        """Return the address as JSON without empty parts: `["/"]`, `["/",["room"]]`.

        For one room or none it is cached if the names are short: 0.5 µs instead of 3.
        """
        if len(self.rooms) < 2 and not self.skip_sids:
            size = len(self.namespace) + sum(map(len, self.rooms))
            if size <= MAX_CACHED_BYTES:
                return known_text(self)
        return _address_text(self)


def _address_text(address: Address) -> bytes:
    parts = [address.namespace, address.rooms or None, address.skip_sids or None]
    while parts[-1] is None:
        parts.pop()
    return _encode(parts).encode()


known_text = lru_cache(maxsize=4096)(_address_text)

# Made once: `json.dumps` with options makes an encoder at each call, which takes most of its time.
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


MAX_CACHED_BYTES = 128
"""Longest address that is cached. With 4,096 of them a cache takes 8 MiB at most. The longest valid address
has 25 kB of names, and takes four times that in memory."""


known_addresses: dict[bytes, Address] = {}
"""The addresses that were read last, by their text: the same rooms recur. A plain dictionary that is emptied
once it is full: a cache that orders what it has by its use costs more with each look-up than it saves."""

MOST_KNOWN = 4096

_PLAIN = re.compile(rb'\["([^"\\\x00-\x1f]*)"(?:,\["([^"\\\x00-\x1f]*)"\])?\]')
"""JSON of an address with one room or none, whose names need no escapes: most are."""


def read_address(text: bytes) -> Address:
    """Return the address in an entry's field. Raises `BadRecord`."""
    address = known_addresses.get(text)
    if address is None:
        address = _address(text)
        if len(text) <= MAX_CACHED_BYTES:
            if len(known_addresses) >= MOST_KNOWN:
                known_addresses.clear()
            known_addresses[text] = address
    return address


def _address(text: bytes) -> Address:
    try:
        if plain := _PLAIN.fullmatch(text):  # a fifth of the time that `json.loads` takes
            namespace, room = plain.groups()
            return Address(namespace.decode(), () if room is None else (room.decode(),))
        parts = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise BadRecord(f"the address cannot be read: {exc}") from exc
    if not isinstance(parts, list) or not 1 <= len(parts) <= 3 or not isinstance(parts[0], str):
        raise BadRecord(f"not an address: {text[:80]!r}")
    namespace, rooms, skip_sids = (*parts, None, None)[:3]
    return Address(namespace, _names(rooms), _names(skip_sids))


class Record(NamedTuple):
    """One event on its way to browsers. A named tuple, which takes a third of a frozen dataclass's time.

    `arguments` is the UTF-8 JSON text of the list of the event's arguments. Binary arguments are in
    `attachments`, and Socket.IO placeholders stand for them. No room means everyone in the namespace.
    `sent_ms` is since when the poller could receive the message (Unix time in milliseconds), if that is
    known, and `redelivered` whether the queue had delivered it before. Of the records of a room with the same
    `key`, the newest is kept for pages that open late; see `latest`. A `volatile` one is only for sessions
    that are connected when it is delivered: it is never replayed, and among no past events. `ack` is the
    acknowledgement that its event asks for; such a record is never volatile.
    """

    event: str
    arguments: bytes
    namespace: str = "/"
    rooms: tuple[str, ...] = ()
    skip_sids: tuple[str, ...] = ()
    attachments: tuple[bytes, ...] = ()
    sent_ms: int | None = None
    redelivered: bool = False
    key: str | None = None
    volatile: bool = False
    ack: AckWanted | None = None

    @property
    def size(self) -> int:
        """The size of its text and attachments, in bytes."""
        names = "".join((self.event, self.namespace, *self.rooms, *self.skip_sids, self.key or ""))
        return len(names.encode(errors="surrogatepass")) + self.payload_size

    @property
    def payload_size(self) -> int:
        """The same without its address: about what each client is sent."""
        size = len(self.arguments)
        return size + sum(map(len, self.attachments)) if self.attachments else size

    def check(self, max_bytes: int) -> None:
        """Raise `BadRecord` if it is larger than this, or if some client could not read it; see `bounds`."""
        if self.size > max_bytes:
            raise BadRecord(f"a record of {self.size} bytes, at most {max_bytes} are allowed", "too_large")
        try:
            check_event(self.event)
        except BadName as exc:
            raise BadRecord(str(exc), "event_name") from exc
        read_arguments(self.arguments, len(self.attachments))

    def to_fields(self) -> list[bytes]:
        """Return the stream entry: field names and values in turn, without empty ones."""
        namespace = self.namespace
        if self.volatile:
            namespace = VOLATILE_PREFIX + namespace
        elif self.ack is not None:
            namespace = AWAITED_PREFIX + namespace
        address = Address(namespace, self.rooms, self.skip_sids)
        fields = [ADDRESS, address.to_text(), b"e", self.event.encode(), b"d", self.arguments]
        if self.attachments:
            for index, attachment in enumerate(self.attachments):
                fields += b"b%d" % index, attachment
        if self.sent_ms is not None:
            fields += b"t", b"%d" % self.sent_ms
        if self.redelivered:
            fields += b"x", b"1"
        if self.key is not None:
            fields += b"k", self.key.encode()
        if self.ack is not None:
            fields += ACK_WANTED, self.ack.to_text()
        return fields

    @classmethod
    def from_fields(cls, fields: Mapping[bytes, bytes]) -> "Record":
        """Return the record of a stream entry. Raises `BadRecord` if a field is missing or malformed."""
        try:
            namespace, rooms, skip_sids = read_address(fields[ADDRESS])
            ack = AckWanted.from_text(fields[ACK_WANTED]) if ACK_WANTED in fields else None
            return cls(
                event=fields[b"e"].decode(),
                arguments=fields[b"d"],
                namespace=namespace.removeprefix(VOLATILE_PREFIX if ack is None else AWAITED_PREFIX),
                rooms=rooms,
                skip_sids=skip_sids,
                attachments=tuple(_attachments(fields)),
                sent_ms=int(fields[b"t"]) if b"t" in fields else None,
                redelivered=b"x" in fields,
                key=fields[b"k"].decode() if b"k" in fields else None,
                volatile=namespace.startswith(VOLATILE_PREFIX),
                ack=ack,
            )
        except KeyError as exc:
            raise BadRecord(f"the field {exc.args[0].decode()!r} is missing") from exc
        except ValueError as exc:
            raise BadRecord(f"a field cannot be read: {exc}") from exc


class TracedRecord(Record):
    """A record that carries a trace context. A class of its own, so that other records pay nothing for it."""

    traceparent: str

    @classmethod
    def from_record(cls, record: Record, traceparent: str) -> "TracedRecord":
        """Return the record with a trace context."""
        traced = cls(*record)
        traced.traceparent = traceparent
        return traced

    def to_fields(self) -> list[bytes]:
        return [*Record.to_fields(self), TRACEPARENT, self.traceparent.encode()]


def offset_ms(offset: str) -> int:
    """Return when Redis stored the record with this offset, Unix time in milliseconds."""
    return int(offset.partition("-")[0])


def offset_key(offset: str) -> tuple[int, int]:
    """Return a value that orders offsets as the stream does."""
    milliseconds, _, sequence = offset.partition("-")
    return int(milliseconds), int(sequence or 0)


def _names(names: Any) -> tuple[str, ...]:
    if names is None:
        return ()
    # An empty list must never read as "no room", which means everyone.
    if not isinstance(names, list) or not names or not all(isinstance(item, str) for item in names):
        raise BadRecord(f"not a list of names: {str(names)[:80]}")
    return tuple(names)


def _attachments(fields: Mapping[bytes, bytes]) -> list[bytes]:
    found: list[bytes] = []
    while (attachment := fields.get(b"b%d" % len(found))) is not None:
        found.append(attachment)
    return found
