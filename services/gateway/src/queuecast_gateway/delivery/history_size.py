"""How much memory the history's records take, in bytes: Python's own overhead is most of it. Pure.

The overheads are measured by `tests/unit/gateway/delivery/test_history_memory.py`.
"""

from collections.abc import Sequence
from sys import getsizeof

from queuecast_bus.record import Address

READ_BYTES, BLANK_BYTES, ENTRY_BYTES, FRAMES_BYTES = 480, 120, 700, 160
"""The overhead, beside texts and addresses, of: a read, a record without its text, a record with its text,
which may be framed for somebody, and the frames of a record whose text was discarded."""

ADDRESS_BYTES, NAME_BYTES = 150, 16
"""The overhead of an address, and of each of its names."""


def fields_size(fields: Sequence[list[bytes]]) -> int:
    """Return the size of these records' fields; each text counts twice, as it may be framed for somebody.

    In most records the fourth, sixth and eighth field are address, event and arguments, and the others are
    small; with attachments, all count.
    """
    texts = [
        len(each[3]) + 2 * (len(each[5]) + len(each[7]))
        if len(each) == 8 or (8 < len(each) <= 12 and each[8] != b"b0")
        else 2 * sum(map(len, each))
        for each in fields
        if each
    ]
    return BLANK_BYTES * (len(fields) - len(texts)) + ENTRY_BYTES * len(texts) + sum(texts)


def addresses_size(addresses: Sequence[Address]) -> int:
    """Return the size of these addresses, each counted once: records to the same rooms share one."""
    distinct = dict(zip(map(id, addresses), addresses, strict=True)).values()
    size = ADDRESS_BYTES * len(distinct)
    for _, rooms, skip_sids in distinct:
        if len(rooms) == 1 and not skip_sids:
            size += NAME_BYTES + getsizeof(rooms[0])  # nearly all: 0.2 µs instead of 1
        elif rooms or skip_sids:
            size += sum([NAME_BYTES + getsizeof(name) for name in (*rooms, *skip_sids)])
    return size
