import logging
import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import FakeClock, Figures

from queuecast_bus import Batch, Entry, Gap, Record
from queuecast_bus.command import Command
from queuecast_bus.names import CANARY_NAMESPACE, PROBE_NAMESPACE
from queuecast_bus.record import Address
from queuecast_gateway import fanout as module
from queuecast_gateway.engine.frames import BINARY, TEXT, split
from queuecast_gateway.fanout import REST_SECONDS, Fanout
from queuecast_gateway.history import History
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.rooms import NOBODY, Audience

NOW = 1_000.0


class FakeRooms:
    """As many browsers as a test wants, the same in every room: `present` ones and those that can recover."""

    def __init__(self) -> None:
        self.present = ["browser"]
        self.recoverable: list[str] = []
        self.history = History(1 << 20)
        self.asked: list[Any] = []

    def audience(self, *address: Any) -> Any:
        self.asked.append(address)
        return Audience(self.recoverable, self.present) if self.recoverable or self.present else NOBODY  # type: ignore[arg-type]


class FakeOutbox:
    def __init__(self) -> None:
        self.puts: list[tuple[bytes, list[str]]] = []

    def put(self, sent: bytes, sessions: list[str]) -> None:
        self.puts.append((sent, sessions))


class FakeProbe:
    """Owns what is sent to its room; counts what it heard."""

    def __init__(self) -> None:
        self.times_heard = 0

    def is_own(self, address: Address) -> bool:
        return address.rooms == ("me",)

    def heard(self) -> None:
        self.times_heard += 1


class FakeBoard:
    def __init__(self) -> None:
        self.seconds: list[float] = []

    def delivered(self, seconds: float) -> None:
        self.seconds.append(seconds)


class FakeCommands:
    """Says how many sessions here a command was for."""

    def __init__(self) -> None:
        self.obeyed: list[Command] = []
        self.concerned = 0

    def obey(self, command: Command) -> int:
        self.obeyed.append(command)
        return self.concerned


class Bench:
    """A fan-out with everything around it."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.figure = Figures(registry, "queuecast_gateway")
        self.rooms = FakeRooms()
        self.outbox = FakeOutbox()
        self.probe = FakeProbe()
        self.board = FakeBoard()
        self.gaps: list[Gap] = []
        self.commands = FakeCommands()
        parts: list[Any] = [self.rooms, self.outbox, self.probe, self.commands, self.board]
        self._fanout = Fanout(*parts, Metrics(registry), frozenset({"/", "/shop"}), self.gaps.append)

    async def follow(self, times: int) -> None:
        async def batches() -> AsyncIterator[Batch]:
            for number in range(times):
                yield Batch(offset(number), (entry(number, Record("e", b"[]")),))

        await self._fanout.follow(batches())

    def deliver(self, *records: Record, **batch: Any) -> None:
        entries = tuple(entry(number, record) for number, record in enumerate(records))
        self._fanout.deliver(Batch(offset(len(records)), entries, **batch))

    @property
    def texts(self) -> list[str]:
        """The packets that were written, in their order."""
        return [data.decode() for sent, _ in self.outbox.puts for _, data in split(sent)]


def entry(number: int, record: Record) -> Entry:
    address = Address(record.namespace, record.rooms, record.skip_sids)
    return Entry(offset(number), address, record.to_fields())


def offset(number: int) -> str:
    """Return the offset of a record that was stored a quarter of a second ago."""
    return f"{int(NOW * 1000) - 250}-{number}"


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
    """Rooms and excluded sessions decide who sees it."""
    bench.deliver(Record("price", b'[{"eur":3},2]', "/shop", ("a", "b"), ("me",)))
    assert bench.rooms.asked == [("/shop", ("a", "b"), ("me",))]
    assert bench.texts == ['42/shop,["price",{"eur":3},2]']


def test_records_are_delivered_in_the_order_of_the_bus(bench: Bench) -> None:
    """The promise: the order in which they were stored."""
    bench.deliver(*[Record("e", b"[%d]" % number) for number in range(5)])
    assert bench.texts == [f'42["e",{number}]' for number in range(5)]


def test_records_to_the_same_rooms_are_one_piece(bench: Bench) -> None:
    """A burst costs a session one append, not one per record; another address keeps its place."""
    bench.deliver(
        Record("e", b"[1]"), Record("e", b"[2]"), Record("e", b"[3]", rooms=("a",)), Record("e", b"[4]")
    )
    assert [[data[-2:-1] for _, data in split(sent)] for sent, _ in bench.outbox.puts] == [
        [b"1", b"2"],
        [b"3"],
        [b"4"],
    ]


def test_who_can_recover_is_told_the_offset(bench: Bench) -> None:
    """It is what a browser comes back with; the others would see an argument that is none of theirs."""
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


def test_nobody_is_written_to_without_cause(bench: Bench) -> None:
    """Where all can recover there is nothing to be framed for the others."""
    bench.rooms.recoverable, bench.rooms.present = ["a"], []
    bench.deliver(Record("e", b"[1]"))
    assert [sessions for _, sessions in bench.outbox.puts] == [["a"]]


def test_every_record_that_was_read_is_kept(bench: Bench) -> None:
    """Whoever it was for: who comes back may have been in its room."""
    bench.rooms.present = []
    bench.deliver(Record("e", b"[1]"), Record("e", b"[2]", "/unserved"), Record("e", b"{"))
    assert [each.offset for each in bench.rooms.history.after("0-0")] == [offset(0), offset(1), offset(2)]
    assert bench.rooms.history.position == offset(3)


def test_the_data_of_a_record_for_nobody_here_is_not_read(bench: Bench) -> None:
    """Most replicas have nobody in most rooms; malformed data is then somebody else's finding."""
    bench.rooms.present = []
    bench.deliver(Record("e", b"{"))
    assert bench.figure("records_read_total", outcome="nobody_here") == 1


def test_binary_arguments_are_put_back(bench: Bench) -> None:
    """They travel beside the JSON."""
    bench.deliver(Record("e", b'[{"_placeholder":true,"num":0}]', attachments=(b"\x00",)))
    assert list(split(bench.outbox.puts[0][0])) == [
        (TEXT, b'451-["e",{"_placeholder":true,"num":0}]'),
        (BINARY, b"\x00"),
    ]


def test_what_became_of_a_record_is_counted(bench: Bench) -> None:
    """Each in one outcome, and browsers' events apart."""
    bench.rooms.present = ["a", "b", "c"]
    bench.deliver(Record("e", b"[]"), Record("e", b"[]", "/unserved"))
    bench.rooms.present = []
    bench.deliver(Record("e", b"[]"))
    figure = bench.figure
    assert figure("records_read_total", outcome="delivered") == 1
    assert figure("records_read_total", outcome="unknown_namespace") == 1
    assert figure("records_read_total", outcome="nobody_here") == 1
    assert figure("events_delivered_total") == 3


@pytest.mark.parametrize("took", [0.003, REST_SECONDS, 10 * REST_SECONDS])
async def test_it_rests_as_long_as_it_took_to_write_and_no_longer_than_it_may(
    bench: Bench, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, took: float
) -> None:
    """Under load, records that come meanwhile share a write; nobody waits long for that."""
    rests: list[float] = []

    async def sleep(seconds: float) -> None:
        rests.append(seconds)
        clock.pass_by(seconds or took)  # in a turn of the loop that is let by, the outbox writes

    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    await bench.follow(times=2)
    assert rests == [0, pytest.approx(min(took, REST_SECONDS))] * 2
    assert len(bench.texts) == 2


def test_the_delivery_of_a_message_is_measured(bench: Bench) -> None:
    """The service level: from SQS's timestamp to the sockets."""
    bench.deliver(sent(seconds_ago=1.5))
    assert bench.figure("delivery_seconds_sum", redelivered="false") == pytest.approx(1.5)
    assert bench.figure("delivery_seconds_count", redelivered="true") == 0
    assert bench.board.seconds == pytest.approx([1.5])


def test_a_redelivered_message_is_measured_apart(bench: Bench) -> None:
    """It lay on the queue for a visibility timeout, which is not our slowness."""
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
    """A relayed event has no SentTimestamp; its 0 would read as fifty years."""
    bench.deliver(Record("e", b"[]"))
    assert bench.figure("delivery_seconds_count", redelivered="false") == 0


def test_a_clock_that_is_behind_measures_no_negative_time(bench: Bench) -> None:
    """SQS's clock and ours differ by some milliseconds."""
    bench.deliver(sent(seconds_ago=-1))
    assert bench.figure("delivery_seconds_sum", redelivered="false") == 0


def test_the_lag_of_the_bus_is_measured_once_per_read(bench: Bench) -> None:
    """By its oldest record; also where nobody listens: it is about this replica's reading."""
    bench.rooms.present = []
    bench.deliver(Record("e", b"[]"), Record("e", b"[]"))
    assert bench.figure("bus_lag_seconds_count") == 1
    assert bench.figure("bus_lag_seconds_sum") == pytest.approx(0.25)


def test_a_gap_is_counted_and_logged(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is lost silently: an operator can see between which records."""
    gap = Gap("trimmed", "5-0", "9-0")
    bench.deliver(Record("e", b"[1]"), gap=gap)
    assert bench.figure("bus_gaps_total", reason="trimmed") == 1
    assert bench.figure("bus_gaps_total", reason="rewound") == 0
    assert "between 5-0 and 9-0" in caplog.text
    assert bench.texts == ['42["e",1]'], "what is there is delivered"
    assert bench.gaps == [gap], "browsers must not believe that they have seen everything"


def test_what_the_reader_found_out_is_counted(bench: Bench) -> None:
    """Entries that were no records, and reading that went on after a failure."""
    bench.deliver(malformed=2)
    bench.deliver(resumed=True)
    assert bench.figure("records_read_total", outcome="malformed") == 2
    assert bench.figure("bus_resumes_total") == 1
    assert bench.figure("bus_gaps_total", reason="trimmed") == 0


def test_a_record_of_the_probe_is_heard_and_not_delivered(bench: Bench) -> None:
    """It proves that this replica reads; browsers have nothing to do with it."""
    bench.deliver(Record("probe", b"[]", PROBE_NAMESPACE, ("me",)))
    assert bench.probe.times_heard == 1
    assert bench.figure("bus_heard_timestamp_seconds") > 0
    assert bench.outbox.puts == []
    assert bench.figure.sum("records_read_total") == 0


def test_a_record_of_another_replicas_probe_is_passed_over(bench: Bench) -> None:
    """It says nothing about what this one can send."""
    bench.deliver(Record("probe", b"[]", PROBE_NAMESPACE, ("other",)))
    assert bench.probe.times_heard == 0
    assert bench.figure("bus_heard_timestamp_seconds") == 0
    assert bench.outbox.puts == []


def test_a_canary_is_heard_and_not_delivered(bench: Bench, clock: FakeClock) -> None:
    """Its age goes on, so that one that does not come is seen."""
    bench.deliver(Record("canary", b"[]", CANARY_NAMESPACE, sent_ms=round(NOW * 1000) - 500))
    assert bench.outbox.puts == []
    assert bench.figure("canary_age_seconds") == 0.5
    clock.pass_by(60)
    assert bench.figure("canary_age_seconds") == 60.5
    assert bench.figure("records_read_total", outcome="unknown_namespace") == 0


def test_a_canary_that_says_nothing_is_passed_over(bench: Bench) -> None:
    """Anybody who can write on the bus can send one."""
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


def test_names_that_come_from_outside_are_remembered_in_bounds(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
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
    """One entry that somebody else wrote must not end the reading, or reach browsers as nonsense."""
    if recoverable:
        bench.rooms.recoverable, bench.rooms.present = bench.rooms.present, []
    bench.deliver(Record("e", b"[1]"), record, Record("e", b"[2]"))
    last = [f',"{offset(number)}"' if recoverable else "" for number in (0, 2)]
    assert bench.texts == [f'42["e",1{last[0]}]', f'42["e",2{last[1]}]']
    assert bench.figure("records_read_total", outcome="malformed") == 1
    assert bench.figure("records_read_total", outcome="delivered") == 2
