"""Each connection gets an event in the form that it agreed on, and each form is made once."""

from dataclasses import dataclass
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import Figures

from queuecast_bus import Batch, Entries, Entry, Record
from queuecast_bus.record import Address
from queuecast_gateway.delivery import compression as module
from queuecast_gateway.delivery.compression import Compression, Piece
from queuecast_gateway.delivery.history import History
from queuecast_gateway.delivery.history_size import FRAMES_BYTES
from queuecast_gateway.engine.deflate import Deflater
from queuecast_gateway.engine.frames import COMPRESSED, TEXT, encode
from queuecast_gateway.metrics import Metrics

LEAST = 100
LARGE, SMALL = b'["%s"]' % (b"text " * 40), b"[1]"


@dataclass(eq=False)
class Connection:
    deflates: bool
    held: bool = False


class Deliveries:
    """Stands for the outbox."""

    def __init__(self) -> None:
        self.sent: dict[Connection, bytes] = {}

    def put(self, sent: bytes, sessions: list[Connection]) -> None:
        for session in sessions:
            assert session not in self.sent, "written to twice"
            self.sent[session] = sent


class CountingDeflater(Deflater):
    def __init__(self) -> None:
        super().__init__(LEAST)
        self.runs = 0

    def __call__(self, sent: bytes) -> bytes:
        self.runs += 1
        return super().__call__(sent)


class Bench:
    """The history of a replica that has read one record at `6-0`."""

    def __init__(self, arguments: bytes = LARGE, max_bytes: int = 1 << 20) -> None:
        registry = CollectorRegistry()
        self.figure = Figures(registry, "queuecast_gateway")
        self.deflater = CountingDeflater()
        self.history = History(max_bytes, deflater=self.deflater)
        self.compression = Compression(self.history, Metrics(registry))
        self.entry = entry("6-0", arguments)
        self.history.add(Batch("5-0"))
        self.history.add(Batch("6-0", Entries.of(self.entry)))
        self.piece = Piece(self.history.frames(self.entry, self.entry.record), "6-0")

    def put(self, *sessions: Connection, pieces: tuple[Piece, ...] = ()) -> dict[Connection, bytes]:
        outbox: Any = Deliveries()
        self.compression.put(outbox, pieces or (self.piece,), sessions)  # type: ignore[arg-type]  # fakes
        sent: dict[Connection, bytes] = outbox.sent
        return sent


def entry(offset: str, arguments: bytes) -> Entry:
    return Entry(offset, Address("/"), [b"p", b"0-0", *Record("e", arguments).to_fields()])


def test_only_those_that_agreed_get_compressed_events() -> None:
    """For any other client they would be noise. What is held back is read once more before it is written."""
    bench = Bench()
    agreed, other, held = Connection(True), Connection(False), Connection(True, held=True)
    sent = bench.put(agreed, other, held)
    assert sent[other] is sent[held] is bench.piece.frames
    assert sent[agreed][0] == 0x80 | COMPRESSED | TEXT
    assert len(sent[agreed]) < len(bench.piece.frames)


def test_an_event_is_compressed_once_whoever_gets_it() -> None:
    """That is what makes compression cheap: all share one object, those that come back later, too."""
    bench = Bench()
    one, two, three = Connection(True), Connection(True), Connection(True)
    sent = bench.put(one, two)
    assert sent[one] is sent[two]
    assert bench.put(three)[three] is sent[one]
    assert bench.compression.replayed([bench.piece]) == sent[one]
    assert bench.deflater.runs == 1


def test_nothing_is_compressed_for_nobody() -> None:
    """It is done when the first client that agreed needs it."""
    bench = Bench()
    bench.put(Connection(False))
    bench.put(Connection(True, held=True))
    assert bench.deflater.runs == 0


def test_large_and_small_events_are_written_in_their_order() -> None:
    """They share one write."""
    bench = Bench()
    small = Piece(encode(TEXT, b'42["e",1]'))
    agreed = Connection(True)
    sent = bench.put(agreed, pieces=(small, bench.piece, small))[agreed]
    assert sent == small.frames + bench.history.deflated(*bench.piece) + small.frames


def test_small_events_stay_as_they_are() -> None:
    """Also if they are large together."""
    bench = Bench(SMALL)
    agreed = Connection(True)
    assert bench.put(agreed, pieces=(bench.piece,) * 50)[agreed] == bench.piece.frames * 50
    assert bench.compression.replayed([bench.piece] * 50) == bench.piece.frames * 50
    assert bench.deflater.runs == 0
    assert bench.figure("compression_bytes_total", stage="before") == 0


def test_the_bytes_before_and_after_are_counted_for_each_connection() -> None:
    """The difference is what the setting saves."""
    bench = Bench()
    small = Piece(encode(TEXT, b'42["e",1]'))
    bench.put(Connection(True), Connection(True), Connection(False), pieces=(small, bench.piece))
    before, after = len(bench.piece.frames), len(bench.history.deflated(*bench.piece))
    assert bench.figure("compression_bytes_total", stage="before") == 2 * before
    assert bench.figure("compression_bytes_total", stage="after") == 2 * after
    bench.compression.replayed([small, bench.piece])
    assert bench.figure("compression_bytes_total", stage="before") == 3 * before
    assert bench.figure("compression_bytes_total", stage="after") == 3 * after


def test_what_is_kept_compressed_counts_as_memory_until_its_record_is_dropped() -> None:
    """The history's limit is a limit on memory."""
    bench = Bench()
    size = bench.history._size
    deflated = bench.history.deflated(*bench.piece)
    assert bench.history.deflated_before("6-0") is deflated
    assert bench.history._size == size + FRAMES_BYTES + len(deflated)
    bench.history.begin("7-0")
    assert bench.history.deflated_before("6-0") is None
    assert bench.history._size == 0


def test_what_is_not_kept_is_compressed_and_forgotten() -> None:
    """Events without an offset, records from Redis, and all records of a gateway without recovery."""
    bench = Bench()
    frames = encode(TEXT, b"x" * LEAST)
    for offset in ("", "4-0", "6-1"):
        assert len(bench.history.deflated(frames, offset)) < LEAST
        assert bench.history.deflated_before(offset) is None


def test_a_replay_compresses_only_so_much_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else gets anything meanwhile. The next replay goes on, as the history keeps what was made."""
    bench = Bench()
    entries = [entry(f"{at}-0", LARGE) for at in range(7, 10)]
    bench.history.add(Batch("9-0", Entries.of(*entries)))
    pieces = [Piece(bench.history.frames(each, each.record), each.offset) for each in entries]
    plain = [piece.frames for piece in pieces]
    monkeypatch.setattr(module, "REPLAY_BYTES", len(plain[0]) + 1)
    first = bench.compression.replayed(pieces)
    made = [bench.history.deflated_before(piece.offset) for piece in pieces]
    assert made[0] is not None
    assert made[1] is not None
    assert made[2] is None
    assert first == made[0] + made[1] + plain[2]
    second = bench.compression.replayed(pieces)
    assert second == b"".join(bench.history.deflated(*piece) for piece in pieces)


def test_without_a_deflater_nothing_is_compressed() -> None:
    """`QUEUECAST_COMPRESS_BYTES=0`; then no connection agrees either."""
    frames = encode(TEXT, b"x" * LEAST)
    outbox: Any = Deliveries()
    agreed = Connection(True)
    Compression(History(0)).put(outbox, [Piece(frames)], [agreed])  # type: ignore[list-item]  # a fake
    assert outbox.sent == {agreed: frames}
