"""Records that some client could not take: nobody is given them, live or later, and all else goes on."""

import base64
import json
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.browser import Browser, make_server
from tests.unit.fakes import FakeSessions, Figures
from tests.unit.replica import ANYONE, make_bench, texts
from tests.unit.test_fanout import Bench as FanoutBench

from queuecast_bus import Batch, Entry, Record
from queuecast_bus.record import Address
from queuecast_gateway.limits import lines
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.server import SocketServer
from queuecast_gateway.skipped import Skipped

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


@pytest.fixture
def server() -> SocketServer:
    return make_server(CollectorRegistry(), FakeSessions(), max_record_bytes=LARGEST)


def entry(offset: str, record: Record) -> Entry:
    address = Address(record.namespace, record.rooms, record.skip_sids)
    return Entry(offset, address, [b"p", b"0-0", *record.to_fields()])


@poison
@pytest.mark.parametrize("who", ["recoverable", "present"])
def test_it_is_left_out_of_a_delivery(flaw: str, record: Record, who: str) -> None:
    """Every client would drop its connection, and what follows it with that."""
    bench = FanoutBench()
    bench.rooms.present, bench.rooms.recoverable = [], []
    getattr(bench.rooms, who).append("browser")
    skipped = Skipped(Metrics(CollectorRegistry()))
    told: list[str] = []
    bench.rooms.history.on_skipped = lambda what, exc: told.append(exc.flaw) or skipped.skip(what, exc)
    bench.rooms.history.max_event_bytes = LARGEST
    bench.deliver(GOOD, record, GOOD)
    assert [text.split(",")[0] for text in bench.texts] == ['42["e"', '42["e"']
    assert told == [flaw]
    assert bench.figure("records_read_total", outcome="malformed") == 1
    assert bench.figure("records_read_total", outcome="delivered") == 2


@poison
async def test_it_is_left_out_of_a_replay(flaw: str, record: Record) -> None:
    """Whoever comes back gets what came before and after it, and not the same end again."""
    bench = make_bench()
    told: list[str] = []
    bench.bus.history.on_skipped = lambda _what, exc: told.append(exc.flaw)
    bench.bus.history.max_event_bytes = LARGEST
    bench.bus.read(entry("104-0", GOOD), entry("105-0", record), entry("106-0", GOOD))
    welcome = await bench.admitted("/", ANYONE, pid="pid", offset="103-0")
    assert texts(welcome.missed) == [f'42["e",1,"{offset}"]' for offset in ("104-0", "106-0")]
    assert told == [flaw]


@poison
def test_it_is_left_out_of_what_redis_alone_has(flaw: str, record: Record) -> None:
    """Nobody here wanted it when it came, so that its text was let go."""
    bench = make_bench()
    told: list[str] = []
    history = bench.bus.history
    history.on_skipped = lambda _what, exc: told.append(exc.flaw)
    history.max_event_bytes = LARGEST
    poisoned = entry("104-0", record)
    history.add(Batch("104-0", (poisoned._replace(fields=[]),)))
    assert history.recall(poisoned, poisoned.fields) == 0
    assert history.replayed(poisoned._replace(fields=[])) == b""
    assert told == [flaw]


def test_it_is_counted_by_its_flaw_and_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator learns which record it was; who writes many does not fill the log."""
    monkeypatch.setattr(lines.time, "monotonic", lambda: 0.0)
    registry = CollectorRegistry()
    skipped, figure = Skipped(Metrics(registry)), Figures(registry, "queuecast_gateway")
    with pytest.raises(Exception, match="reserved") as refused:
        POISON["event_name"].check(LARGEST)
    for _ in range(100):
        skipped.skip("the record 5-0", refused.value)  # type: ignore[arg-type]
    assert figure("records_skipped_total", reason="event_name") == 100
    assert "the record 5-0 was skipped (event_name)" in caplog.text
    assert 10 <= len(caplog.records) <= 30


# What other processes emit with a stock manager


def said(**changes: Any) -> dict[str, Any]:
    """Return what a stock manager publishes for an emit."""
    message = {"method": "emit", "event": "e", "data": [1], "namespace": "/", "host_id": "elsewhere"}
    return {**message, **changes}


def binary(data: Any, *attachments: bytes) -> dict[str, Any]:
    return {"binary": True, "data": [data, *(base64.b64encode(each).decode() for each in attachments)]}


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [
        ({"event": "connect"}, "event_name"),
        ({"data": [float("nan")]}, "json"),
        ({"data": [json.loads("[" * 65 + "]" * 65)]}, "nesting"),
        ({"data": ["x" * LARGEST]}, "too_large"),
        (
            binary([{"_placeholder": True, "num": number} for number in range(11)], *[b"x"] * 11),
            "attachments",
        ),
        (binary([{"_placeholder": True, "num": 0}, {"_placeholder": 1, "num": 7}], b"x"), "fields"),
        ({"event": 5}, "fields"),
        ({"event": None}, "fields"),
        (binary([{"_placeholder": True, "num": 3}], b"x"), "fields"),
    ],
)
async def test_a_stock_managers_emit_is_bounded_too(
    server: SocketServer, changes: dict[str, Any], flaw: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It goes to the browsers at once, without the bus; the listener goes on, without a traceback."""
    told: list[str] = []
    server.manager.history.on_skipped = lambda _what, exc: told.append(exc.flaw)
    browser = Browser(server)
    await browser.joined()
    await server.manager._handle_emit(said(**changes))
    await server.manager._handle_emit(said())
    await browser.settle()
    assert told == [flaw]
    assert [text for text in browser.texts if '"e"' in text] == ['42["e",1,"0-0"]']
    assert "Traceback" not in caplog.text


async def test_a_stock_managers_emit_arrives_whole(server: SocketServer) -> None:
    """With its attachments, each in its place."""
    browser = Browser(server)
    await browser.joined()
    await server.manager._handle_emit(said(**binary([{"a": {"_placeholder": True, "num": 0}}, 2], b"\xff")))
    await browser.settle()
    assert any(text.startswith('451-["e",{"a":{"_placeholder":true,"num":0}},2,') for text in browser.texts)
