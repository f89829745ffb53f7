"""How much memory the history's records take, in bytes: Python's own overhead is most of it. Pure.

The overheads are measured by `tests/unit/gateway/delivery/test_history_memory.py`.
"""

from collections.abc import Sequence
from sys import getsizeof

from queuecast_bus.record import Address

READ_BYTES, BLANK_BYTES, ENTRY_BYTES, FRAMES_BYTES = 400, 40, 640, 160
"""The overhead, beside texts and addresses, of: a read, a record without its text, a record with its text,
which may be framed for somebody, and the frames of a record whose text was discarded."""

ADDRESS_BYTES, NAME_BYTES = 150, 65
"""The overhead of an address, and of each of its names."""


def records_size(addresses: Sequence[Address], texts: Sequence[list[bytes]]) -> int:
    """Return the size of records with these addresses, of which some have these fields."""
    blank = BLANK_BYTES * (len(addresses) - len(texts))
    return blank + ENTRY_BYTES * len(texts) + sum(map(_text_size, texts)) + _addresses_size(addresses)


def _text_size(fields: list[bytes]) -> int:
    """Return the size of a record's fields; its text counts twice, as it may be framed for somebody.

    In most records the fourth, sixth and eighth field are address, event and arguments, and the others are
    small; with attachments, all count.
    """
    if len(fields) == 8 or (8 < len(fields) <= 12 and fields[8] != b"b0"):
        return len(fields[3]) + 2 * (len(fields[5]) + len(fields[7]))
    return 2 * sum(map(len, fields))


def _addresses_size(addresses: Sequence[Address]) -> int:
    """Return the size of these addresses, each counted once: records to the same rooms share one."""
    distinct = dict(zip(map(id, addresses), addresses, strict=True)).values()
    names = [name for _, rooms, skip_sids in distinct for name in rooms + skip_sids]
    # Joined, each takes as much for a character as the one that takes most.
    return ADDRESS_BYTES * len(distinct) + NAME_BYTES * len(names) + getsizeof("".join(names))
