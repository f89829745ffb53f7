"""The way of a message through the intake: published, then deleted, and always accounted for."""

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from tests.unit.poller.fakes import THROTTLED, handles, message, messages
from tests.unit.poller.intake.bench import Bench, assert_accounted_for

from queuecast_poller.judge.verdict import Reason
from queuecast_poller.metrics import Metrics
from queuecast_poller.sqs.failure import Call, Failure
from queuecast_poller.sqs.message import BATCH

pytestmark = pytest.mark.usefixtures("no_waiting", "clock")

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
    """It is the same in every redelivery, whichever receipt handle comes with it."""
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
    """The other messages of its receive go on."""
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
    """Operators set the default event and the largest body."""
    bench = await Bench([message("12"), message("123")], event="price", max_body_bytes=2).run()
    assert [record.event for record in bench.bus.records] == ["price"]
    assert bench.figure("left_total", reason="too_large") == 1


async def test_a_blocked_group_waits_with_its_first() -> None:
    """Without a redrive policy it waits as long as the first is hidden: SQS delivers none before it."""
    bench = await Bench([message("bad", group="a"), message("1", group="a"), message("2", group="b")]).run()
    assert [record.arguments for record in bench.bus.records] == [b"[2]"]
    assert bench.queue.visibility_changes == []
    assert bench.figure("left_total", reason="group_blocked") == 1


async def test_a_group_goes_on_with_the_last_receive_of_its_left_message() -> None:
    """The queue's own setting says how often it delivers a message."""
    bench = Bench([message("bad", group="a", receives=3), message("1", group="a", receives=3)])
    bench.queue.max_receive_count = 3
    await bench.run()
    assert [record.arguments for record in bench.bus.records] == [b"[1]"]


# Stopping


async def test_what_was_received_is_finished_when_stopping() -> None:
    """A message that SQS has delivered is hidden from all other pollers."""
    batch = messages(2)
    bench = Bench(batch)
    bench.queue.on_receive = bench.stop.set
    await bench.run()
    assert len(bench.bus.records) == 2
    assert bench.queue.deleted == handles(batch)


async def test_deletes_are_finished_when_stopping() -> None:
    """A published message that is not deleted comes back, for nothing."""
    batch = messages(2)
    bench = Bench(batch)
    bench.queue.on_receive = bench.stop.set
    bench.queue.delete_answers.extend([THROTTLED, THROTTLED])
    await bench.run()
    assert bench.queue.deleted == handles(batch)


async def test_a_stopped_intake_receives_nothing() -> None:
    """It would have to give the messages back."""
    bench = Bench(messages(1))
    bench.stop.set()
    await bench.run()
    assert bench.bus.tries == []
    assert bench.figure("open_receives") == 0


async def test_a_mistake_of_our_own_ends_the_intake() -> None:
    """A dead loop must not look alive: when it ends, the process ends."""
    with pytest.raises(ExceptionGroup) as caught:
        await Bench(messages(1), KeyError("bug")).run()
    assert caught.group_contains(KeyError)


async def test_a_mistake_while_deleting_ends_the_intake() -> None:
    """Otherwise every message would be published, and come back again and again."""
    bench = Bench(*[messages(1) for _ in range(5)])
    bench.queue.delete_answers.append(KeyError("bug"))
    with pytest.raises(ExceptionGroup) as caught:
        await bench.run()
    assert caught.group_contains(KeyError)


bodies = st.sampled_from(["1", "no json", '{"a":1}', "NaN"])
batches = st.lists(
    st.lists(st.tuples(bodies, st.integers(0, 8)), max_size=BATCH) | st.just(THROTTLED), max_size=8
)


@given(batches, st.integers(0, 4), st.none() | st.integers(1, 6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_received_message_is_accounted_for(
    script: list[Any], away_for: int, stop_at_try: int | None
) -> None:
    """Nothing is ever lost silently, whatever arrives, fails, or stops the poller."""

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
    """A reason without a counter would end the intake with a KeyError."""
    metrics = Metrics(CollectorRegistry()).for_queue("orders")
    assert set(metrics.left) == set(Reason)
    assert set(metrics.sqs_failures) == set(itertools.product(set(Call) - {Call.MOVE}, Failure))
