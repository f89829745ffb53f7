import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import FakeClock, FakeQueue, Figures, Refusals, failing

from queuecast_poller import custody, settlement
from queuecast_poller.concurrency import BATCH
from queuecast_poller.custody import Custody
from queuecast_poller.failure import Call
from queuecast_poller.metrics import Metrics, QueueMetrics
from queuecast_poller.settlement import BACKLOG, TRIES, Settlement


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settlement, "jittered", lambda attempt: 0)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(custody, "time", clock)
    return clock


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def figure(registry: CollectorRegistry) -> Figures:
    return Figures(registry, "queuecast_poller", queue="orders")


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> QueueMetrics:
    return Metrics(registry).of("orders")


@pytest.fixture
def held(queue: FakeQueue, metrics: QueueMetrics) -> Custody:
    return Custody(queue, metrics, 0.0)


@pytest.fixture
def settling(queue: FakeQueue, held: Custody, metrics: QueueMetrics) -> Settlement:
    return Settlement(queue, held, metrics)


@asynccontextmanager
async def running(settling: Settlement) -> AsyncIterator[None]:
    """Run it, and have it finished at the end of the block."""
    task = asyncio.create_task(settling.run())
    yield
    await settling.drain()
    task.cancel()
    await asyncio.wait([task])


async def test_what_is_settled_is_deleted(settling: Settlement, queue: FakeQueue, figure: Figures) -> None:
    """Or it would come back."""
    async with running(settling):
        await settling.settle(["a", "b"])
    assert sorted(queue.deleted) == ["a", "b"]
    assert figure("deleted_total") == 2


async def test_deletes_fill_up_across_receives(settling: Settlement, queue: FakeQueue) -> None:
    """Ten for one request: a queue of single messages would otherwise cost ten times as many."""
    for number in range(2 * BATCH):
        await settling.settle([str(number)])
    async with running(settling):
        pass
    assert [len(call) for call in queue.deletes] == [BATCH, BATCH]


async def test_a_batch_waits_a_little_for_company(
    settling: Settlement, queue: FakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten single messages in a row are one request, and nobody waits for the delete."""
    async with asyncio.TaskGroup() as tasks:
        deleting = tasks.create_task(settling.run())
        for number in range(BATCH):
            await settling.settle([str(number)])
            await asyncio.sleep(0)
        await settling._waiting.join()
        deleting.cancel()
    assert [len(call) for call in queue.deletes] == [BATCH]


async def test_a_single_message_is_deleted_when_no_company_came(
    queue: FakeQueue, held: Custody, metrics: QueueMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delete that waits is a message that may come back."""
    monkeypatch.setattr(settlement, "FILL_SECONDS", 0.001)
    settling = Settlement(queue, held, metrics)
    deleting = asyncio.create_task(settling.run())
    await settling.settle(["a"])
    await settling._waiting.join()
    deleting.cancel()
    assert queue.deletes == [["a"]]


async def test_a_poller_that_ends_waits_for_no_company(
    queue: FakeQueue, held: Custody, metrics: QueueMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has less than half a minute, and nothing comes any more."""
    monkeypatch.setattr(settlement, "FILL_SECONDS", 1_000.0)
    settling = Settlement(queue, held, metrics)
    async with running(settling):
        await settling.settle(["a"])
        while settling._filling is None:  # noqa: ASYNC110  it is about to
            await asyncio.sleep(0)
    assert queue.deletes == [["a"]]


async def test_a_fifo_queue_is_not_kept_waiting(
    queue: FakeQueue, held: Custody, metrics: QueueMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hands out no more of a group until what came before is deleted."""
    monkeypatch.setattr(settlement, "FILL_SECONDS", 1_000.0)
    queue.fifo = True
    settling = Settlement(queue, held, metrics)
    deleting = asyncio.create_task(settling.run())
    await settling.settle(["a"])
    await settling._waiting.join()
    deleting.cancel()
    assert queue.deletes == [["a"]]


async def test_a_refused_entry_is_tried_again_alone(
    settling: Settlement, queue: FakeQueue, figure: Figures
) -> None:
    """HTTP 200 says nothing about the entries of a batch."""
    queue.delete_answers.append({"b"})
    await settling.settle(["a", "b", "c"])
    async with running(settling):
        pass
    assert queue.deletes == [["a", "b", "c"], ["b"]]
    assert figure("deleted_total") == 3
    assert figure("delete_failures_total") == 0


async def test_a_failed_call_is_tried_again_whole(
    settling: Settlement, queue: FakeQueue, figure: Figures
) -> None:
    """SQS throttles, connections break; none of it is a reason for a redelivery."""
    queue.delete_answers.append(failing(Call.DELETE))
    await settling.settle(["a", "b"])
    async with running(settling):
        pass
    assert queue.deletes == [["a", "b"], ["a", "b"]]
    assert figure("deleted_total") == 2
    assert figure("sqs_failures_total", call="delete", reason="server_error") == 1


@pytest.mark.parametrize("code", ["ReceiptHandleIsInvalid", "InvalidParameterValue"])
async def test_an_entry_that_can_only_fail_again_is_given_up_at_once(
    settling: Settlement,
    queue: FakeQueue,
    figure: Figures,
    code: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A FIFO queue refuses a handle whose visibility is over, however often it is asked."""
    queue.delete_answers.append({"b": code})
    await settling.settle(["a", "b", "c"])
    async with running(settling):
        pass
    assert queue.deletes == [["a", "b", "c"]]
    assert figure("deleted_total") == 2
    assert figure("delete_failures_total") == 1
    assert figure("sqs_failures_total", call="delete", reason="receipt") == 1
    assert code in caplog.text


async def test_a_message_is_kept_hidden_until_it_is_deleted(
    settling: Settlement, held: Custody, queue: FakeQueue, clock: FakeClock
) -> None:
    """In a full backlog it waits; to come back meanwhile would cost it a receive."""
    held.take(["a", "b"])
    await settling.settle(["a", "b"])
    clock.pass_by(16)
    await held.extend()
    assert queue.visibility_changes == [(["a", "b"], 30)]
    async with running(settling):
        pass
    clock.pass_by(16)
    await held.extend()
    assert len(queue.visibility_changes) == 1


async def test_a_message_is_kept_hidden_between_two_tries_to_delete_it(
    settling: Settlement, held: Custody, queue: FakeQueue, clock: FakeClock
) -> None:
    """What was deleted beside it is not."""
    held.take(["a", "b"])
    extending: list[asyncio.Task[None]] = []

    def second_try() -> None:
        if len(queue.deletes) == 2:
            clock.pass_by(16)
            extending.append(asyncio.create_task(held.extend()))

    queue.on_delete = second_try
    queue.delete_answers.append({"a"})
    await settling.settle(["a", "b"])
    async with running(settling):
        pass
    await asyncio.gather(*extending)
    assert queue.visibility_changes == [(["a"], 30)]


@pytest.mark.parametrize("answer", [{"a"}, {"a": "ReceiptHandleIsInvalid"}, failing(Call.DELETE)])
async def test_what_was_given_up_is_hidden_no_longer(
    settling: Settlement,
    held: Custody,
    queue: FakeQueue,
    clock: FakeClock,
    answer: Refusals | Exception,
) -> None:
    """It must come back to be deleted."""
    queue.delete_answers.extend([answer] * TRIES)
    held.take(["a"])
    await settling.settle(["a"])
    async with running(settling):
        pass
    clock.pass_by(16)
    await held.extend()
    assert queue.visibility_changes == []


@pytest.mark.parametrize("answer", [{"a"}, failing(Call.DELETE)])
async def test_what_cannot_be_deleted_is_given_up_and_counted(
    settling: Settlement, queue: FakeQueue, figure: Figures, answer: set[str] | Exception
) -> None:
    """It comes back as a duplicate and is deleted then; it must not hold up the others."""
    queue.delete_answers.extend([answer] * TRIES)
    async with running(settling):
        await settling.settle(["a"])
        await settling.drain()
        await settling.settle(["b"])
    assert queue.deletes == [["a"]] * TRIES + [["b"]]
    assert figure("delete_failures_total") == 1
    assert figure("deleted_total") == 1


async def test_a_full_backlog_holds_up_the_intake(settling: Settlement, queue: FakeQueue) -> None:
    """Everything that can grow has a bound."""
    await settling.settle([str(number) for number in range(BACKLOG)])
    more = asyncio.create_task(settling.settle(["one too many"]))
    await asyncio.sleep(0)
    assert not more.done()
    async with running(settling):
        await more
    assert "one too many" in queue.deleted


async def test_a_mistake_of_our_own_ends_it(settling: Settlement, queue: FakeQueue) -> None:
    """A deleter that died unseen would leave every message to come back."""
    queue.delete_answers.append(KeyError("bug"))
    await settling.settle(["a"])
    with pytest.raises(ExceptionGroup) as caught:
        await settling.run()
    assert caught.group_contains(KeyError)
