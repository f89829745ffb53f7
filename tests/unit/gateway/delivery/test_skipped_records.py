"""Records that some client could not take: no client gets them, live or later, and everything else
goes on.
"""

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import FakeClock, Figures
from tests.unit.gateway.delivery.fanout_bench import Bench as FanoutBench
from tests.unit.replica import ANYONE, make_bench, texts

from queuecast_bus import Batch, Entries, Entry, Record
from queuecast_bus.record import Address
from queuecast_gateway.delivery.skipped_records import SkippedRecords
from queuecast_gateway.limits import log_limiter
from queuecast_gateway.metrics import Metrics

GOOD = Record("e", b"[1]")
LARGEST = 2_000
ONE = '{"_placeholder":true,"num":0}'
POISON = {
    "event_name": Record("connect", b"[]"),
    "json": Record("e", b"[NaN]"),
    "number": Record("e", b"[1e999]"),
    "nesting": Record("e", b"[" * 65 + b"]" * 65),
    "attachments": Record("e", f"[{ONE},{ONE}]".encode(), attachments=(b"x", b"y")),
    "too_large": Record("e", b'["%b"]' % (b"x" * LARGEST)),
}
"""One for each flaw but that of fields, which are the bus's to read."""

poison = pytest.mark.parametrize(("flaw", "record"), POISON.items(), ids=POISON)


def entry(offset: str, record: Record) -> Entry:
    address = Address(record.namespace, record.rooms, record.skip_sids)
    return Entry(offset, address, [b"p", b"0-0", *record.to_fields()])


@poison
@pytest.mark.parametrize("who", ["recoverable", "present"])
def test_it_is_left_out_of_a_delivery(flaw: str, record: Record, who: str) -> None:
    """Every client would drop its connection, and with it the events that follow."""
    bench = FanoutBench()
    bench.rooms.present, bench.rooms.recoverable = [], []
    getattr(bench.rooms, who).append("browser")
    skipped = SkippedRecords(Metrics(CollectorRegistry()))
    flaws: list[str] = []
    bench.rooms.history.on_skipped = lambda what, exc: flaws.append(exc.flaw) or skipped.skip(what, exc)
    bench.rooms.history.max_event_bytes = LARGEST
    bench.deliver(GOOD, record, GOOD)
    assert [text.split(",")[0] for text in bench.texts] == ['42["e"', '42["e"']
    assert flaws == [flaw]
    assert bench.figure("records_read_total", outcome="malformed") == 1
    assert bench.figure("records_read_total", outcome="delivered") == 2


@poison
async def test_it_is_left_out_of_a_replay(flaw: str, record: Record) -> None:
    """A recovered session gets the records before and after it, and does not fail again."""
    bench = make_bench()
    flaws: list[str] = []
    bench.bus.history.on_skipped = lambda _what, exc: flaws.append(exc.flaw)
    bench.bus.history.max_event_bytes = LARGEST
    bench.bus.read(entry("104-0", GOOD), entry("105-0", record), entry("106-0", GOOD))
    welcome = await bench.admitted("/", ANYONE, pid="pid", offset="103-0")
    assert texts(welcome.missed) == [f'42["e",1,"{offset}"]' for offset in ("104-0", "106-0")]
    assert flaws == [flaw]


@poison
def test_it_is_left_out_of_a_recall(flaw: str, record: Record) -> None:
    """No session here wanted it when it was read, so that its text was discarded."""
    bench = make_bench()
    flaws: list[str] = []
    history = bench.bus.history
    history.on_skipped = lambda _what, exc: flaws.append(exc.flaw)
    history.max_event_bytes = LARGEST
    poisoned = entry("104-0", record)
    history.add(Batch("104-0", Entries.of(poisoned._replace(fields=[]))))
    assert history.recall(poisoned, poisoned.fields) == 0
    assert history.replayed(poisoned._replace(fields=[])) == b""
    assert flaws == [flaw]


def test_it_is_counted_by_its_flaw_and_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator learns which record it was; a sender of many does not fill the log."""
    monkeypatch.setattr(log_limiter, "time", FakeClock(0.0))
    registry = CollectorRegistry()
    skipped, figure = SkippedRecords(Metrics(registry)), Figures(registry, "queuecast_gateway")
    with pytest.raises(Exception, match="reserved") as refused:
        POISON["event_name"].check(LARGEST)
    for _ in range(100):
        skipped.skip("the record 5-0", refused.value)  # type: ignore[arg-type]
    assert figure("records_skipped_total", reason="event_name") == 100
    assert "the record 5-0 was skipped (event_name)" in caplog.text
    assert 10 <= len(caplog.records) <= 30
