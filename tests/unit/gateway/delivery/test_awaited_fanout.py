"""Awaited events on their way to browsers: with an id, reported where nobody is, replayed, indexed."""

from collections.abc import Collection
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import FakeClock
from tests.unit.gateway.delivery.fanout_bench import NOW, Bench, entry, offset
from tests.unit.replica import ANYONE, BOUNDS, known

from queuecast_bus import Entries, Entry, Record
from queuecast_bus.awaited import FIRST_ID, AckMode, AckReport, AckWanted
from queuecast_bus.record import Address
from queuecast_gateway.delivery import fanout as module
from queuecast_gateway.delivery.awaited_events import AwaitedEvents
from queuecast_gateway.delivery.history import History
from queuecast_gateway.delivery.room_index import RoomIndex
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.recovery.replay import Missed

ORDER = Record("order", b'[1,{"id":"m"}]', ack=AckWanted(AckMode.ALL, FIRST_ID, "inbox", 10_000))


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(module, "time", FakeClock(NOW))
    return Bench()


def awaiting(bench: Bench) -> AwaitedEvents:
    """Have the bench collect acknowledgements; its browsers are the sessions `s` and `t`."""

    def sids(namespace: str, rooms: Collection[str]) -> frozenset[str]:
        return frozenset({"s", "t"})

    rooms: Any = bench.rooms
    rooms.sids = sids
    rooms.awaited = AwaitedEvents("here", lambda *_: True, FakeClock(0), Metrics(CollectorRegistry()))
    awaited: AwaitedEvents = rooms.awaited
    return awaited


def at(number: int, record: Record) -> Entry:
    """Return an entry as the reader makes it: its address is the one on the bus."""
    fields = [b"p", b"0-0", *record.to_fields()]
    return entry(number, record)._replace(
        address=Address(f"?{record.namespace}", record.rooms), fields=fields
    )


def deliver(bench: Bench, *records: Record) -> None:
    entries = [
        entry(number, record) if record.ack is None else at(number, record)
        for number, record in enumerate(records)
    ]
    bench._fanout.deliver(module.Batch(offset(len(records)), Entries.of(*entries)))


def test_its_packet_has_an_id_and_its_offset_follows_alone(bench: Bench) -> None:
    """The stock client takes no offset from an event with a callback."""
    awaited = awaiting(bench)
    bench.rooms.recoverable = ["a"]
    deliver(bench, Record("e", b"[0]"), ORDER, Record("e", b"[2]"))
    told = f'42["queuecast:offset","{offset(1)}"]'
    event = f'42{FIRST_ID}["order",1,{{"id":"m"}}]'
    assert bench.texts == [
        f'42["e",0,"{offset(0)}"]',
        '42["e",0]',
        *(event, told, event),
        f'42["e",2,"{offset(2)}"]',
        '42["e",2]',
    ]
    assert awaited.take_news() == {"inbox": [AckReport(FIRST_ID, "here", 2, 0)]}
    assert bench.figure("records_read_total", outcome="delivered") == 3


def test_it_is_reported_where_nobody_is(bench: Bench) -> None:
    """The poller waits for every replica's report."""
    awaited = awaiting(bench)
    bench.rooms.present = []
    deliver(bench, ORDER)
    assert awaited.take_news() == {"inbox": [AckReport(FIRST_ID, "here", 0, 0)]}
    assert bench.figure("records_read_total", outcome="nobody_here") == 1


def test_a_gateway_that_collects_none_shows_it_to_nobody(bench: Bench) -> None:
    """It could not say who has acknowledged it."""
    bench.rooms.awaited = None  # type: ignore[attr-defined]  # as of a gateway that is switched off
    deliver(bench, ORDER)
    assert bench.texts == []
    assert bench.figure("records_read_total", outcome="unknown_namespace") == 1


def test_nor_is_it_shown_in_a_namespace_that_is_not_served(bench: Bench) -> None:
    """As any other event."""
    awaited = awaiting(bench)
    deliver(bench, ORDER._replace(namespace="/other"))
    assert bench.texts == []
    assert awaited.take_news() == {}


@pytest.mark.parametrize("fields", [Record("e", b"[1]").to_fields(), [*ORDER.to_fields()[:-1], b"nonsense"]])
def test_one_that_says_nothing_of_its_poller_is_skipped(bench: Bench, fields: list[bytes]) -> None:
    """Nobody would be told that it was acknowledged."""
    awaited = awaiting(bench)
    broken = at(0, ORDER)._replace(fields=[b"p", b"0-0", *fields])
    bench._fanout.deliver(module.Batch(offset(1), Entries.of(broken)))
    assert bench.texts == []
    assert awaited.take_news() == {}
    assert bench.figure("records_read_total", outcome="malformed") == 1


def test_two_with_the_same_id_are_not_both_shown(bench: Bench) -> None:
    """The second comes back with another id."""
    awaited = awaiting(bench)
    deliver(bench, ORDER, ORDER._replace(arguments=b"[2,{}]"))
    assert bench.texts == [f'42{FIRST_ID}["order",1,{{"id":"m"}}]']
    assert len(awaited) == 1


def test_a_replay_has_its_id_too() -> None:
    """A session that missed it can acknowledge it when it is back; others of the namespace are not it."""
    missed = Missed(known().state, "100-0", "100-0", ANYONE, BOUNDS)
    mine, other = (
        at(number, ORDER._replace(namespace=namespace, rooms=rooms))._replace(offset=f"10{number}-0")
        for number, namespace, rooms in [(1, "/", ("a",)), (2, "/shop", ())]
    )
    missed.add([mine, other], History(0))
    (piece,) = missed.pieces
    assert f"42{FIRST_ID}[".encode() in piece.frames


def test_it_is_a_past_event_of_its_rooms() -> None:
    """In the stream's order with all others."""
    index = RoomIndex(("/",), 10_000, "0-0")
    record = Record("e", b"[1]", rooms=("a",))
    entries = [entry(0, record), at(1, ORDER._replace(rooms=("a",))), entry(2, record)]
    index.add(entries, offset(2))
    assert index.find("/", "a", 10) == [offset(number) for number in range(3)]
