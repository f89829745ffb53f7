import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import FakeClock, Figures
from tests.unit.poller.fakes import FakeQueue, Refusals, failing

from queuecast_poller.intake import acknowledger as acknowledger_module
from queuecast_poller.intake import leases as leases_module
from queuecast_poller.intake.acknowledger import BACKLOG, TRIES, Acknowledger
from queuecast_poller.intake.leases import Leases
from queuecast_poller.metrics import Metrics, QueueMetrics
from queuecast_poller.sqs.failure import Call
from queuecast_poller.sqs.message import BATCH


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acknowledger_module, "jittered", lambda attempt: 0)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(leases_module, "time", clock)
    return clock


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> QueueMetrics:
    return Metrics(registry).for_queue("orders")


@pytest.fixture
def leases(queue: FakeQueue, metrics: QueueMetrics) -> Leases:
    return Leases(queue, metrics, 0.0)


@pytest.fixture
def acknowledger(queue: FakeQueue, leases: Leases, metrics: QueueMetrics) -> Acknowledger:
    return Acknowledger(queue, leases, metrics)


@asynccontextmanager
async def running(acknowledger: Acknowledger) -> AsyncIterator[None]:
    """Run it, and finish its work at the end of the block."""
    task = asyncio.create_task(acknowledger.run())
    yield
    await acknowledger.drain()
    task.cancel()
    await asyncio.wait([task])


async def test_acknowledged_messages_are_deleted(
    acknowledger: Acknowledger, queue: FakeQueue, figure: Figures
) -> None:
    """Otherwise they would come back."""
    async with running(acknowledger):
        await acknowledger.acknowledge(["a", "b"])
    assert sorted(queue.deleted) == ["a", "b"]
    assert figure("deleted_total") == 2


async def test_deletes_fill_up_across_receives(acknowledger: Acknowledger, queue: FakeQueue) -> None:
    """Ten messages in a request: a queue of single messages would otherwise cost ten times as much."""
    for number in range(2 * BATCH):
        await acknowledger.acknowledge([str(number)])
    async with running(acknowledger):
        pass
    assert [len(call) for call in queue.deletes] == [BATCH, BATCH]


async def test_a_batch_waits_a_little_for_more_messages(
    acknowledger: Acknowledger, queue: FakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten single messages in a row become one request, and nothing waits for the delete."""
    async with asyncio.TaskGroup() as tasks:
        deleting = tasks.create_task(acknowledger.run())
        for number in range(BATCH):
            await acknowledger.acknowledge([str(number)])
            await asyncio.sleep(0)
        await acknowledger._waiting.join()
        deleting.cancel()
    assert [len(call) for call in queue.deletes] == [BATCH]


async def test_a_single_message_is_deleted_when_no_others_come(
    queue: FakeQueue, leases: Leases, metrics: QueueMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message whose delete waits may come back."""
    monkeypatch.setattr(acknowledger_module, "FILL_SECONDS", 0.001)
    acknowledger = Acknowledger(queue, leases, metrics)
    deleting = asyncio.create_task(acknowledger.run())
    await acknowledger.acknowledge(["a"])
    await acknowledger._waiting.join()
    deleting.cancel()
    assert queue.deletes == [["a"]]


async def test_a_poller_that_stops_does_not_wait_for_full_batches(
    queue: FakeQueue, leases: Leases, metrics: QueueMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has less than half a minute, and no more messages come."""
    monkeypatch.setattr(acknowledger_module, "FILL_SECONDS", 1_000.0)
    acknowledger = Acknowledger(queue, leases, metrics)
    async with running(acknowledger):
        await acknowledger.acknowledge(["a"])
        while acknowledger._filling is None:  # noqa: ASYNC110  it is about to
            await asyncio.sleep(0)
    assert queue.deletes == [["a"]]


async def test_a_fifo_queue_is_not_kept_waiting(
    queue: FakeQueue, leases: Leases, metrics: QueueMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It delivers no more of a group until the messages before are deleted."""
    monkeypatch.setattr(acknowledger_module, "FILL_SECONDS", 1_000.0)
    queue.fifo = True
    acknowledger = Acknowledger(queue, leases, metrics)
    deleting = asyncio.create_task(acknowledger.run())
    await acknowledger.acknowledge(["a"])
    await acknowledger._waiting.join()
    deleting.cancel()
    assert queue.deletes == [["a"]]


async def test_a_refused_entry_is_tried_again_alone(
    acknowledger: Acknowledger, queue: FakeQueue, figure: Figures
) -> None:
    """HTTP 200 says nothing about the entries of a batch."""
    queue.delete_answers.append({"b"})
    await acknowledger.acknowledge(["a", "b", "c"])
    async with running(acknowledger):
        pass
    assert queue.deletes == [["a", "b", "c"], ["b"]]
    assert figure("deleted_total") == 3
    assert figure("delete_failures_total") == 0


async def test_a_failed_call_is_tried_again_whole(
    acknowledger: Acknowledger, queue: FakeQueue, figure: Figures
) -> None:
    """SQS throttles and connections break; neither is a reason for a redelivery."""
    queue.delete_answers.append(failing(Call.DELETE))
    await acknowledger.acknowledge(["a", "b"])
    async with running(acknowledger):
        pass
    assert queue.deletes == [["a", "b"], ["a", "b"]]
    assert figure("deleted_total") == 2
    assert figure("sqs_failures_total", call="delete", reason="server_error") == 1


@pytest.mark.parametrize("code", ["ReceiptHandleIsInvalid", "InvalidParameterValue"])
async def test_an_entry_that_can_only_fail_again_is_given_up_at_once(
    acknowledger: Acknowledger,
    queue: FakeQueue,
    figure: Figures,
    code: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A FIFO queue refuses a handle whose visibility timeout has ended, however often it is tried."""
    queue.delete_answers.append({"b": code})
    await acknowledger.acknowledge(["a", "b", "c"])
    async with running(acknowledger):
        pass
    assert queue.deletes == [["a", "b", "c"]]
    assert figure("deleted_total") == 2
    assert figure("delete_failures_total") == 1
    assert figure("sqs_failures_total", call="delete", reason="receipt") == 1
    assert code in caplog.text


async def test_a_message_is_kept_hidden_until_it_is_deleted(
    acknowledger: Acknowledger, leases: Leases, queue: FakeQueue, clock: FakeClock
) -> None:
    """It may wait in a full backlog, and coming back would cost it a receive."""
    leases.add(["a", "b"])
    await acknowledger.acknowledge(["a", "b"])
    clock.pass_by(16)
    await leases.extend()
    assert queue.visibility_changes == [(["a", "b"], 30)]
    async with running(acknowledger):
        pass
    clock.pass_by(16)
    await leases.extend()
    assert len(queue.visibility_changes) == 1


async def test_a_message_is_kept_hidden_between_two_tries_to_delete_it(
    acknowledger: Acknowledger, leases: Leases, queue: FakeQueue, clock: FakeClock
) -> None:
    """Those that were deleted in the same batch are not."""
    leases.add(["a", "b"])
    extending: list[asyncio.Task[None]] = []

    def second_try() -> None:
        if len(queue.deletes) == 2:
            clock.pass_by(16)
            extending.append(asyncio.create_task(leases.extend()))

    queue.on_delete = second_try
    queue.delete_answers.append({"a"})
    await acknowledger.acknowledge(["a", "b"])
    async with running(acknowledger):
        pass
    await asyncio.gather(*extending)
    assert queue.visibility_changes == [(["a"], 30)]


@pytest.mark.parametrize("answer", [{"a"}, {"a": "ReceiptHandleIsInvalid"}, failing(Call.DELETE)])
async def test_what_was_given_up_is_hidden_no_longer(
    acknowledger: Acknowledger,
    leases: Leases,
    queue: FakeQueue,
    clock: FakeClock,
    answer: Refusals | Exception,
) -> None:
    """It has to come back to be deleted."""
    queue.delete_answers.extend([answer] * TRIES)
    leases.add(["a"])
    await acknowledger.acknowledge(["a"])
    async with running(acknowledger):
        pass
    clock.pass_by(16)
    await leases.extend()
    assert queue.visibility_changes == []


@pytest.mark.parametrize("answer", [{"a"}, failing(Call.DELETE)])
async def test_what_cannot_be_deleted_is_given_up_and_counted(
    acknowledger: Acknowledger, queue: FakeQueue, figure: Figures, answer: set[str] | Exception
) -> None:
    """It comes back as a duplicate and is deleted then; the others must not wait for it."""
    queue.delete_answers.extend([answer] * TRIES)
    async with running(acknowledger):
        await acknowledger.acknowledge(["a"])
        await acknowledger.drain()
        await acknowledger.acknowledge(["b"])
    assert queue.deletes == [["a"]] * TRIES + [["b"]]
    assert figure("delete_failures_total") == 1
    assert figure("deleted_total") == 1


async def test_a_full_backlog_holds_up_the_intake(acknowledger: Acknowledger, queue: FakeQueue) -> None:
    """Everything that can grow has a bound."""
    await acknowledger.acknowledge([str(number) for number in range(BACKLOG)])
    more = asyncio.create_task(acknowledger.acknowledge(["one too many"]))
    await asyncio.sleep(0)
    assert not more.done()
    async with running(acknowledger):
        await more
    assert "one too many" in queue.deleted


async def test_a_mistake_of_our_own_ends_it(acknowledger: Acknowledger, queue: FakeQueue) -> None:
    """If it ended unnoticed, the messages would come back."""
    queue.delete_answers.append(KeyError("bug"))
    await acknowledger.acknowledge(["a"])
    with pytest.raises(ExceptionGroup) as caught:
        await acknowledger.run()
    assert caught.group_contains(KeyError)
