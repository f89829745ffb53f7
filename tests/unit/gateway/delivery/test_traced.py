"""The bus and the fan-out with tracing."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import FakeBus
from tests.unit.gateway.delivery.fanout_bench import (
    FakeBoard,
    FakeCommands,
    FakeOutbox,
    FakeProbe,
    FakeRooms,
    entry,
)
from tests.unit.spans import SENDER, KeptTraces, attributes, named, parent

from queuecast_bus import Batch, BusUnavailable, Entries, Entry, Record
from queuecast_bus.names import CANARY_NAMESPACE, PROBE_NAMESPACE
from queuecast_bus.record import TracedRecord
from queuecast_gateway.delivery.traced import TracedBus, TracedFanout
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.settings import Settings

OTHER = f"{SENDER[:-5]}03-01"


def traced(record: Record, traceparent: str = SENDER) -> Record:
    return TracedRecord.from_record(record, traceparent)


class Bench:
    """A traced fan-out with fakes around it."""

    def __init__(self) -> None:
        self.traces = KeptTraces("queuecast_gateway")
        self.rooms = FakeRooms()
        self.outbox = FakeOutbox()
        parts: list[Any] = [self.rooms, self.outbox, FakeProbe(), FakeCommands(), FakeBoard()]
        metrics = Metrics(CollectorRegistry())
        self._fanout = TracedFanout(
            self.traces, "socketio", *parts, metrics, frozenset({"/", "/shop"}), lambda gap: None
        )

    def deliver(self, *records: Record) -> list[Entry]:
        entries = [entry(number, record) for number, record in enumerate(records)]
        self._fanout.deliver(Batch("9-0", Entries.of(*entries)))
        return entries


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_record_that_is_handed_over_is_a_span_in_its_trace(bench: Bench) -> None:
    """From read to handed over, with the number of recipients."""
    bench.rooms.recoverable, bench.rooms.present = ["a", "b"], ["c"]
    (read,) = bench.deliver(traced(Record("price", b"[1]", "/shop", ("customer:7",), sent_ms=5)))
    (span,) = bench.traces.ended
    assert (span.name, span.kind.name) == ("deliver socketio", "CONSUMER")
    assert parent(span) == SENDER
    assert span.start_time is not None
    assert span.end_time is not None
    assert 1e18 < span.start_time <= span.end_time
    assert attributes(span) == {
        "messaging.system": "redis",
        "messaging.destination.name": "socketio",
        "messaging.operation.name": "deliver",
        "messaging.operation.type": "process",
        "messaging.message.id": read.offset,
        "queuecast.namespace": "/shop",
        "queuecast.event": "price",
        "queuecast.recipients": 3,
    }
    assert "customer" not in span.to_json(), "rooms may be somebody's name"


def test_each_record_of_one_piece_is_a_span_of_its_own_trace(bench: Bench) -> None:
    """Different people sent them."""
    bench.deliver(traced(Record("e", b"[1]")), Record("e", b"[2]"), traced(Record("e", b"[3]"), OTHER))
    assert len(bench.outbox.puts) == 1
    assert [parent(span) for span in bench.traces.ended] == [SENDER, OTHER]


def test_a_record_without_an_audience_here_has_no_span(bench: Bench) -> None:
    """A trace over ten replicas shows only those that had recipients."""
    bench.deliver(
        traced(Record("e", b"{")),
        traced(Record("e", b"[]", "/unserved")),
        traced(Record("canary", b"[]", CANARY_NAMESPACE, sent_ms=5)),
        traced(Record("e", b"[]"), "nonsense"),
        Record("e", b"[]"),
    )
    bench.rooms.present = []
    bench.deliver(traced(Record("e", b"[]")))
    assert bench.traces.ended == []


async def test_an_event_that_is_published_here_begins_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relayed event can be followed like a message from a queue."""
    traces, stored = KeptTraces("queuecast_gateway"), FakeBus()
    bus = TracedBus(traces, Settings(channel="shop"))
    monkeypatch.setattr(bus, "_publisher", stored)
    await bus.emit("item_removed", {"id": 7}, namespace="/shop", room="customer:7")
    (span,) = traces.ended
    (record,) = stored.records
    assert record == traced(Record("item_removed", b'[{"id":7}]', "/shop", ("customer:7",)), named(span))
    assert (span.name, span.kind.name, parent(span)) == ("publish shop", "PRODUCER", None)
    assert attributes(span)["messaging.operation.type"] == "send"
    assert attributes(span)["queuecast.event"] == "item_removed"
    assert "customer" not in span.to_json()


async def test_an_event_that_the_bus_did_not_confirm_is_a_span_that_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its browser gets an error, too."""
    traces = KeptTraces("queuecast_gateway")
    bus = TracedBus(traces, Settings())
    monkeypatch.setattr(bus, "_publisher", FakeBus(away_for=1))
    with pytest.raises(BusUnavailable):
        await bus.emit("item_removed", 1)
    assert attributes(traces.ended[0])["error.type"] == "bus_unavailable"


async def test_the_gateways_own_probe_is_not_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be a trace every two seconds, about nothing."""
    traces, stored = KeptTraces("queuecast_gateway"), FakeBus()
    bus = TracedBus(traces, Settings())
    monkeypatch.setattr(bus, "_publisher", stored)
    probe = Record("probe", b"[]", PROBE_NAMESPACE)
    await bus.publish([(probe, None)])
    assert stored.records == [probe]
    assert traces.ended == []
