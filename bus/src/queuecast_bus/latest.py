"""What Redis keeps of the newest record of each key, in the hash of a room: an offset and an event. Pure.

The append script writes it together with the record; see `append.lua`.
"""

from typing import NamedTuple

from queuecast_bus.errors import BadRecord
from queuecast_bus.record import Record

MAX_KEPT_BYTES = 16 << 10
"""Largest event that is kept. If the newest is larger, or has attachments, none is kept of its key."""


class Kept(NamedTuple):
    """The newest record of a key."""

    offset: str
    record: Record


def to_text(record: Record) -> bytes:
    """Return what is kept of a record after its offset; b"" for nothing."""
    event = record.event.encode()
    if record.attachments or len(event) + len(record.arguments) > MAX_KEPT_BYTES:
        return b""
    return b"%d %b%b" % (len(event), event, record.arguments)


def read_kept(key: bytes, value: bytes, namespace: str, room: str) -> Kept:
    """Return what a field of the hash has. Raises `BadRecord`."""
    try:
        offset, length, text = value.split(b" ", 2)
        end = int(length)
        record = Record(text[:end].decode(), text[end:], namespace, (room,), key=key.decode())
        return Kept(offset.decode(), record)
    except ValueError as exc:
        raise BadRecord(f"what is kept of the key {key[:80]!r} cannot be read: {exc}") from exc
