"""What a read makes of entries by which writers tell of a rewind."""

from queuecast_bus import Gap
from queuecast_bus.batch import read_batch


def entry(offset: bytes, before: bytes) -> tuple[bytes, list[bytes]]:
    return offset, [b"p", before, b"a", b'["/"]', b"e", b"e", b"d", b"[]"]


def rewind(offset: bytes, before: bytes, lost: bytes, quiet_ms: bytes) -> tuple[bytes, list[bytes]]:
    return offset, [b"p", before, b"r", lost, b"q", quiet_ms]


def test_a_rewind_is_a_gap_and_no_record() -> None:
    """The records around it are delivered, and the chain of links goes on."""
    raw = [entry(b"2-0", b"1-0"), rewind(b"3-0", b"2-0", b"1-5", b"700"), entry(b"4-0", b"3-0")]
    batch, linked = read_batch(raw, "1-0")
    assert [each.offset for each in batch.entries] == ["2-0", "4-0"]
    assert batch.gap == Gap("rewound", "2-0", "3-0", 700)
    assert (batch.position, batch.malformed, linked) == ("4-0", 0, "4-0")


def test_a_rewind_reaches_as_far_as_the_lost_server_had_come() -> None:
    """Its clock may be ahead, and browsers that it served have offsets of that clock."""
    batch, _ = read_batch([rewind(b"3-0", b"2-0", b"9-5", b"700")], "2-0")
    assert batch.gap == Gap("rewound", "9-5", "3-0", 700)
    assert batch.position == "3-0"


def test_of_two_rewinds_the_later_loss_counts() -> None:
    """A gap that was reported between the two losses does not include both."""
    raw = [rewind(b"3-0", b"2-0", b"1-5", b"700"), rewind(b"3-1", b"3-0", b"1-6", b"300")]
    batch, _ = read_batch(raw, "2-0")
    assert batch.gap == Gap("rewound", "3-0", "3-1", 300)


def test_a_rewind_behind_missing_records_includes_them() -> None:
    """So no earlier report can have included it."""
    batch, _ = read_batch([rewind(b"5-0", b"4-0", b"1-5", b"700")], "2-0")
    assert batch.gap == Gap("rewound", "4-0", "5-0", 0)
    batch, _ = read_batch([entry(b"4-0", b"3-0"), rewind(b"5-0", b"4-0", b"1-5", b"700")], "2-0")
    assert batch.gap == Gap("rewound", "4-0", "5-0", 0)


def test_other_entries_without_an_address_are_malformed() -> None:
    """Somebody else wrote them."""
    batch, linked = read_batch([(b"3-0", [b"p", b"2-0", b"x", b"y"]), (b"4-0", [b"r", b"1-0"])], "2-0")
    assert (batch.malformed, batch.gap, linked) == (2, None, "2-0")
