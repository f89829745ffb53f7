"""Past events of rooms: from memory, from Redis, and complete or not."""

import asyncio
import json
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import Figures
from tests.unit.replica import Replica, entry

from queuecast_bus import Batch, BusUnavailable, Entry, Record
from queuecast_bus.keys import Keys
from queuecast_bus.record import Address, offset_key
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.recovery import past_reader, replay_reader
from queuecast_gateway.recovery.past_reader import PastBounds, PastReader
from queuecast_gateway.wire.past import PastEvents, Wanted

BOUNDS = PastBounds(max_events=5, max_bytes=1_000, max_seconds=60, held_bytes=1 << 20)
NOW = 100.0


class Marks:
    """The two values of Redis that are asked for, and how often."""

    def __init__(self) -> None:
        self.values = {"tail": b"100-0", "rewound": None}
        self.asked = 0
        self.failing = False

    def register_script(self, text: str) -> None:
        """Rooms' newest events are not read here."""

    def pipeline(self, *, transaction: bool) -> "Marks":
        return self

    def get(self, key: str) -> "Marks":
        return self

    async def execute(self) -> list[bytes | None]:
        self.asked += 1
        if self.failing:
            raise BusUnavailable("nobody there")
        return [self.values["tail"], self.values["rewound"]]


class Bench:
    """A replica whose history begins at 5-0; Redis has the records 1-0 to 9-0, the odd ones for room `a`."""

    def __init__(self, registry: CollectorRegistry, bounds: PastBounds = BOUNDS) -> None:
        self.bus = bus = Replica()
        self.marks = Marks()
        parts: Any = bus
        parts.commands, parts.keys, parts.clock = self.marks, Keys(), self
        rooms = ("a", "bc", "a", "b", "a", "b", "ac", "b", "a")
        bus.stream = [entry(f"{number}-0", *names) for number, names in enumerate(rooms, start=1)]
        bus.history.add(Batch("5-0"))
        bus.read(*bus.stream[5:])
        self.reader = PastReader(parts, bounds, ("/", "/shop"), Metrics(registry))

    def now(self) -> float:
        return NOW / 1000

    async def read(self, *rooms: str, sid: str = "me", **wanted: Any) -> PastEvents:
        return await self.reader.read("/", rooms, Wanted(**wanted), sid)

    @property
    def asked(self) -> list[str]:
        return [what for what, *_ in self.bus.asked]


def offsets(past: PastEvents) -> list[int]:
    found = [int(event["offset"].removesuffix("-0")) for event in json.loads(f"[{past.run.text}]")]
    assert len(found) == past.run.number
    return found


@pytest.fixture
def bench(registry: CollectorRegistry) -> Bench:
    return Bench(registry)


async def test_what_is_in_memory_is_not_read_from_redis(bench: Bench) -> None:
    """Most pages ask for what has just come."""
    past = await bench.read("a", last=2)
    assert (offsets(past), past.complete, past.offset) == ([7, 9], True, "9-0")
    past = await bench.read("a", "b", since="6-0")
    assert (offsets(past), past.complete) == ([7, 8, 9], True)
    assert bench.asked == []


async def test_what_is_older_is_read_from_redis_once(bench: Bench, figure: Figures) -> None:
    """The whole stream once for all rooms, then each room's events by their offsets."""
    past = await bench.read("a", last=4)
    assert (offsets(past), past.complete) == ([3, 5, 7, 9], True)
    assert bench.bus.asked == [("between", "0-0", "5-0"), ("recall", "5-0", "3-0")]
    bench.bus.asked.clear()
    assert offsets(await bench.read("b", last=4)) == [2, 4, 6, 8]
    assert offsets(await bench.read("a", "b", since="3-0")) == [5, 6, 7, 8, 9]
    assert bench.bus.asked == [("recall", "4-0", "2-0")]
    assert figure("past_reads_total", call="index") == 1
    assert figure("past_reads_total", call="events") == 2
    assert bench.reader.held_bytes > 0


async def test_an_event_for_several_rooms_is_given_once(bench: Bench) -> None:
    """In the stream's order, not room by room; `last` counts for each room."""
    past = await bench.read("c", "a", "c", last=2)
    assert offsets(past) == [2, 7, 9]


async def test_fewer_events_than_asked_for_are_all_if_there_never_were_more(bench: Bench) -> None:
    """On a young stream; otherwise nobody can say what was trimmed."""
    past = await bench.read("c", last=5)
    assert (offsets(past), past.complete) == ([2, 7], True)


async def test_fewer_events_than_asked_for_are_not_all_if_redis_has_lost_some(bench: Bench) -> None:
    """It came back empty, and began with 1-0 again."""
    bench.marks.values["rewound"] = b"0-5"
    past = await bench.read("c", last=5)
    assert (offsets(past), past.complete) == ([2, 7], False)


async def test_of_a_trimmed_stream_the_rest_is_given(bench: Bench) -> None:
    """And the page is told that it is not all."""
    bench.bus.trimmed = True
    past = await bench.read("a", last=3)
    assert (offsets(past), past.complete) == ([7, 9], False)
    past = await bench.read("a", since="1-0")
    assert (offsets(past), past.complete) == ([7, 9], False)
    assert bench.asked == ["between"], "there is nothing more to find"
    assert (await bench.read("a", since="5-0")).complete


async def test_a_record_that_is_trimmed_meanwhile_makes_the_answer_incomplete(bench: Bench) -> None:
    """The index knows of it, and Redis has its text no more."""
    await bench.read("c", last=5)
    del bench.bus.stream[:5]
    past = await bench.read("a", last=5)
    assert (offsets(past), past.complete) == ([7, 9], False)
    assert (await bench.read("a", since="5-0")).complete


@pytest.mark.parametrize(("since", "rewound"), [("3-0", b"4-0"), ("4-0", b"4-0"), ("0-0", b"4-0")])
async def test_since_an_offset_that_redis_may_have_lost(bench: Bench, since: str, rewound: bytes) -> None:
    """Records after it may be lost too: what is left is given, as incomplete."""
    bench.marks.values["rewound"] = rewound
    past = await bench.read("a", since=since)
    assert not past.complete
    assert offsets(past)[-1] == 9
    assert (await bench.read("a", since="5-0")).complete


async def test_since_an_offset_that_redis_does_not_have(bench: Bench) -> None:
    """Redis has begun anew, with lower offsets: all that it has is news for this page."""
    past = await bench.read("a", since="101-0")
    assert (offsets(past), past.complete) == ([1, 3, 5, 7, 9], False)


async def test_since_an_offset_that_this_replica_has_not_read_yet(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page had it from another replica: it is waited for, so that nothing after it is given twice."""
    reading = asyncio.create_task(bench.read("a", since="11-0"))
    await asyncio.sleep(0.02)
    assert not reading.done()
    bench.bus.read(entry("11-0", "a"), entry("13-0", "a"))
    assert offsets(await reading) == [13]
    monkeypatch.setattr(replay_reader, "CATCH_UP_SECONDS", 0.01)
    with pytest.raises(BusUnavailable):
        await bench.read("a", since="20-0")


async def test_what_is_read_meanwhile_is_in_the_answer(bench: Bench) -> None:
    """Also if nobody here wanted it: its text is kept for as long as somebody asks."""
    recall = bench.bus.recall

    async def slow(wanted: list[str]) -> list[list[bytes]]:
        bench.bus.read(entry("10-0", "a"), wanted=())
        return await recall(wanted)

    bench.bus.recall = slow  # type: ignore[method-assign]
    past = await bench.read("a", last=4)
    assert (offsets(past), past.offset) == ([5, 7, 9, 10], "10-0")
    assert bench.bus.history.recovering == 0


async def test_a_gap_while_it_reads_drops_what_came_before(bench: Bench) -> None:
    """What was before the records that this replica can never see is not given as if it were whole."""
    between = bench.bus.between

    async def gap(after: str, until: str, most: int) -> Batch:
        bench.bus.history.begin("50-0")
        bench.bus.read(entry("51-0", "a"))
        return await between(after, until, most)

    bench.bus.between = gap  # type: ignore[method-assign]
    bench.bus.trimmed = True
    past = await bench.read("a", last=4)
    assert (offsets(past), past.complete) == ([51], False)


@pytest.mark.parametrize(("bounds", "given"), [({"max_events": 3}, [5, 7, 9]), ({"max_bytes": 100}, [7, 9])])
async def test_an_answer_is_bounded(registry: CollectorRegistry, bounds: Any, given: list[int]) -> None:
    """The newest events are given, and the page is told."""
    bench = Bench(registry, BOUNDS._replace(**bounds))
    past = await bench.read("a", since="0-0")
    assert (offsets(past), past.complete) == (given, False)


async def test_events_that_are_too_old_are_not_given(registry: CollectorRegistry) -> None:
    """Redis trims by whole nodes, and only when something is stored: it may have much older ones."""
    bench = Bench(registry, BOUNDS._replace(max_seconds=0.0931))
    past = await bench.read("a", since="0-0")
    assert (offsets(past), past.complete) == ([7, 9], False)
    assert (await bench.read("a", last=2)).complete


async def test_a_session_is_not_given_what_skips_it(bench: Bench) -> None:
    """As live: an event that it sent itself, say."""
    bench.bus.read(entry("10-0", "a", skip=("me",)))
    assert offsets(await bench.read("a", last=2)) == [9]
    assert offsets(await bench.read("a", last=2, sid="you")) == [9, 10]


async def test_what_no_client_can_read_is_left_out(bench: Bench) -> None:
    """And the answer is not complete."""
    record = Record("e", b"[" * 62 + b"]" * 62, rooms=("a",))
    bench.bus.read(Entry("10-0", Address("/", ("a",)), [b"p", b"0-0", *record.to_fields()]))
    past = await bench.read("a", last=2)
    assert (offsets(past), past.complete) == ([9], False)


async def test_pages_that_open_together_share_each_read(bench: Bench) -> None:
    """5,000 of them cost Redis what one costs."""
    answers = await asyncio.gather(*(bench.read("a", last=5) for _ in range(50)))
    assert all(offsets(past) == [1, 3, 5, 7, 9] for past in answers)
    assert bench.asked == ["between", "recall"]
    await asyncio.gather(*(bench.read("a", since="3-0") for _ in range(50)))
    assert bench.marks.asked <= 3


@pytest.mark.parametrize("what", ["marks", "between", "recall"])
async def test_while_redis_is_away_nothing_is_given(bench: Bench, what: str) -> None:
    """The page is told to try again, and then it works."""

    async def away(*_: Any) -> Any:
        raise BusUnavailable("nobody there")

    bench.marks.failing = what == "marks"
    if what != "marks":
        setattr(bench.bus, what, away)
    with pytest.raises(BusUnavailable):
        await bench.read("a", since="0-0")
    assert bench.bus.history.recovering == 0
    bench.marks.failing = False
    vars(bench.bus).pop(what, None)
    assert offsets(await bench.read("a", since="0-0")) == [1, 3, 5, 7, 9]


async def test_a_long_history_is_indexed_in_parts(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody else is served in between; what comes and goes meanwhile is in its place."""
    monkeypatch.setattr(past_reader, "SCAN_RECORDS", 2)
    asked = asyncio.create_task(bench.read("a", "b", last=5))
    await asyncio.sleep(0)
    bench.bus.read(entry("10-0", "b"))
    past = await asked
    assert offsets(past) == [6, 7, 8, 9, 10]
    assert sorted(offsets(past), key=lambda each: offset_key(f"{each}-0")) == offsets(past)
