import asyncio
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import FakeClock, FakeQueue, Figures, failing

from queuecast_poller import custody
from queuecast_poller.concurrency import BATCH
from queuecast_poller.custody import Custody
from queuecast_poller.failure import Call, Failed
from queuecast_poller.metrics import Metrics

TRUSTED_SECONDS = 300.0
HALF = 15.0


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


class SlowQueue(FakeQueue):
    """Lets its first change of visibility wait for `going_on`, as a slow network does."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()
        self.going_on = asyncio.Event()

    async def change_visibility(self, receipt_handles: Sequence[str], seconds: int) -> list[Failed]:
        if not self.begun.is_set():
            self.begun.set()
            await self.going_on.wait()
        return await super().change_visibility(receipt_handles, seconds)


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


def over(queue: FakeQueue, registry: CollectorRegistry) -> Custody:
    return Custody(queue, Metrics(registry).of("orders"), TRUSTED_SECONDS)


@pytest.fixture
def held(queue: FakeQueue, registry: CollectorRegistry) -> Custody:
    return over(queue, registry)


async def test_what_is_held_for_half_its_timeout_is_hidden_for_a_whole_one(
    held: Custody, queue: FakeQueue, clock: FakeClock, figure: Figures
) -> None:
    """Or it would come back to somebody else while we hold it, at the cost of one of its few receives."""
    held.take(["a", "b"])
    clock.pass_by(HALF)
    await held.extend()
    assert queue.visibility_changes == [], "half is left: a request that nobody needs"
    clock.pass_by(1)
    await held.extend()
    await held.extend()
    assert queue.visibility_changes == [(["a", "b"], 30)]
    clock.pass_by(HALF + 1)
    await held.extend()
    assert len(queue.visibility_changes) == 2
    assert figure("extended_total") == 4


async def test_extensions_are_batches_of_ten(
    held: Custody, queue: FakeQueue, clock: FakeClock, figure: Figures
) -> None:
    """SQS takes no more, and each costs a request."""
    held.take([str(number) for number in range(2 * BATCH + 5)])
    clock.pass_by(HALF + 1)
    await held.extend()
    assert [len(handles) for handles, _ in queue.visibility_changes] == [BATCH, BATCH, 5]
    assert figure("extended_total") == 25


async def test_what_was_released_is_never_extended(held: Custody, queue: FakeQueue, clock: FakeClock) -> None:
    """It is deleted, or shall come back."""
    held.take(["a", "b"])
    held.release(["a", "unknown"])
    clock.pass_by(HALF + 1)
    await held.extend()
    assert queue.visibility_changes == [(["b"], 30)]


async def test_what_is_released_while_others_are_extended_is_not(
    held: Custody, queue: FakeQueue, clock: FakeClock
) -> None:
    """With a full backlog a round takes many calls, during which deletes go on."""
    handles = [str(number) for number in range(2 * BATCH)]
    held.take(handles)
    queue.on_change = lambda: held.release(handles[1:])
    clock.pass_by(HALF + 1)
    await held.extend()
    assert queue.visibility_changes == [(handles[:BATCH], 30)]


async def test_what_is_given_back_is_visible_at_once(
    held: Custody, queue: FakeQueue, clock: FakeClock
) -> None:
    """And stays so: it is somebody else's now."""
    held.take(["a", "b"])
    await held.give_back(["a", "b"])
    clock.pass_by(HALF + 1)
    await held.extend()
    assert queue.visibility_changes == [(["a", "b"], 0)]


async def test_giving_back_comes_after_an_extension_that_is_under_way(
    registry: CollectorRegistry, clock: FakeClock
) -> None:
    """The other way round, SQS would hide for another timeout what nobody works on."""
    queue = SlowQueue()
    held = over(queue, registry)
    held.take(["a"])
    clock.pass_by(HALF + 1)
    extending = asyncio.create_task(held.extend())
    await queue.begun.wait()
    giving_back = asyncio.create_task(held.give_back(["a"]))
    await asyncio.sleep(0)
    queue.going_on.set()
    await asyncio.gather(extending, giving_back)
    assert [seconds for _, seconds in queue.visibility_changes] == [30, 0]


async def test_giving_back_does_not_fail_where_sqs_does(
    held: Custody, queue: FakeQueue, figure: Figures
) -> None:
    """They come back by themselves, later."""
    held.take(["a", "b"])
    queue.visibility_answers.extend([failing(Call.VISIBILITY), {"b"}])
    await held.give_back(["a"])
    await held.give_back(["b"])
    assert figure("sqs_failures_total", call="visibility", reason="server_error") == 2


async def test_an_extension_that_failed_is_tried_at_the_next_look(
    held: Custody, queue: FakeQueue, clock: FakeClock, figure: Figures, caplog: pytest.LogCaptureFixture
) -> None:
    """It is counted each time, and told once: the log of an outage is not a list of its seconds."""
    queue.visibility_answers.extend([failing(Call.VISIBILITY)] * 2)
    held.take(["a"])
    clock.pass_by(HALF + 1)
    for _ in range(4):
        await held.extend()
    assert len(queue.visibility_changes) == 3
    assert figure("sqs_failures_total", call="visibility", reason="server_error") == 2
    assert figure("extended_total") == 1
    assert caplog.text.count("could not be kept hidden") == 1
    queue.visibility_answers.append(failing(Call.VISIBILITY))
    clock.pass_by(HALF + 1)
    await held.extend()
    assert caplog.text.count("could not be kept hidden") == 2, "another outage is news"


async def test_an_entry_that_was_refused_is_tried_again_alone(
    held: Custody, queue: FakeQueue, clock: FakeClock, figure: Figures
) -> None:
    """HTTP 200 says nothing about the entries of a batch."""
    queue.visibility_answers.append({"b"})
    held.take(["a", "b", "c"])
    clock.pass_by(HALF + 1)
    await held.extend()
    await held.extend()
    assert queue.visibility_changes == [(["a", "b", "c"], 30), (["b"], 30)]
    assert figure("extended_total") == 3


@pytest.mark.parametrize("code", ["InvalidParameterValue", "MessageNotInflight"])
async def test_what_sqs_hides_no_longer_is_told_once_and_left_at_that(
    held: Custody,
    queue: FakeQueue,
    clock: FakeClock,
    figure: Figures,
    caplog: pytest.LogCaptureFixture,
    code: str,
) -> None:
    """Twelve hours after a receive it refuses all; that the message then comes back is harmless."""
    queue.visibility_answers.append({"a": code})
    held.take(["a", "b"])
    clock.pass_by(HALF + 1)
    await held.extend()
    clock.pass_by(HALF + 1)
    await held.extend()
    assert queue.visibility_changes == [(["a", "b"], 30), (["b"], 30)]
    assert caplog.text.count("can be hidden no longer") == 1
    assert figure("sqs_failures_total", call="visibility", reason="receipt") == 1


async def test_what_is_deleted_while_it_is_extended_is_no_news(
    held: Custody, queue: FakeQueue, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """SQS refuses to hide what is gone."""
    queue.visibility_answers.append({"a": "InvalidParameterValue"})
    held.take(["a"])
    queue.on_change = lambda: held.release(["a"])
    clock.pass_by(HALF + 1)
    await held.extend()
    assert caplog.text == ""


async def test_a_message_is_lost_when_its_visibility_is_over_for_longer_than_it_is_trusted(
    held: Custody, queue: FakeQueue, clock: FakeClock
) -> None:
    """Until then whoever publishes it second hears that it is a duplicate; later, browsers see it twice."""
    held.take(["a"])
    clock.pass_by(30 + TRUSTED_SECONDS)
    assert not held.lost(["a"])
    clock.pass_by(1)
    held.take(["b"])
    assert held.lost(["a", "b"])
    assert not held.lost(["b"])


async def test_an_extension_counts_from_when_it_was_asked_for(
    held: Custody, queue: FakeQueue, clock: FakeClock
) -> None:
    """When SQS did it is unknown; the mistake to avoid is to think that a message is hidden still."""
    held.take(["a"])
    clock.pass_by(HALF + 1)
    queue.on_change = lambda: clock.pass_by(5)
    await held.extend()
    clock.pass_by(25 + TRUSTED_SECONDS)
    assert not held.lost(["a"])
    clock.pass_by(1)
    assert held.lost(["a"])


async def test_a_timeout_of_0_is_extended_by_a_second(
    queue: FakeQueue, registry: CollectorRegistry, clock: FakeClock
) -> None:
    """SQS allows a queue that hides nothing; to extend by nothing would be to give back."""
    queue.visibility_seconds = 0
    held = over(queue, registry)
    held.take(["a"])
    clock.pass_by(1)
    await held.extend()
    assert queue.visibility_changes == [(["a"], 1)]


async def test_it_looks_again_and_again_whatever_sqs_says(
    held: Custody, queue: FakeQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage of SQS must not end what keeps messages hidden after it."""
    monkeypatch.setattr(custody, "LOOKS", 1e9)
    queue.visibility_answers.extend([failing(Call.VISIBILITY), {"a"}, {"a": "MessageNotInflight"}])
    enough = asyncio.Event()

    def changed() -> None:
        clock.pass_by(HALF + 1)
        if len(queue.visibility_changes) == 6:
            enough.set()

    queue.on_change = changed
    held.take(["a", "b"])
    clock.pass_by(HALF + 1)
    running = asyncio.create_task(held.run())
    async with asyncio.timeout(10):
        await enough.wait()
    running.cancel()
    await asyncio.wait([running])
    assert queue.visibility_changes[-1] == (["b"], 30)


async def test_a_mistake_of_our_own_ends_it(
    held: Custody, queue: FakeQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it died unseen, every outage would send messages to the dead-letter queue."""
    monkeypatch.setattr(custody, "LOOKS", 1e9)
    queue.visibility_answers.append(KeyError("bug"))
    held.take(["a"])
    clock.pass_by(HALF + 1)
    with pytest.raises(KeyError):
        await held.run()
