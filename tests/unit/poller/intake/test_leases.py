import asyncio
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import FakeClock, Figures
from tests.unit.poller.fakes import FakeQueue, failing

from queuecast_poller.intake import leases as leases_module
from queuecast_poller.intake.leases import Leases
from queuecast_poller.metrics import Metrics
from queuecast_poller.sqs.failure import Call, Failed
from queuecast_poller.sqs.message import BATCH

TRUSTED_SECONDS = 300.0
HALF = 15.0


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(leases_module, "time", clock)
    return clock


class SlowQueue(FakeQueue):
    """Its first change of visibility waits for `going_on`, as in a slow network."""

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


def leases_of(queue: FakeQueue, registry: CollectorRegistry) -> Leases:
    return Leases(queue, Metrics(registry).for_queue("orders"), TRUSTED_SECONDS)


@pytest.fixture
def leases(queue: FakeQueue, registry: CollectorRegistry) -> Leases:
    return leases_of(queue, registry)


async def test_a_lease_is_extended_after_half_its_timeout(
    leases: Leases, queue: FakeQueue, clock: FakeClock, figure: Figures
) -> None:
    """Otherwise it would come back to another poller, and use up one of its few receives."""
    leases.add(["a", "b"])
    clock.pass_by(HALF)
    await leases.extend()
    assert queue.visibility_changes == [], "half is left: a request that nobody needs"
    clock.pass_by(1)
    await leases.extend()
    await leases.extend()
    assert queue.visibility_changes == [(["a", "b"], 30)]
    clock.pass_by(HALF + 1)
    await leases.extend()
    assert len(queue.visibility_changes) == 2
    assert figure("extended_total") == 4


async def test_extensions_are_batches_of_ten(
    leases: Leases, queue: FakeQueue, clock: FakeClock, figure: Figures
) -> None:
    """SQS accepts no more, and each call costs a request."""
    leases.add([str(number) for number in range(2 * BATCH + 5)])
    clock.pass_by(HALF + 1)
    await leases.extend()
    assert [len(handles) for handles, _ in queue.visibility_changes] == [BATCH, BATCH, 5]
    assert figure("extended_total") == 25


async def test_what_was_released_is_never_extended(
    leases: Leases, queue: FakeQueue, clock: FakeClock
) -> None:
    """It is deleted, or has to come back."""
    leases.add(["a", "b"])
    leases.release(["a", "unknown"])
    clock.pass_by(HALF + 1)
    await leases.extend()
    assert queue.visibility_changes == [(["b"], 30)]


async def test_what_is_released_while_others_are_extended_is_not(
    leases: Leases, queue: FakeQueue, clock: FakeClock
) -> None:
    """With a full backlog a round takes many calls, during which deletes go on."""
    handles = [str(number) for number in range(2 * BATCH)]
    leases.add(handles)
    queue.on_change = lambda: leases.release(handles[1:])
    clock.pass_by(HALF + 1)
    await leases.extend()
    assert queue.visibility_changes == [(handles[:BATCH], 30)]


async def test_what_is_given_back_is_visible_at_once(
    leases: Leases, queue: FakeQueue, clock: FakeClock
) -> None:
    """And it stays visible: another poller may have it."""
    leases.add(["a", "b"])
    await leases.give_back(["a", "b"])
    clock.pass_by(HALF + 1)
    await leases.extend()
    assert queue.visibility_changes == [(["a", "b"], 0)]


async def test_giving_back_comes_after_an_extension_that_is_under_way(
    registry: CollectorRegistry, clock: FakeClock
) -> None:
    """In the other order, SQS would hide it for another timeout although nobody works on it."""
    queue = SlowQueue()
    leases = leases_of(queue, registry)
    leases.add(["a"])
    clock.pass_by(HALF + 1)
    extending = asyncio.create_task(leases.extend())
    await queue.begun.wait()
    giving_back = asyncio.create_task(leases.give_back(["a"]))
    await asyncio.sleep(0)
    queue.going_on.set()
    await asyncio.gather(extending, giving_back)
    assert [seconds for _, seconds in queue.visibility_changes] == [30, 0]


async def test_giving_back_does_not_fail_where_sqs_does(
    leases: Leases, queue: FakeQueue, figure: Figures
) -> None:
    """The messages come back when their visibility timeout ends."""
    leases.add(["a", "b"])
    queue.visibility_answers.extend([failing(Call.VISIBILITY), {"b"}])
    await leases.give_back(["a"])
    await leases.give_back(["b"])
    assert figure("sqs_failures_total", call="visibility", reason="server_error") == 2


async def test_an_extension_that_failed_is_tried_at_the_next_check(
    leases: Leases, queue: FakeQueue, clock: FakeClock, figure: Figures, caplog: pytest.LogCaptureFixture
) -> None:
    """Each failure is counted and the first is logged: an outage must not fill the log."""
    queue.visibility_answers.extend([failing(Call.VISIBILITY)] * 2)
    leases.add(["a"])
    clock.pass_by(HALF + 1)
    for _ in range(4):
        await leases.extend()
    assert len(queue.visibility_changes) == 3
    assert figure("sqs_failures_total", call="visibility", reason="server_error") == 2
    assert figure("extended_total") == 1
    assert caplog.text.count("could not be kept hidden") == 1
    queue.visibility_answers.append(failing(Call.VISIBILITY))
    clock.pass_by(HALF + 1)
    await leases.extend()
    assert caplog.text.count("could not be kept hidden") == 2, "another outage is news"


async def test_an_entry_that_was_refused_is_tried_again_alone(
    leases: Leases, queue: FakeQueue, clock: FakeClock, figure: Figures
) -> None:
    """HTTP 200 says nothing about the entries of a batch."""
    queue.visibility_answers.append({"b"})
    leases.add(["a", "b", "c"])
    clock.pass_by(HALF + 1)
    await leases.extend()
    await leases.extend()
    assert queue.visibility_changes == [(["a", "b", "c"], 30), (["b"], 30)]
    assert figure("extended_total") == 3


@pytest.mark.parametrize("code", ["InvalidParameterValue", "MessageNotInflight"])
async def test_a_finally_refused_extension_is_logged_once_and_not_tried_again(
    leases: Leases,
    queue: FakeQueue,
    clock: FakeClock,
    figure: Figures,
    caplog: pytest.LogCaptureFixture,
    code: str,
) -> None:
    """Twelve hours after a receive SQS refuses all extensions. That the message then comes back is
    harmless.
    """
    queue.visibility_answers.append({"a": code})
    leases.add(["a", "b"])
    clock.pass_by(HALF + 1)
    await leases.extend()
    clock.pass_by(HALF + 1)
    await leases.extend()
    assert queue.visibility_changes == [(["a", "b"], 30), (["b"], 30)]
    assert caplog.text.count("cannot be kept hidden any longer") == 1
    assert figure("sqs_failures_total", call="visibility", reason="receipt") == 1


async def test_what_is_deleted_while_it_is_extended_is_no_news(
    leases: Leases, queue: FakeQueue, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """SQS refuses to hide a deleted message."""
    queue.visibility_answers.append({"a": "InvalidParameterValue"})
    leases.add(["a"])
    queue.on_change = lambda: leases.release(["a"])
    clock.pass_by(HALF + 1)
    await leases.extend()
    assert caplog.text == ""


async def test_a_message_is_lost_when_its_visibility_is_over_for_longer_than_it_is_trusted(
    leases: Leases, queue: FakeQueue, clock: FakeClock
) -> None:
    """Until then a second publish is a duplicate; later, browsers would see it twice."""
    leases.add(["a"])
    clock.pass_by(30 + TRUSTED_SECONDS)
    assert not leases.lost(["a"])
    clock.pass_by(1)
    leases.add(["b"])
    assert leases.lost(["a", "b"])
    assert not leases.lost(["b"])


async def test_an_extension_counts_from_its_request(
    leases: Leases, queue: FakeQueue, clock: FakeClock
) -> None:
    """When SQS applied it is unknown, and a message must not be taken for hidden when it is not."""
    leases.add(["a"])
    clock.pass_by(HALF + 1)
    queue.on_change = lambda: clock.pass_by(5)
    await leases.extend()
    clock.pass_by(25 + TRUSTED_SECONDS)
    assert not leases.lost(["a"])
    clock.pass_by(1)
    assert leases.lost(["a"])


async def test_a_timeout_of_0_is_extended_by_a_second(
    queue: FakeQueue, registry: CollectorRegistry, clock: FakeClock
) -> None:
    """SQS allows a queue that hides nothing; extending by 0 would give the message back."""
    queue.visibility_seconds = 0
    leases = leases_of(queue, registry)
    leases.add(["a"])
    clock.pass_by(1)
    await leases.extend()
    assert queue.visibility_changes == [(["a"], 1)]


async def test_it_goes_on_checking_whatever_sqs_answers(
    leases: Leases, queue: FakeQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an outage of SQS, messages must be kept hidden again."""
    monkeypatch.setattr(leases_module, "CHECKS_PER_TIMEOUT", 1e9)
    queue.visibility_answers.extend([failing(Call.VISIBILITY), {"a"}, {"a": "MessageNotInflight"}])
    enough = asyncio.Event()

    def changed() -> None:
        clock.pass_by(HALF + 1)
        if len(queue.visibility_changes) == 6:
            enough.set()

    queue.on_change = changed
    leases.add(["a", "b"])
    clock.pass_by(HALF + 1)
    running = asyncio.create_task(leases.run())
    async with asyncio.timeout(10):
        await enough.wait()
    running.cancel()
    await asyncio.wait([running])
    assert queue.visibility_changes[-1] == (["b"], 30)


async def test_a_mistake_of_our_own_ends_it(
    leases: Leases, queue: FakeQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it ended unnoticed, the messages would come back."""
    monkeypatch.setattr(leases_module, "CHECKS_PER_TIMEOUT", 1e9)
    queue.visibility_answers.append(KeyError("bug"))
    leases.add(["a"])
    clock.pass_by(HALF + 1)
    with pytest.raises(KeyError):
        await leases.run()
