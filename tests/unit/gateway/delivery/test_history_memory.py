"""The history counts the memory that it really takes: its limit holds whatever is published."""

from collections.abc import Callable

import pytest
from tests.unit.memory import traced_memory

from queuecast_bus import Batch, Record
from queuecast_bus.batch import read_batch
from queuecast_bus.record import MAX_CACHED_BYTES, known_addresses, known_text, read_address
from queuecast_gateway.delivery.history import History

RECORDS = 120
SLACK = 1.1
"""What the history's own containers keep in reserve, and what Python does meanwhile."""

ROOMS: dict[str, Callable[[int], tuple[str, ...]]] = {
    "everybody": lambda number: (),
    "a room": lambda number: (f"sku:{number}",),
    "a room, never the same": lambda number: (f"sku:{number}".ljust(200, "x"),),
    "many long rooms": lambda number: tuple(f"{number}:{n}".ljust(250, "x") for n in range(30)),
    "names that one character makes four times as large": lambda number: (
        (f"{number}😀".ljust(240, "x"),) * 20
    ),
}


def read(first: int, count: int, rooms: Callable[[int], tuple[str, ...]], text: str) -> Batch:
    """Return what one read brings, made of what Redis sends."""
    raw = []
    for number in range(first, first + count):
        record = Record("item_added", f"[{text}]".encode(), rooms=rooms(number), sent_ms=1_764_428_400_000)
        # Objects of their own, as each comes from the network.
        fields = [bytes(bytearray(each)) for each in (b"p", b"%d-0" % number, *record.to_fields())]
        raw.append((b"%d-0" % (number + 1), fields))
    return read_batch(raw, None)[0]


@pytest.mark.parametrize("per_read", [1, 40])
@pytest.mark.parametrize("kept", ["blank", "text", "framed"])
@pytest.mark.parametrize("rooms", ROOMS.values(), ids=ROOMS.keys())
def test_it_takes_no_more_than_it_counts(
    rooms: Callable[[int], tuple[str, ...]], kept: str, per_read: int
) -> None:
    """An address was once counted as 280 bytes: 1,200 messages with 100 long rooms each took 245 MB."""
    _forget_addresses()
    history = History(1 << 40)
    history.add(Batch("1-0"))
    with traced_memory() as traced:
        for first in range(1, RECORDS, per_read):
            batch = read(first, per_read, rooms, '"some text that is not very long"')
            history.add(batch, wanted=() if kept == "blank" else None)
            if kept == "framed":
                for entry in batch.entries:
                    history.frames(entry, entry.record)
        del batch
        _forget_addresses()
        taken = traced()
    assert taken <= SLACK * history._size
    assert history._size <= 2.5 * taken, "what is counted twice is lost to who comes back"


def _forget_addresses() -> None:
    """Clear the caches of readers and writers of records, which are not the history's."""
    known_addresses.clear()
    known_text.cache_clear()


def test_long_addresses_are_not_cached() -> None:
    """4,096 of them with 100 long rooms each were 200 MB that no metric showed."""
    short, long = b'["/",["a"]]', b'["/",["%b"]]' % (b"x" * MAX_CACHED_BYTES)
    assert read_address(short) is read_address(bytes(bytearray(short)))
    assert read_address(long) == read_address(long)
    assert read_address(long) is not read_address(long)
