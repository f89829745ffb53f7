"""While the bus is away: messages are kept, stay hidden, and are published once it is back."""

import asyncio
import math

import pytest
from tests.unit.fakes import FakeClock
from tests.unit.poller.fakes import THROTTLED, handles, message, messages
from tests.unit.poller.intake.bench import Bench, assert_accounted_for

from queuecast_poller.intake import leases

pytestmark = pytest.mark.usefixtures("no_waiting", "clock")


async def test_nothing_is_deleted_while_the_bus_is_away() -> None:
    """What Redis has not stored exists only on the queue."""
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
    assert bench.figure("publish_failures_total", call="publish") == 3
    assert bench.figure("published_total") == 2


async def test_nothing_more_is_received_while_the_bus_is_away() -> None:
    """Each receive brings a message nearer to its dead-letter queue; the backlog waits in SQS."""
    bench = Bench(messages(2), messages(2), away_for=5)
    tries_at_receive: list[int] = []
    bench.queue.on_receive = lambda: tries_at_receive.append(len(bench.bus.tries))
    await bench.run()
    assert tries_at_receive == [0, 6, 7]


async def test_an_intake_without_a_bus_is_not_ready() -> None:
    """Operators and roll-outs see it, and it ends as soon as the bus is back."""
    bench = Bench(messages(1), away_for=1)
    bench.liveness.recovered("sqs")
    reasons: list[tuple[str, ...]] = []
    bench.bus.on_refusal = lambda: asyncio.get_running_loop().call_soon(
        lambda: reasons.append(bench.liveness.ready().reasons)
    )
    await bench.run()
    assert reasons == [("queue orders: bus: publishing: ConnectionError: nobody there",)]
    assert bench.liveness.ready().healthy


async def test_messages_are_kept_hidden_while_a_publish_hangs(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis may need longer for an answer than their visibility timeout lasts."""
    monkeypatch.setattr(leases, "CHECKS_PER_TIMEOUT", 1e9)
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
    """They have to come back until their dead-letter queue takes them."""
    monkeypatch.setattr(leases, "CHECKS_PER_TIMEOUT", 1e9)
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


async def test_a_message_whose_lease_ended_too_long_ago_is_not_published(clock: FakeClock) -> None:
    """After a freeze of an hour, another poller had the messages, and the bus has forgotten their ids."""
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
    """If another poller published it meanwhile it is a duplicate; giving it up would cost a receive."""
    bench = Bench(messages(2), away_for=1, dedup_seconds=600)
    bench.bus.on_refusal = lambda: clock.pass_by(30 + 299)
    await bench.run()
    assert len(bench.bus.records) == 2


async def test_on_a_fifo_queue_nothing_is_published_that_is_hidden_no_longer(clock: FakeClock) -> None:
    """SQS may have moved it to the dead-letter queue, and another poller have published the messages behind
    it.
    """
    bench = Bench(messages(2), away_for=1)
    bench.queue.fifo = True
    bench.bus.on_refusal = lambda: clock.pass_by(31)
    await bench.run()
    assert bench.bus.records == []
    assert bench.figure("returned_total") == 2


async def test_a_batch_is_given_up_whole(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its messages may be of one group: the second must not be published without the first."""
    monkeypatch.setattr(leases, "CHECKS_PER_TIMEOUT", 1e9)
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


async def test_received_messages_are_returned_at_once_when_stopping() -> None:
    """Another poller can receive them now, instead of after their visibility timeout."""
    batch = messages(2)
    bench = Bench(batch, away_for=math.inf)
    bench.bus.on_refusal = bench.stop.set
    await bench.run()
    assert bench.queue.visibility_changes == [(handles(batch), 0)]
    assert bench.queue.deleted == []
    assert bench.figure("returned_total") == 2
    assert bench.figure("in_flight") == 0


async def test_stopping_does_not_fail_where_returning_does() -> None:
    """The messages come back when their visibility timeout ends."""
    bench = Bench(messages(1), away_for=math.inf)
    bench.bus.on_refusal = bench.stop.set
    bench.queue.visibility_answers.append(THROTTLED)
    await bench.run()
    assert bench.figure("in_flight") == 0
