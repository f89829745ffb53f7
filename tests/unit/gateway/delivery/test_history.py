"""The newest records of a replica: complete between two offsets, and bounded."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_bus import BadRecord, Batch, Entries, Entry, Gap, Record
from queuecast_bus.record import Address, offset_key
from queuecast_gateway.delivery import history as module
from queuecast_gateway.delivery import history_size
from queuecast_gateway.delivery.history import History
from queuecast_gateway.delivery.history_size import ENTRY_BYTES
from queuecast_gateway.engine.frames import TEXT, split

ROOMY = 1 << 20


def entry(offset: str, arguments: bytes = b"[1]") -> Entry:
    """Return an entry as the reader makes it: with its link in front."""
    return Entry(offset, Address("/"), [b"p", b"0-0", *Record("e", arguments).to_fields()])


def read(*offsets: str, **more: Gap) -> Batch:
    """Return what one read brought: records at these offsets."""
    return Batch(offsets[-1], Entries.of(*map(entry, offsets)), **more)


def begun(at: str = "5-0", max_bytes: int = ROOMY) -> History:
    """Return the history of a replica that began to read after this offset."""
    history = History(max_bytes)
    history.add(Batch(at))
    return history


def offsets(history: History, after: str) -> list[str]:
    return [each.offset for each in history.after(after)]


def size_of(batch: Batch, wanted: Sequence[int] | None = None) -> int:
    """Return what a history counts for a read."""
    history = begun()
    history.add(batch, wanted)
    return history._size


BLANK = size_of(read("6-0"), wanted=())


def test_it_begins_where_reading_began() -> None:
    """Older records are in Redis only, and nothing older is served from here."""
    history = begun("5-0")
    assert history.position == history.start == "5-0"
    assert history.covers("5-0")
    assert not history.covers("4-9")
    assert offsets(history, "5-0") == []


def test_the_records_after_an_offset_come_in_order() -> None:
    """Across reads, and from the middle of one."""
    history = begun()
    history.add(read("6-0", "6-1"))
    history.add(read("7-0", "10-0"))
    assert offsets(history, "5-0") == ["6-0", "6-1", "7-0", "10-0"]
    assert offsets(history, "6-0") == ["6-1", "7-0", "10-0"]
    assert offsets(history, "6-1") == ["7-0", "10-0"]
    assert offsets(history, "8-0") == ["10-0"]
    assert offsets(history, "10-0") == []


def test_offsets_are_ordered_as_numbers() -> None:
    """As text, 10 would come before 9, and records would be missed when the number of digits changes."""
    history = begun("8-0")
    history.add(read("9-9", "9-10", "10-0"))
    assert offsets(history, "9-9") == ["9-10", "10-0"]
    assert history.covers("10-0")


def test_a_read_without_records_moves_the_position() -> None:
    """Entries that are no records are read too: a client may receive an offset behind them."""
    history = begun()
    history.add(Batch("9-0", malformed=1))
    assert (history.start, history.position) == ("5-0", "9-0")


def test_the_oldest_reads_make_room() -> None:
    """A replica's memory is bounded, and the history knows what it no longer has."""
    history = begun(max_bytes=3 * size_of(read("6-0")))
    for number in range(6, 16):
        history.add(read(f"{number}-0"))
    assert offsets(history, history.start) == ["13-0", "14-0", "15-0"]
    assert history.start == "12-0"
    assert not history.covers("11-0")


def test_one_read_that_is_too_large_is_not_kept() -> None:
    """The limit holds whatever is read."""
    history = begun(max_bytes=10_000)
    history.add(Batch("6-0", Entries.of(entry("6-0", b'["' + b"x" * 10_000 + b'"]'))))
    assert offsets(history, "5-0") == []
    assert history.start == history.position == "6-0"


def test_attachments_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of a picture's bytes are not in the arguments."""
    monkeypatch.setattr(history_size, "ENTRY_BYTES", 0)
    history = begun(max_bytes=10_000)
    picture = Record("e", b'[{"_placeholder":true,"num":0}]', attachments=(b"x" * 6_000,))
    history.add(Batch("6-0", Entries.of(Entry("6-0", Address("/"), [b"p", b"0-0", *picture.to_fields()]))))
    assert not history.covers("5-0")


def test_turned_off_it_keeps_nothing() -> None:
    """`QUEUECAST_RECOVERY_SECONDS=0` costs no memory."""
    history = begun(max_bytes=0)
    history.add(read("6-0", "7-0"))
    assert offsets(history, "0-0") == []
    assert history.position == "7-0"


@pytest.mark.parametrize(
    ("gap", "start"), [(Gap("trimmed", "6-0", "8-0"), "8-0"), (Gap("rewound", "6-0", "3-0"), "3-0")]
)
def test_nothing_from_before_a_gap_is_kept(gap: Gap, start: str) -> None:
    """Something is missing between the records before and after it: to serve both would be a silent loss."""
    history = begun()
    history.add(read("6-0"))
    history.begin(gap.before)
    history.add(read("9-0", gap=gap))
    assert history.start == start
    assert offsets(history, start) == ["9-0"]
    assert history.covers(start)


def test_a_history_that_began_with_a_gap_is_complete_after_it() -> None:
    """The first thing that a replica reads may be a stream that was trimmed meanwhile."""
    history = begun("5-0")
    history.begin("8-0")
    history.add(read("9-0"))
    assert not history.covers("5-0")
    assert offsets(history, "8-0") == ["9-0"]


# Frames


@pytest.fixture
def framed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The offsets of the records that were framed, once for each time."""
    found: list[str] = []

    def frames(record: Record, offset: str, max_bytes: int) -> bytes:
        found.append(offset)
        return real(record, offset, max_bytes)

    real: Callable[[Record, str, int], bytes] = module.record_frames  # type: ignore[assignment]
    monkeypatch.setattr(module, "record_frames", frames)
    return found


def test_an_event_is_framed_once_for_all(framed: list[str]) -> None:
    """When a replica dies, hundreds of clients reconnect at once, and have missed the same."""
    history = begun()
    history.add(read("6-0"))
    (kept,) = history.after("5-0")
    frames = history.frames(kept, kept.record)
    assert history.replayed(kept) is history.frames(kept, kept.record) is frames
    assert list(split(frames)) == [(TEXT, b'42["e",1,"6-0"]')]
    assert framed == ["6-0"]


def test_frames_are_forgotten_with_their_record(framed: list[str]) -> None:
    """They are the larger part of what is kept."""
    history = begun(max_bytes=size_of(read("6-0")))
    history.add(read("6-0"))
    history.replayed(entry("6-0"))
    history.add(read("7-0"))
    assert history._frames == {}
    assert framed == ["6-0"]


@pytest.mark.parametrize("offset", ["4-0", "5-0"])
def test_frames_of_a_record_that_is_not_kept_are_not_kept(offset: str) -> None:
    """Frames of an older record, read from Redis for one client, would stay for ever."""
    history = begun("5-0")
    history.add(read("6-0"))
    history.replayed(entry(offset))
    assert history._frames == {}


def test_a_record_that_cannot_be_framed_fails_each_time() -> None:
    """No client received it, and none will."""
    history = begun()
    broken = entry("6-0", b"{")
    history.add(Batch("6-0", Entries.of(broken)))
    for _ in range(2):
        with pytest.raises(BadRecord):
            history.frames(broken, broken.record)
        assert history.replayed(broken) == b""


# Records that nobody here wants


def read_unwanted(history: History, *offsets: str) -> list[Entry]:
    """Read records that nobody here wants."""
    history.add(read(*offsets), wanted=())
    return [found for offset in offsets if (found := history.entry(offset)) is not None]


def fields(number: int) -> list[bytes]:
    return [b"p", b"0-0", *Record("e", b"[%d]" % number).to_fields()]


def test_of_a_record_that_nobody_here_wants_only_the_address_is_kept() -> None:
    """It tells which sessions have missed it; the text is in Redis."""
    history = begun()
    (kept,) = read_unwanted(history, "6-0")
    assert list(history.after("5-0")) == [Entry("6-0", Address("/"), [])]
    assert history.replayed(kept) is None


def test_a_record_without_its_text_takes_less_memory() -> None:
    """A replica with few browsers on a busy stream covers a longer time."""
    history = begun(max_bytes=3 * BLANK)
    for number in range(6, 12):
        read_unwanted(history, f"{number}-0")
    assert offsets(history, history.start) == ["9-0", "10-0", "11-0"]


def test_during_a_recovery_all_texts_are_kept() -> None:
    """Otherwise a session whose rooms have no other members would read new records from Redis for ever."""
    history = begun()
    history.recovering += 1
    (kept,) = read_unwanted(history, "6-0")
    history.recovering -= 1
    assert history.replayed(kept) is not None
    (gone,) = read_unwanted(history, "7-0")
    assert history.replayed(gone) is None


def test_a_recalled_record_is_there_for_all() -> None:
    """The next client that needs it is served from here."""
    history = begun()
    (kept,) = read_unwanted(history, "6-0")
    size = history.recall(kept, fields(7))
    frames = history.replayed(kept)
    assert frames is not None
    assert size == len(frames)
    assert list(split(frames)) == [(TEXT, b'42["e",7,"6-0"]')]
    assert history.recall(kept, fields(8)) > 0
    assert history.replayed(kept) is frames


def test_a_recalled_record_counts_until_it_is_dropped() -> None:
    """The limit includes it, and its memory is free again afterwards."""
    history = begun(max_bytes=10_000)
    for number in range(6, 500):
        (kept,) = read_unwanted(history, f"{number}-0")
        history.recall(kept, [b"p", b"0-0", *Record("e", b'["' + b"x" * 2_000 + b'"]').to_fields()])
        assert len(history._frames) <= 5
    assert 0 < history._size <= 10_000 + 2_300
    history.begin("999-0")
    assert (history._size, history._frames) == (0, {})


def test_a_recalled_record_that_is_no_event_is_for_nobody() -> None:
    """Only its address was good."""
    history = begun()
    (kept,) = read_unwanted(history, "6-0")
    assert history.recall(kept, [b"p", b"0-0", b"a", b'["/"]']) == 0
    assert history.replayed(kept) == b""


# Any sequence of reads

steps = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=4)
batches = st.lists(st.tuples(steps, st.sampled_from([None, None, None, "trimmed", "rewound"])), max_size=12)


@given(batches, st.integers(1, 12), st.integers(0, 40), st.integers(0, 3))
def test_it_has_all_that_it_covers(
    reads: list[tuple[list[tuple[int, int]], str | None]], room_for: int, ms: int, sequence: int
) -> None:
    """The promise of a replay: all records after an offset, once, in order; or an honest no."""
    history = begun("5-0", room_for * (ENTRY_BYTES + 2 * len("[1]")))
    at, known = (5, 0), []
    for moves, reason in reads:
        before = at
        if reason is not None:
            known.clear()
            at = (at[0] + 2, 0) if reason == "trimmed" else (max(at[0] - 2, 0), 0)
        gap = Gap(reason, _text(before), _text(at)) if reason is not None else None  # type: ignore[arg-type]
        found = []
        for later, sequence_step in moves:
            at = (at[0] + later, sequence_step) if later else (at[0], at[1] + 1)
            found.append(_text(at))
        if gap is not None:
            history.begin(gap.before)
        history.add(Batch(_text(at), Entries.of(*map(entry, found)), gap))
        known += found
    assert history.position == _text(at)
    after = f"{ms}-{sequence}"
    if history.covers(after):
        assert offsets(history, after) == [each for each in known if offset_key(each) > (ms, sequence)]
    assert len(offsets(history, history.start)) <= room_for


def _text(key: tuple[int, int]) -> str:
    return f"{key[0]}-{key[1]}"
