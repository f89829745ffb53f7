"""Records are delivered to the sessions that should receive them, and every outcome is counted."""

import logging
import math
from typing import Any

import pytest
from tests.unit.fakes import FakeClock, replace_sleep
from tests.unit.gateway.delivery.fanout_bench import NOW, Bench, offset

from queuecast_bus import Gap, Record
from queuecast_bus.command import Command, Target, Verb
from queuecast_bus.names import CANARY_NAMESPACE, PROBE_NAMESPACE
from queuecast_gateway.delivery import fanout as module
from queuecast_gateway.delivery.write_delay import WriteDelay
from queuecast_gateway.engine.frames import BINARY, TEXT, split


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock(NOW)
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def bench() -> Bench:
    return Bench()


def sent(*, seconds_ago: float = 1.5, **details: Any) -> Record:
    return Record("e", b"[]", sent_ms=int((NOW - seconds_ago) * 1000), **details)


def test_a_record_is_delivered_with_its_whole_address(bench: Bench) -> None:
    """Rooms and excluded sessions decide who receives it."""
    bench.deliver(Record("price", b'[{"eur":3},2]', "/shop", ("a", "b"), ("me",)))
    assert bench.rooms.addresses == [("/shop", ("a", "b"), ("me",))]
    assert bench.texts == ['42/shop,["price",{"eur":3},2]']


def test_records_are_delivered_in_the_order_of_the_bus(bench: Bench) -> None:
    """The promise: the order in which they were stored."""
    bench.deliver(*[Record("e", b"[%d]" % number) for number in range(5)])
    assert bench.texts == [f'42["e",{number}]' for number in range(5)]


def test_records_to_the_same_rooms_are_one_piece(bench: Bench) -> None:
    """A burst costs a session one append, not one per record; a record to other rooms keeps its place."""
    bench.deliver(
        Record("e", b"[1]"), Record("e", b"[2]"), Record("e", b"[3]", rooms=("a",)), Record("e", b"[4]")
    )
    assert [[data[-2:-1] for _, data in split(sent)] for sent, _ in bench.outbox.puts] == [
        [b"1", b"2"],
        [b"3"],
        [b"4"],
    ]


def test_recoverable_connections_get_the_offset(bench: Bench) -> None:
    """A client recovers with it; to other clients it would be an unexpected argument."""
    bench.rooms.recoverable = ["a", "b"]
    bench.deliver(Record("e", b"[1]"), Record("e", b"[2]"))
    assert bench.texts == [
        f'42["e",1,"{offset(0)}"]',
        f'42["e",2,"{offset(1)}"]',
        '42["e",1]',
        '42["e",2]',
    ]
    assert [sessions for _, sessions in bench.outbox.puts] == [["a", "b"], ["browser"]]
    assert bench.figure("events_delivered_total") == 6


def test_nothing_is_framed_for_an_empty_audience(bench: Bench) -> None:
    """If all connections can recover, frames without offsets are not needed."""
    bench.rooms.recoverable, bench.rooms.present = ["a"], []
    bench.deliver(Record("e", b"[1]"))
    assert [sessions for _, sessions in bench.outbox.puts] == [["a"]]


def test_every_record_that_was_read_is_kept(bench: Bench) -> None:
    """Whoever it was for: a client that reconnects may have been in its room."""
    bench.rooms.present = []
    bench.deliver(Record("e", b"[1]"), Record("e", b"[2]", "/unserved"), Record("e", b"{"))
    assert [each.offset for each in bench.rooms.history.after("0-0")] == [offset(0), offset(1), offset(2)]
    assert bench.rooms.history.position == offset(3)


def test_the_data_of_a_record_for_nobody_here_is_not_read(bench: Bench) -> None:
    """Most replicas have no session in most rooms; another one finds malformed data."""
    bench.rooms.present = []
    bench.deliver(Record("e", b"{"))
    assert bench.figure("records_read_total", outcome="nobody_here") == 1


def test_records_for_rooms_without_members_are_passed_over(bench: Bench) -> None:
    """They do not divide what comes before and after them, and only their addresses are kept."""
    bench.rooms.rooms = {"/": {"a": {}}}
    other = Record("e", b"{", rooms=("b",))
    bench.deliver(
        other,
        Record("e", b"[1]", rooms=("a",)),
        other._replace(volatile=True),
        other,
        Record("e", b"[2]", rooms=("a",)),
        other._replace(namespace="/shop"),
    )
    assert [len(list(split(sent))) for sent, _ in bench.outbox.puts] == [2]
    assert bench.texts == ['42["e",1]', '42["e",2]']
    assert bench.figure("records_read_total", outcome="nobody_here") == 4
    kept = list(bench.rooms.history.after("0-0"))
    assert [bool(each.fields) for each in kept] == [False, True, False, False, True, False]
    assert {each.address.rooms for each in kept} == {("a",), ("b",)}


def test_a_room_that_a_command_joins_receives_what_follows(bench: Bench) -> None:
    """And nothing from before, even if all of it was read at once."""
    bench.rooms.rooms = {"/": {}}
    bench.commands.on_apply = lambda: bench.rooms.rooms["/"].update(a={})
    join = Command(Verb.JOIN, "/", Target.USER, "ann", ("a",)).record()
    bench.deliver(Record("e", b"[1]", rooms=("a",)), join, Record("e", b"[2]", rooms=("a",)))
    assert bench.texts == ['42["e",2]']


def test_binary_arguments_are_put_back(bench: Bench) -> None:
    """They travel beside the JSON."""
    bench.deliver(Record("e", b'[{"_placeholder":true,"num":0}]', attachments=(b"\x00",)))
    assert list(split(bench.outbox.puts[0][0])) == [
        (TEXT, b'451-["e",{"_placeholder":true,"num":0}]'),
        (BINARY, b"\x00"),
    ]


def test_the_outcome_of_each_record_is_counted(bench: Bench) -> None:
    """Each record once, and the events of browsers separately."""
    bench.rooms.present = ["a", "b", "c"]
    bench.deliver(Record("e", b"[]"), Record("e", b"[]", "/unserved"))
    bench.rooms.present = []
    bench.deliver(Record("e", b"[]"))
    figure = bench.figure
    assert figure("records_read_total", outcome="delivered") == 1
    assert figure("records_read_total", outcome="unknown_namespace") == 1
    assert figure("records_read_total", outcome="nobody_here") == 1
    assert figure("events_delivered_total") == 3


def test_a_volatile_record_is_delivered_in_its_place_and_kept_nowhere(bench: Bench) -> None:
    """With its offset, as the others; it takes no memory that a replay needs, whoever is there."""
    bench.rooms.recoverable, bench.rooms.present = ["a"], []
    kept, volatile = Record("e", b"[1]"), Record("e", b"[2]", volatile=True)
    bench.deliver(kept, volatile, Record("e", b"[3]", "/unserved", volatile=True), kept)
    assert bench.texts == [
        f'42["e",{data},"{offset(number)}"]' for number, data in enumerate((1, 2, 0, 1)) if data
    ]
    assert [address[0] for address in bench.rooms.addresses] == ["/", "/", "/"]
    history = bench.rooms.history
    assert [bool(each.fields) for each in history.after("0-0")] == [True, False, True, True]
    assert offset(1) not in history._frames
    bench.rooms.recoverable = []
    bench.deliver(volatile)
    assert bench.figure("records_read_total", outcome="delivered") == 3
    assert bench.figure("records_read_total", outcome="nobody_here") == 1
    assert bench.figure("records_read_total", outcome="unknown_namespace") == 1


async def test_after_a_write_events_gather_for_the_delay(
    bench: Bench, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The delay is for all that the batch took, with the writes to the sockets."""
    slept: list[float] = []
    measured: list[tuple[float, float]] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.pass_by(seconds)

    class Delay(WriteDelay):
        def after(self, began: float, took: float, shared: float) -> float:
            measured.append((took, shared))
            return 0.01

    replace_sleep(monkeypatch, module, sleep)
    bench.outbox.on_flush = lambda: clock.pass_by(0.003)
    await bench.follow([offset(0)], [offset(1)], delay=Delay())
    assert slept == [0.01] * 2
    assert measured == [(pytest.approx(0.003), 1)] * 2
    assert len(bench.texts) == 2


async def test_the_delay_follows_from_how_far_events_shared_writes(bench: Bench) -> None:
    """Of different moments, for the same sessions; a record for nobody is none of them."""
    shared: list[float] = []

    class Delay(WriteDelay):
        def after(self, began: float, took: float, by: float) -> float:
            shared.append(by)
            return 0

    bench.rooms.present = ["one", "two"]
    offsets = ["5-0", "5-1", "8-0", "12-0"]
    await bench.follow(offsets[:1], offsets[:2], offsets[1:], offsets, delay=Delay())
    bench.rooms.present = []
    await bench.follow(offsets, delay=Delay())
    assert shared == [1, 1, 3, 3, 1]


def test_the_delivery_of_a_message_is_measured(bench: Bench) -> None:
    """The service level: from SQS's timestamp to the sockets."""
    bench.deliver(sent(seconds_ago=1.5))
    assert bench.figure("delivery_seconds_sum", redelivered="false") == pytest.approx(1.5)
    assert bench.figure("delivery_seconds_count", redelivered="true") == 0
    assert bench.board.seconds == pytest.approx([1.5])


def test_a_redelivered_message_is_measured_apart(bench: Bench) -> None:
    """It was on the queue for a visibility timeout, which is not our slowness."""
    bench.deliver(sent(redelivered=True))
    assert bench.figure("delivery_seconds_count", redelivered="true") == 1
    assert bench.figure("delivery_seconds_count", redelivered="false") == 0


def test_a_record_that_nobody_here_received_is_not_measured(bench: Bench) -> None:
    """An idle replica would make the service look faster than it is."""
    bench.rooms.present = []
    bench.deliver(sent())
    assert bench.figure("delivery_seconds_count", redelivered="false") == 0
    assert bench.board.seconds == []


def test_a_record_that_came_from_no_queue_is_not_measured(bench: Bench) -> None:
    """A relayed event has no SentTimestamp; 0 would read as fifty years."""
    bench.deliver(Record("e", b"[]"))
    assert bench.figure("delivery_seconds_count", redelivered="false") == 0
    assert bench.board.seconds == [None]


def test_nothing_is_noted_for_boards_while_there_is_none(bench: Bench) -> None:
    """They cost nothing then."""
    bench.board.is_watched = False
    bench.deliver(sent())
    assert bench.board.seconds == []


def test_a_clock_that_is_behind_measures_no_negative_time(bench: Bench) -> None:
    """SQS's clock and ours differ by some milliseconds."""
    bench.deliver(sent(seconds_ago=-1))
    assert bench.figure("delivery_seconds_sum", redelivered="false") == 0


def test_the_lag_of_the_bus_is_measured_once_per_read(bench: Bench) -> None:
    """By its oldest record, even without an audience: it is about this replica's reading."""
    bench.rooms.present = []
    bench.deliver(Record("e", b"[]"), Record("e", b"[]"))
    assert bench.figure("bus_lag_seconds_count") == 1
    assert bench.figure("bus_lag_seconds_sum") == pytest.approx(0.25)


def test_a_gap_is_counted_and_logged(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is lost silently: the operator sees between which records."""
    gap = Gap("trimmed", "5-0", "9-0")
    bench.deliver(Record("e", b"[1]"), gap=gap)
    assert bench.figure("bus_gaps_total", reason="trimmed") == 1
    assert bench.figure("bus_gaps_total", reason="rewound") == 0
    assert "between 5-0 and 9-0" in caplog.text
    assert bench.texts == ['42["e",1]'], "what is there is delivered"
    assert bench.gaps == [gap], "browsers must not believe that they have seen everything"


def test_findings_of_the_reader_are_counted(bench: Bench) -> None:
    """Entries that were no records, and reading that resumed after a failure."""
    bench.deliver(malformed=2)
    bench.deliver(resumed=True)
    assert bench.figure("records_read_total", outcome="malformed") == 2
    assert bench.figure("bus_resumes_total") == 1
    assert bench.figure("bus_gaps_total", reason="trimmed") == 0


def test_a_record_of_the_probe_is_received_and_not_delivered(bench: Bench) -> None:
    """It proves that this replica reads, and is not for browsers."""
    bench.deliver(Record("probe", b"[]", PROBE_NAMESPACE, ("me",)))
    assert bench.probe.received_count == 1
    assert bench.figure("bus_heard_timestamp_seconds") > 0
    assert bench.outbox.puts == []
    assert bench.figure.sum("records_read_total") == 0


def test_a_record_of_another_replicas_probe_is_ignored(bench: Bench) -> None:
    """It says nothing about what this replica can publish."""
    bench.deliver(Record("probe", b"[]", PROBE_NAMESPACE, ("other",)))
    assert bench.probe.received_count == 0
    assert bench.figure("bus_heard_timestamp_seconds") == 0
    assert bench.outbox.puts == []


def test_a_canary_is_measured_and_not_delivered(bench: Bench, clock: FakeClock) -> None:
    """Its age keeps growing, so that a missing canary shows."""
    bench.deliver(Record("canary", b"[]", CANARY_NAMESPACE, sent_ms=round(NOW * 1000) - 500))
    assert bench.outbox.puts == []
    assert bench.figure("canary_age_seconds") == 0.5
    clock.pass_by(60)
    assert bench.figure("canary_age_seconds") == 60.5
    assert bench.figure("records_read_total", outcome="unknown_namespace") == 0


@pytest.mark.parametrize("wrong_by", [3600, -3600])
def test_a_wrong_clock_changes_no_age(bench: Bench, clock: FakeClock, wrong_by: float) -> None:
    """An hour behind, its canary would be the youngest of all and hide that the others' is late."""
    bench.rooms.clock.observe(round(NOW * 1000), NOW + wrong_by, NOW + wrong_by)
    clock.pass_by(wrong_by)
    bench.deliver(Record("canary", b"[]", CANARY_NAMESPACE, sent_ms=round(NOW * 1000) - 500))
    bench.deliver(sent(seconds_ago=0.25))
    assert bench.figure("canary_age_seconds") == pytest.approx(0.5, abs=0.01)
    assert bench.figure("delivery_seconds_sum", redelivered="false") == pytest.approx(0.25, abs=0.01)


def test_a_canary_without_a_timestamp_is_ignored(bench: Bench) -> None:
    """Anybody who can write to the bus can send one."""
    bench.deliver(Record("canary", b"[]", CANARY_NAMESPACE))
    assert math.isnan(bench.figure("canary_age_seconds"))


def test_a_namespace_that_is_not_served_is_logged_once(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """Every record of it is counted; a line per record would fill the disk."""
    caplog.set_level(logging.WARNING)
    for _ in range(3):
        bench.deliver(Record("e", b"[]", "/unserved"))
    assert bench.figure("records_read_total", outcome="unknown_namespace") == 3
    assert caplog.text.count("/unserved") == 1


def test_the_unknown_namespaces_kept_are_limited(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A sender that makes up namespaces must not fill the memory or the log."""
    bench.deliver(*[Record("e", b"[]", f"/made-up-{number}") for number in range(150)])
    assert caplog.text.count("/made-up-") == 100
    assert bench.figure("records_read_total", outcome="unknown_namespace") == 150


@pytest.mark.parametrize(
    "record",
    [
        Record("e", b""),
        Record("e", b"{"),
        Record("e", b"\xff"),
        Record("e", b"[" * 100_000),
        Record("e", b'{"a":1}'),
        Record("e", b'"text"'),
        Record("e", b"3"),
        Record("e", b"null"),
        Record("e", b'[{"_placeholder":true,"num":7}]', attachments=(b"x",)),
        Record("e", b'[{"_placeholder":true,"num":"x"}]', attachments=(b"x",)),
    ],
    ids=lambda record: repr(record.arguments[:24]),
)
@pytest.mark.parametrize("recoverable", [False, True])
def test_malformed_arguments_are_skipped_and_their_neighbours_delivered(
    bench: Bench, record: Record, *, recoverable: bool
) -> None:
    """One bad entry from another writer must not stop the reading, or reach browsers."""
    if recoverable:
        bench.rooms.recoverable, bench.rooms.present = bench.rooms.present, []
    bench.deliver(Record("e", b"[1]"), record, Record("e", b"[2]"))
    last = [f',"{offset(number)}"' if recoverable else "" for number in (0, 2)]
    assert bench.texts == [f'42["e",1{last[0]}]', f'42["e",2{last[1]}]']
    assert bench.figure("records_read_total", outcome="malformed") == 1
    assert bench.figure("records_read_total", outcome="delivered") == 2
