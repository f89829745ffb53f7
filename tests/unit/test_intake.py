import asyncio
import itertools
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from tests.unit.fakes import (
    THROTTLED,
    FakeBus,
    FakeClock,
    FakePayloads,
    FakeQueue,
    Figures,
    handles,
    message,
    messages,
)

from queuecast_poller import custody, intake, settlement
from queuecast_poller.concurrency import BATCH
from queuecast_poller.failure import Call, Failure
from queuecast_poller.intake import Intake
from queuecast_poller.judgement import Judgement
from queuecast_poller.message import Message
from queuecast_poller.metrics import Metrics
from queuecast_poller.pulse import Pulse
from queuecast_poller.served import Served
from queuecast_poller.settings import Settings
from queuecast_poller.verdict import Reason


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "jittered", lambda attempt, cap_seconds=0.0: 0)
    monkeypatch.setattr(intake, "SHORTEST_ROUND_SECONDS", 0.0)
    monkeypatch.setattr(settlement, "jittered", lambda attempt: 0)
    monkeypatch.setattr(settlement, "FILL_SECONDS", 0.0)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(intake, "time", clock)
    monkeypatch.setattr(custody, "time", clock)
    return clock


class Bench:
    """An intake between a queue with a script and a bus, and what came of it."""

    def __init__(self, *answers: Sequence[Message] | Exception, away_for: float = 0, **options: Any) -> None:
        self.registry = CollectorRegistry()
        self.figure = Figures(self.registry, "queuecast_poller", queue="orders")
        self.journal: list[tuple[str, str]] = []
        self.stop = asyncio.Event()
        self.queue = FakeQueue(*answers, stop=self.stop, journal=self.journal)
        self.bus = FakeBus(away_for=away_for, journal=self.journal)
        self.pulse = Pulse("orders", 60.0, FakeClock())
        self._settings = Settings(queues=("orders",), **options)
        self.rules = self._settings.rules

    async def run(self) -> "Bench":
        """Work until the script is used up."""
        metrics = Metrics(self.registry).of("orders")
        bus: Any = self.bus
        judgement = Judgement(lambda: self.rules, Served(bus), FakePayloads())
        await Intake(self.queue, bus, self._settings, metrics, self.pulse, judgement).run(self.stop)
        return self

    def left(self) -> float:
        return self.figure.sum("left_total")


def assert_accounted_for(bench: Bench) -> None:
    """No message is lost from the books: each received one is in exactly one place."""
    figure = bench.figure
    settled = figure("published_total") + figure("duplicates_total") + bench.left() + figure("returned_total")
    assert figure("received_total") == settled + figure.sum("dropped_total") + figure("in_flight")


# The promise


async def test_messages_are_published_before_they_are_deleted() -> None:
    """The other way round, a crash in between loses them."""
    batch = messages(3)
    bench = await Bench(batch).run()
    ids = [("published", each.id) for each in batch]
    assert bench.journal == ids + [("deleted", handle) for handle in handles(batch)]
    assert bench.figure("published_total") == bench.figure("deleted_total") == 3


async def test_records_keep_the_order_of_the_messages() -> None:
    """Within a receive and from one to the next."""
    bodies = [str(number) for number in range(25)]
    batches = [[message(body) for body in bodies[start : start + 9]] for start in range(0, 25, 9)]
    bench = await Bench(*batches, max_receives=1).run()
    assert [record.arguments for record in bench.bus.records] == [f"[{body}]".encode() for body in bodies]


async def test_the_dedup_id_is_the_message_id() -> None:
    """It is the same in every redelivery, whatever the receipt handle is."""
    one = message()
    bench = await Bench([one]).run()
    assert [dedup_id for _, dedup_id in bench.bus.tries[0]] == [one.id]


async def test_a_redelivered_message_is_published_once_and_deleted() -> None:
    """A crash between publish and delete changes nothing for browsers."""
    first, again = message(id="same"), message(id="same", receives=2)
    bench = await Bench([first], [again]).run()
    assert len(bench.bus.records) == 1
    assert bench.queue.deleted == handles([first, again])
    assert bench.figure("duplicates_total") == 1
    assert bench.figure("redelivered_total") == 1


async def test_a_malformed_message_is_left_for_the_dead_letter_queue() -> None:
    """And its neighbours go on."""
    good, bad, other = message("1"), message("no json"), message("2")
    bench = await Bench([good, bad, other]).run()
    assert [record.arguments for record in bench.bus.records] == [b"[1]", b"[2]"]
    assert bench.queue.deleted == handles([good, other])
    assert bench.figure("left_total", reason="not_json") == 1
    assert bench.queue.visibility_changes == []


async def test_a_batch_of_malformed_messages_asks_nothing_of_the_bus() -> None:
    """There is nothing to publish."""
    bench = await Bench([message("no json")] * 2).run()
    assert bench.bus.tries == []
    assert bench.figure("in_flight") == 0


async def test_settings_reach_the_verdict() -> None:
    """The default event and the largest body are the operator's to say."""
    bench = await Bench([message("12"), message("123")], event="price", max_body_bytes=2).run()
    assert [record.event for record in bench.bus.records] == ["price"]
    assert bench.figure("left_total", reason="too_large") == 1


# While the bus is away


async def test_nothing_is_deleted_while_the_bus_is_away() -> None:
    """What Redis has not stored exists on the queue alone."""
    batch = messages(2)
    bench = Bench(batch, away_for=3)
    deleted: list[list[str]] = []
    bench.bus.on_refusal = lambda: deleted.append(bench.queue.deleted)
    await bench.run()
    assert deleted == [[], [], []]
    assert bench.queue.deleted == handles(batch)


async def test_everything_is_published_once_the_bus_is_back() -> None:
    """The same batch is tried again, with the same ids, so that it is stored once."""
    batch = messages(2)
    bench = await Bench(batch, away_for=3).run()
    assert bench.bus.tries == [bench.bus.tries[0]] * 4
    assert [dedup_id for _, dedup_id in bench.bus.tries[0]] == [each.id for each in batch]
    assert len(bench.bus.records) == 2
    assert bench.figure("publish_failures_total") == 3
    assert bench.figure("published_total") == 2


async def test_nothing_more_is_received_while_the_bus_is_away() -> None:
    """Each receive brings a message nearer to its dead-letter queue; the backlog waits in SQS."""
    bench = Bench(messages(2), messages(2), away_for=5)
    tries_at_receive: list[int] = []
    bench.queue.on_receive = lambda: tries_at_receive.append(len(bench.bus.tries))
    await bench.run()
    assert tries_at_receive == [0, 6, 7]


async def test_an_intake_without_a_bus_is_not_ready() -> None:
    """Operators and roll-outs see it; and it is over as soon as the bus is back."""
    bench = Bench(messages(1), away_for=1)
    bench.pulse.recovered("sqs")
    reasons: list[tuple[str, ...]] = []
    bench.bus.on_refusal = lambda: asyncio.get_running_loop().call_soon(
        lambda: reasons.append(bench.pulse.ready().reasons)
    )
    await bench.run()
    assert reasons == [("queue orders: bus: publishing: ConnectionError: nobody there",)]
    assert bench.pulse.ready().well


async def test_messages_are_kept_hidden_while_a_publish_hangs(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis may need longer for one answer than their visibility timeout lasts."""
    monkeypatch.setattr(custody, "LOOKS", 1e9)
    batch = messages(2)
    bench = Bench(batch)
    extended = asyncio.Event()
    bench.queue.on_change = extended.set

    async def hang() -> None:
        clock.pass_by(16)
        await extended.wait()

    bench.bus.before_publish = hang
    await bench.run()
    assert bench.queue.visibility_changes == [(handles(batch), 30)]
    assert bench.figure("extended_total") == 2
    assert bench.queue.deleted == handles(batch)


async def test_left_messages_are_not_kept_hidden(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are to come back, until their dead-letter queue takes them."""
    monkeypatch.setattr(custody, "LOOKS", 1e9)
    good, bad = message("1"), message("no json")
    bench = Bench([bad, good])
    extended = asyncio.Event()
    bench.queue.on_change = extended.set

    async def hang() -> None:
        clock.pass_by(16)
        await extended.wait()

    bench.bus.before_publish = hang
    await bench.run()
    assert bench.queue.visibility_changes == [(handles([good]), 30)]


async def test_what_was_out_of_our_hands_for_too_long_is_not_published(clock: FakeClock) -> None:
    """A process that was frozen for an hour: another poller had its messages, and their ids are forgotten."""
    batch = messages(2)
    bench = Bench(batch, away_for=1, dedup_seconds=600)
    bench.bus.on_refusal = lambda: clock.pass_by(30 + 301)
    await bench.run()
    assert bench.bus.records == []
    assert bench.queue.deleted == []
    assert bench.queue.visibility_changes == [(handles(batch), 0)]
    assert bench.figure("returned_total") == 2
    assert_accounted_for(bench)


async def test_what_comes_back_for_a_moment_is_published_all_the_same(clock: FakeClock) -> None:
    """Whoever published it meanwhile makes it a duplicate; to give it up would cost a receive."""
    bench = Bench(messages(2), away_for=1, dedup_seconds=600)
    bench.bus.on_refusal = lambda: clock.pass_by(30 + 299)
    await bench.run()
    assert len(bench.bus.records) == 2


async def test_on_a_fifo_queue_nothing_is_published_that_is_hidden_no_longer(clock: FakeClock) -> None:
    """SQS may have taken it for dead, and somebody else have published its followers."""
    bench = Bench(messages(2), away_for=1)
    bench.queue.fifo = True
    bench.bus.on_refusal = lambda: clock.pass_by(31)
    await bench.run()
    assert bench.bus.records == []
    assert bench.figure("returned_total") == 2


async def test_a_batch_is_given_up_whole(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its messages may be of one group: the second must not be published without the first."""
    monkeypatch.setattr(custody, "LOOKS", 1e9)
    batch = messages(2)
    bench = Bench(batch, away_for=1)
    bench.queue.fifo = True
    first, _ = handles(batch)
    bench.queue.visibility_answers.append({first: "MessageNotInflight"})
    extended = asyncio.Event()
    bench.queue.on_change = extended.set

    async def hang() -> None:
        clock.pass_by(16)
        await extended.wait()
        clock.pass_by(15)

    bench.bus.before_publish = hang
    await bench.run()
    assert bench.bus.records == []
    assert bench.queue.visibility_changes == [(handles(batch), 30), (handles(batch), 0)]


async def test_a_blocked_group_waits_with_its_first() -> None:
    """Without a redrive policy, for as long as that one is hidden: SQS hands out none before it."""
    bench = await Bench([message("bad", group="a"), message("1", group="a"), message("2", group="b")]).run()
    assert [record.arguments for record in bench.bus.records] == [b"[2]"]
    assert bench.queue.visibility_changes == []
    assert bench.figure("left_total", reason="group_blocked") == 1


async def test_a_group_goes_on_with_the_last_receive_of_its_left_message() -> None:
    """How often the queue hands out a message is the queue's own setting."""
    bench = Bench([message("bad", group="a", receives=3), message("1", group="a", receives=3)])
    bench.queue.max_receive_count = 3
    await bench.run()
    assert [record.arguments for record in bench.bus.records] == [b"[1]"]


async def test_held_messages_are_returned_at_once_when_stopping() -> None:
    """Another poller may have them now, instead of after their visibility timeout."""
    batch = messages(2)
    bench = Bench(batch, away_for=math.inf)
    bench.bus.on_refusal = bench.stop.set
    await bench.run()
    assert bench.queue.visibility_changes == [(handles(batch), 0)]
    assert bench.queue.deleted == []
    assert bench.figure("returned_total") == 2
    assert bench.figure("in_flight") == 0


async def test_stopping_does_not_fail_where_returning_does() -> None:
    """They come back by themselves, later."""
    bench = Bench(messages(1), away_for=math.inf)
    bench.bus.on_refusal = bench.stop.set
    bench.queue.visibility_answers.append(THROTTLED)
    await bench.run()
    assert bench.figure("in_flight") == 0


# Stopping


async def test_what_was_received_is_finished_when_stopping() -> None:
    """A message that SQS has handed out already is hidden from everybody else."""
    batch = messages(2)
    bench = Bench(batch)
    bench.queue.on_receive = bench.stop.set
    await bench.run()
    assert len(bench.bus.records) == 2
    assert bench.queue.deleted == handles(batch)


async def test_deletes_are_finished_when_stopping() -> None:
    """What was published and not deleted comes back, and is work for nothing."""
    batch = messages(2)
    bench = Bench(batch)
    bench.queue.on_receive = bench.stop.set
    bench.queue.delete_answers.extend([THROTTLED, THROTTLED])
    await bench.run()
    assert bench.queue.deleted == handles(batch)


async def test_a_stopped_intake_receives_nothing() -> None:
    """What it received it would have to hand back."""
    bench = Bench(messages(1))
    bench.stop.set()
    await bench.run()
    assert bench.bus.tries == []
    assert bench.figure("open_receives") == 0


# Receives


async def test_receive_errors_are_waited_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQS throttles; the back-off grows with each error and begins anew after a success."""
    attempts: list[int] = []
    monkeypatch.setattr(intake, "jittered", lambda attempt, cap_seconds: attempts.append(attempt) or 0)
    bench = Bench(THROTTLED, THROTTLED, messages(1), THROTTLED)
    await bench.run()
    assert attempts == [0, 1, 0]
    assert bench.figure("receives_total", outcome="error") == 3
    assert bench.figure("sqs_failures_total", call="receive", reason="throttled") == 3
    assert bench.figure("receives_total", outcome="messages") == 1
    assert bench.figure("published_total") == 1


async def test_a_queue_that_does_not_answer_makes_the_intake_unready() -> None:
    """Until it answers again, be it with nothing."""
    bench = Bench(THROTTLED, [])
    reasons: list[tuple[str, ...]] = []
    bench.queue.on_receive = lambda: reasons.append(bench.pulse.ready().reasons)
    await bench.run()
    assert reasons == [
        ("queue orders: sqs: the queue is not opened yet",),
        (f"queue orders: sqs: {THROTTLED}",),
        (),
    ]


async def test_full_batches_open_more_receives_and_a_drained_queue_closes_them() -> None:
    """One long poll is enough for a quiet queue; a backlog needs several at a time."""
    bench = Bench(*[messages(BATCH) for _ in range(20)], *[[]] * 20, max_receives=4)
    open_receives: list[float] = []
    bench.queue.on_receive = lambda: open_receives.append(bench.figure("open_receives"))
    await bench.run()
    assert open_receives[0] == 1
    assert max(open_receives) == 4
    assert open_receives[-1] == 1
    assert bench.figure("open_receives") == 0
    assert bench.figure("published_total") == 20 * BATCH


async def test_a_mistake_of_our_own_ends_the_intake() -> None:
    """A dead loop must not look alive: its end is the process's end."""
    with pytest.raises(ExceptionGroup) as caught:
        await Bench(messages(1), KeyError("bug")).run()
    assert caught.group_contains(KeyError)


async def test_a_mistake_while_deleting_ends_the_intake() -> None:
    """Or every message would be published, and come back, and come back."""
    bench = Bench(*[messages(1) for _ in range(5)])
    bench.queue.delete_answers.append(KeyError("bug"))
    with pytest.raises(ExceptionGroup) as caught:
        await bench.run()
    assert caught.group_contains(KeyError)


# Measuring


async def test_time_on_the_queue_is_measured_for_first_deliveries(clock: FakeClock) -> None:
    """What was handed out before has waited for a visibility timeout, which is not the queue's delay."""
    sent_ms = int(clock.now * 1000) - 2_500
    batch = [message(sent_ms=sent_ms), message(sent_ms=sent_ms, receives=2), message()]
    bench = await Bench(batch).run()
    assert bench.figure("queue_wait_seconds_count") == 1
    assert bench.figure("queue_wait_seconds_sum") == pytest.approx(2.5)


async def test_a_clock_that_is_behind_measures_no_negative_time(clock: FakeClock) -> None:
    """SQS's clock and ours differ by some milliseconds."""
    bench = await Bench([message(sent_ms=int(clock.now * 1000) + 50)]).run()
    assert bench.figure("queue_wait_seconds_sum") == 0


async def test_only_a_confirmed_publish_is_measured() -> None:
    """An outage of an hour is no latency; it is counted as failures."""
    bench = await Bench(messages(2), away_for=3).run()
    assert bench.figure("publish_seconds_count") == 1


async def test_each_step_leaves_its_time(clock: FakeClock) -> None:
    """An alert fires when an intake makes none."""
    bench = Bench([])
    ticks: list[float] = []
    bench.queue.on_receive = lambda: ticks.append(bench.figure("loop_tick_timestamp_seconds"))
    await bench.run()
    assert all(ticks)


bodies = st.sampled_from(["1", "no json", '{"a":1}', "NaN"])
batches = st.lists(
    st.lists(st.tuples(bodies, st.integers(0, 8)), max_size=BATCH) | st.just(THROTTLED), max_size=8
)


@given(batches, st.integers(0, 4), st.none() | st.integers(1, 6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_received_message_is_accounted_for(
    script: list[Any], away_for: int, stop_at_try: int | None
) -> None:
    """Nothing is ever lost silently, whatever comes, goes away, or tells us to stop."""

    def answer(drawn: Any) -> Any:
        return drawn if drawn is THROTTLED else [message(body, id=str(number)) for body, number in drawn]

    async def run() -> Bench:
        bench = Bench(*map(answer, script), away_for=away_for, max_receives=3)
        if stop_at_try is not None:
            bench.bus.on_refusal = lambda: len(bench.bus.tries) == stop_at_try and bench.stop.set()
        return await bench.run()

    bench = asyncio.run(run())
    figure = bench.figure
    assert_accounted_for(bench)
    assert figure("in_flight") == 0
    assert figure("published_total") == len(bench.bus.records)
    assert figure("deleted_total") == figure("published_total") + figure("duplicates_total")


def test_every_reason_has_a_counter() -> None:
    """A reason without one would end the intake with a KeyError."""
    metrics = Metrics(CollectorRegistry()).of("orders")
    assert set(metrics.left) == set(Reason)
    assert set(metrics.sqs_failures) == set(itertools.product(set(Call) - {Call.MOVE}, Failure))
