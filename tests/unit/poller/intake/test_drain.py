"""`latest` of a route: which messages wait for newer ones while a backlog is drained, and for how long."""

import asyncio
import itertools
import json
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.fakes import FakeClock
from tests.unit.poller.fakes import handles, message
from tests.unit.poller.intake.bench import Bench, assert_accounted_for

from queuecast_poller.intake import drain, leases
from queuecast_poller.route.reading import read_routes
from queuecast_poller.sqs.message import BATCH, Message

pytestmark = pytest.mark.usefixtures("no_waiting", "clock")

ROUTES = """
routes:
  - {when: data.sku, event: "'price'", latest: data.sku}
  - {event: "'plain'"}
"""


class Backlog(Bench):
    """An intake of a queue on which messages with a `sku` count only while they are the newest."""

    def __init__(self, *answers: Any, **options: Any) -> None:
        super().__init__(*answers, **{"max_receives": 1, **options})
        self.rules = self.rules.with_file(read_routes(ROUTES), "orders")

    @property
    def shown(self) -> list[Any]:
        return [json.loads(record.arguments)[0] for record in self.bus.records]

    def ended(self, cause: str) -> float:
        return self.figure("drains_total", cause=cause)


def price(sent_ms: int, sku: str = "a", **more: Any) -> Message:
    return message(json.dumps({"sku": sku, "at": sent_ms}), sent_ms=sent_ms, **more)


def plain(number: int, **more: Any) -> Message:
    return message(json.dumps({"plain": number}), sent_ms=number, **more)


def page(first: int, sku: str = "a", **more: Any) -> list[Message]:
    """Return as many prices as show that there are more."""
    return [price(sent_ms, sku, **more) for sent_ms in range(first, first + BATCH)]


async def test_of_a_backlog_the_newest_of_each_key_is_shown() -> None:
    """After an outage browsers see the present, not an hour of history. The others are acknowledged and
    counted.
    """
    batches = [page(1), page(101, "b"), page(11), [price(5), price(111, "b")]]
    bench = await Backlog(*batches).run()
    assert bench.shown == [{"sku": "a", "at": 20}, {"sku": "b", "at": 111}]
    assert sorted(bench.queue.deleted) == sorted(handles(list(itertools.chain(*batches))))
    assert bench.figure("dropped_total", reason="superseded") == 30
    assert bench.ended("drained") == 1
    assert_accounted_for(bench)


async def test_a_lone_message_goes_out_at_once() -> None:
    """Without a backlog there is nothing to wait for."""
    bench = Backlog([price(1)], page(2)[:-1], [price(50)])
    shown: list[int] = []
    bench.queue.on_receive = lambda: shown.append(len(bench.shown))
    await bench.run()
    assert shown == [0, 1, 2, 3]
    assert sum(bench.ended(cause) for cause in ("drained", "seconds", "stop")) == 0


async def test_what_has_no_latest_does_not_wait_in_a_backlog() -> None:
    """Each of these messages counts."""
    bench = Backlog([*page(1)[1:], plain(7)], [price(20)])
    shown: list[list[Any]] = []
    bench.queue.on_receive = lambda: shown.append(bench.shown)
    await bench.run()
    assert shown[1] == [{"plain": 7}]
    assert shown[2] == [{"plain": 7}, {"sku": "a", "at": 20}]


async def test_what_waits_is_in_flight_and_kept_hidden(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other poller may receive it meanwhile."""
    monkeypatch.setattr(leases, "CHECKS_PER_TIMEOUT", 1e9)
    batch = page(1)
    bench = Backlog(batch, [price(20)])
    held: list[float] = []

    def on_receive() -> None:
        held.append(bench.figure("in_flight"))
        clock.pass_by(16)

    bench.queue.on_receive = on_receive
    extended = asyncio.Event()
    bench.queue.on_change = extended.set
    bench.bus.before_publish = extended.wait
    await bench.run()
    assert held == [0, BATCH, 0]
    assert bench.queue.visibility_changes[0] == (handles(batch), 30)
    assert bench.figure("in_flight") == 0


# Nothing is deleted before the newest is stored


async def test_a_superseded_message_is_deleted_after_the_newer_one_is_published() -> None:
    """Also in one receive: if the newer one cannot be published, the older one may be all there is."""
    for batches in ([page(1), [price(20)]], [[price(1), price(2)]]):
        bench = Backlog(*batches, away_for=3)
        deleted: list[list[str]] = []
        bench.bus.on_refusal = lambda bench=bench, deleted=deleted: deleted.append(bench.queue.deleted)
        await bench.run()
        assert deleted == [[], [], []]
        assert [verb for verb, _ in bench.journal][:2] == ["published", "deleted"]
        assert len(bench.queue.deleted) == sum(map(len, batches))


async def test_what_cannot_be_published_is_given_back_whole() -> None:
    """When the poller stops while Redis is away, another poller can receive all of it at once."""
    batches = [page(1), page(1, "b"), [price(20)]]
    bench = Backlog(*batches, away_for=math.inf)
    bench.bus.on_refusal = bench.stop.set
    await bench.run()
    assert bench.queue.deleted == []
    returned = [handle for entries, seconds in bench.queue.visibility_changes for handle in entries]
    assert sorted(returned) == sorted(handles(list(itertools.chain(*batches))))
    assert {seconds for _, seconds in bench.queue.visibility_changes} == {0}
    assert max(len(entries) for entries, _ in bench.queue.visibility_changes) <= BATCH
    assert bench.figure("returned_total") == 21
    assert bench.figure("dropped_total", reason="superseded") == 0
    assert_accounted_for(bench)


async def test_after_a_batch_that_was_given_back_the_rest_is_not_tried() -> None:
    """It may be of the same group, and a poller that stops has no time to try every batch."""
    bench = Backlog(*(page(1, str(sku)) for sku in range(25)), away_for=math.inf)
    bench.bus.on_refusal = bench.stop.set
    await bench.run()
    assert len(bench.bus.tries) == 1
    assert bench.figure("returned_total") == 250


async def test_a_drain_is_finished_when_stopping() -> None:
    """Messages that SQS has delivered cost no further receive; the newest of them is shown."""
    bench = Backlog(page(1), page(11))
    receives = itertools.count(1)
    bench.queue.on_receive = lambda: next(receives) == 2 and bench.stop.set()
    await bench.run()
    assert bench.shown[-1] == {"sku": "a", "at": 20}
    assert len(bench.queue.deleted) == 20
    assert bench.ended("stop") == 1
    assert bench.queue.visibility_changes == []


async def test_nothing_more_is_received_while_the_bus_is_away() -> None:
    """The backlog waits in SQS, as it does for any message."""
    bench = Backlog(page(1), [price(20)], page(21), [price(40)], away_for=5)
    tries_at_receive: list[int] = []
    bench.queue.on_receive = lambda: tries_at_receive.append(len(bench.bus.tries))
    await bench.run()
    assert tries_at_receive == [0, 0, 6, 6, 7]


# Bounds


@pytest.mark.parametrize(
    ("bound", "most", "cause"), [("MAX_MESSAGES", 20, "messages"), ("MAX_BYTES", 150, "bytes")]
)
async def test_a_drain_is_bounded(bound: str, most: int, cause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backlog can be larger than the memory."""
    monkeypatch.setattr(drain, bound, most)
    bench = Backlog(*(page(10 * number, str(number)) for number in range(8)), [price(90)])
    bench.queue.on_receive = lambda: waiting.append(bench.figure("in_flight"))
    waiting: list[float] = []
    await bench.run()
    assert bench.ended(cause) >= 2
    assert max(waiting) < 60
    assert len(bench.shown) == 9


async def test_a_drain_ends_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the backlog has no end, browsers see its progress."""
    time = FakeClock()
    monkeypatch.setattr(drain, "time", time)

    async def pause(stop: asyncio.Event, seconds: float) -> None:
        pauses.append(seconds)
        await over.wait()
        time.pass_by(seconds)

    pauses: list[float] = []
    over = asyncio.Event()
    receives = itertools.count(1)
    monkeypatch.setattr(drain, "pause", pause)
    bench = Backlog(*(page(10 * number) for number in range(6)), latest_seconds=1)
    bench.queue.on_receive = lambda: next(receives) == 3 and over.set()
    await bench.run()
    assert pauses[0] == pytest.approx(1)
    assert bench.ended("seconds") >= 1
    assert bench.shown[-1] == {"sku": "a", "at": 59}
    assert len(bench.shown) > 1


async def test_a_drain_takes_a_quarter_of_the_visibility_timeout_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So many messages could not all be extended in time."""

    async def pause(stop: asyncio.Event, seconds: float) -> None:
        pauses.append(seconds)
        await stop.wait()

    pauses: list[float] = []
    monkeypatch.setattr(drain, "pause", pause)
    bench = Backlog(page(1), latest_seconds=60)
    bench.queue.visibility_seconds = 8
    await bench.run()
    assert pauses[0] == pytest.approx(2, abs=0.1)


async def test_it_can_be_switched_off() -> None:
    """Then each receive is published by itself."""
    bench = await Backlog(page(1), page(11), latest_seconds=0).run()
    assert [item["at"] for item in bench.shown] == [10, 20]


# Later


async def test_an_older_message_that_comes_later_is_dropped() -> None:
    """A standard queue keeps no order, and a browser takes the last event for the true one."""
    bench = await Backlog([price(5)], [price(4)], [price(6)], page(1)).run()
    assert [item["at"] for item in bench.shown] == [5, 6, 10]
    assert bench.figure("dropped_total", reason="superseded") == 10
    assert len(bench.queue.deleted) == 13
    assert bench.figure("latest_keys") == 1


async def test_what_was_not_published_supersedes_nothing_later(clock: FakeClock) -> None:
    """Only messages that Redis has confirmed are remembered: the first was lost while Redis was away."""
    bench = Backlog([price(5)], [price(4)], away_for=1)
    bench.queue.fifo = True
    bench.bus.on_refusal = lambda: clock.pass_by(31)
    await bench.run()
    assert [item["at"] for item in bench.shown] == [4]


async def test_the_same_message_again_is_a_duplicate() -> None:
    """After a failed delete it goes to Redis, which knows it."""
    again = price(5, id="same", receives=2)
    bench = await Backlog([price(5, id="same")], [again]).run()
    assert len(bench.shown) == 1
    assert bench.figure("duplicates_total") == 1
    assert bench.queue.deleted[-1] == again.receipt_handle


# FIFO queues


async def test_on_a_fifo_queue_a_drain_is_one_receive_and_in_order() -> None:
    """SQS delivers no more of a group while any of it is in flight, so waiting would bring nothing."""
    group = [price(1), plain(2), price(3), plain(4), price(5, "b"), price(6), plain(7), price(8, "b")]
    batch = [*group, plain(9), plain(10)]
    bench = Backlog(
        [message(each.body, sent_ms=each.sent_ms, group="g") for each in batch], page(20, group="g")
    )
    bench.queue.fifo = True
    shown: list[int] = []
    bench.queue.on_receive = lambda: shown.append(len(bench.shown))
    await bench.run()
    assert [item.get("at", item.get("plain")) for item in bench.shown] == [2, 4, 6, 7, 8, 9, 10, 29]
    assert shown == [0, 7, 8]


async def test_on_a_fifo_queue_nothing_of_a_page_overtakes_what_was_given_back(clock: FakeClock) -> None:
    """Nor is a superseded message deleted if the newer one was not published."""
    batch = [price(1, group="g"), price(2, group="g"), plain(3, group="g")]
    bench = Backlog(batch, away_for=1)
    bench.queue.fifo = True
    bench.bus.on_refusal = lambda: clock.pass_by(31)
    await bench.run()
    assert bench.shown == []
    assert bench.queue.deleted == []
    assert sorted(bench.queue.visibility_changes[0][0]) == sorted(handles(batch))


sent = st.tuples(st.integers(1, 30), st.sampled_from("abc") | st.none())
pages = st.lists(st.lists(sent, max_size=BATCH) | st.lists(sent, min_size=BATCH, max_size=BATCH), max_size=10)


@given(pages, st.integers(0, 4), st.none() | st.integers(1, 4), st.booleans(), st.integers(1, 3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_message_is_acknowledged_once_and_none_is_shown_after_a_newer_one(
    script: Sequence[Sequence[tuple[int, str | None]]],
    away_for: int,
    stop_at_try: int | None,
    fifo: bool,
    receives: int,
) -> None:
    """Whatever arrives, fails, or stops the poller. Without a stop, the newest of each key is shown last."""
    batches = [[plain(at) if sku is None else price(at, sku) for at, sku in each] for each in script]

    async def run() -> Backlog:
        bench = Backlog(*batches, away_for=away_for, max_receives=receives)
        bench.queue.fifo = fifo
        if stop_at_try is not None:
            bench.bus.on_refusal = lambda: len(bench.bus.tries) == stop_at_try and bench.stop.set()
        return await bench.run()

    bench = asyncio.run(run())
    returned = [handle for entries, _ in bench.queue.visibility_changes for handle in entries]
    finished = [*bench.queue.deleted, *returned]
    assert len(finished) == len(set(finished)) == bench.figure("received_total")
    assert_accounted_for(bench)
    assert bench.figure("in_flight") == 0
    for sku in "abc":
        shown = [item["at"] for item in bench.shown if item.get("sku") == sku]
        assert shown == sorted(shown)
        there = [at for each in script for at, other in each if other == sku]
        if there and not returned and bench.figure("received_total") == sum(map(len, script)):
            assert shown[-1] == max(there)
