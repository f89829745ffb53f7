"""Messages that wait for acknowledgements: deleted, left or returned, in order, within bounds."""

import asyncio
import json
import logging

import pytest
from tests.unit.poller.intake.ack_bench import SECONDS, Bench, waiting

from queuecast_bus import Record
from queuecast_bus.awaited import FIRST_ID, LAST_ID, AckMode
from queuecast_poller.intake import ack_wait
from queuecast_poller.intake.awaiting import VISIBILITY_SHARE, divide
from queuecast_poller.judge.verdict import Reason


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


async def test_a_message_is_deleted_once_it_is_acknowledged(bench: Bench) -> None:
    """And noted before that: if the delete fails, it comes back and is not shown again."""
    bench.on_published = bench.report(2, 1)
    one = waiting()
    await bench.run([one])
    assert bench.journal == [("published", one.message.id), ("deleted", one.message.receipt_handle)]
    assert bench.bus.marks == {one.message.id}
    assert bench.figure("published_total") == bench.figure("acks_total", outcome="acknowledged") == 1
    assert bench.figure("awaited") == 0


async def test_browsers_are_told_which_message_it_is_and_whether_it_came_before(bench: Bench) -> None:
    """Behind the data, so that a page can recognise what it has done already."""
    bench.on_published = bench.report(1, 1)
    one, again = waiting(id="one"), waiting(AckMode.ALL, id="two", receives=2)
    await bench.run([one], [again])
    assert [json.loads(record.arguments) for record in bench.records] == [
        [7, {"id": "one", "ack": "any", "redelivered": False}],
        [7, {"id": "two", "ack": "all", "redelivered": True}],
    ]


async def test_a_message_that_sqs_hands_out_twice_at_once_is_marked_too(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQS may count each as the first receive. How many are remembered is bounded."""
    monkeypatch.setattr(ack_wait, "TRIED", 1)
    bench.on_published = bench.report(1, 0)
    await bench.run([waiting(id="one")], [waiting(id="one")], [waiting(id="two")])
    marks = [json.loads(record.arguments)[1] for record in bench.records]
    assert sorted((meta["id"], meta["redelivered"]) for meta in marks) == [
        ("one", False),
        ("one", True),
        ("two", False),
    ]
    assert bench.awaiting._wait._tried.keys() == {"two"}


async def test_each_try_has_an_id_of_its_own(bench: Bench) -> None:
    """What is known of a message must not keep its next try from being stored."""
    bench.on_published = bench.report(1, 0)
    one = waiting()
    await bench.run([one], [one])
    first, second = (record.ack for record in bench.records)
    assert first is not None
    assert second is not None
    assert first.ack_id != second.ack_id
    assert all(FIRST_ID <= wanted.ack_id <= LAST_ID for wanted in (first, second))
    assert bench.dedup_ids == [f"{one.message.id}/{wanted.ack_id}" for wanted in (first, second)]
    assert first.limit_ms == 1000 * SECONDS


async def test_browsers_have_less_time_than_the_message_is_hidden(bench: Bench) -> None:
    """If its poller is killed, nobody is acknowledging it still when it comes back."""
    bench.queue.visibility_seconds = 5
    await bench.run([waiting()])
    (record,) = bench.records
    assert record.ack is not None
    assert record.ack.limit_ms == 1000 * VISIBILITY_SHARE * 5


async def test_a_message_that_nobody_acknowledges_is_left(bench: Bench) -> None:
    """For another try; the log says how many were there."""
    bench.on_published = bench.report(2, 0)
    before = bench.clock.now
    await bench.run([waiting()])
    assert bench.clock.now - before >= SECONDS
    (leave,) = bench.left
    assert (leave.reason, leave.permanent) == (Reason.UNANSWERED, False)
    assert "0 of 2 browsers" in leave.detail
    assert bench.figure("acks_total", outcome="unanswered") == 1
    assert bench.bus.marks == set()


async def test_a_message_for_nobody_is_left_at_once(bench: Bench) -> None:
    """Without waiting for answers that cannot come, as soon as every gateway has said so."""
    bench.bus.gateways = {"a": "0-0", "b": "0-0", "later": "5-0"}

    def both(record: Record) -> None:
        bench.report(0, 0)(record)
        bench.report(0, 0, replica="b")(record)

    bench.on_published = both
    before = bench.clock.now
    await bench.run([waiting()])
    assert bench.clock.now - before < SECONDS
    assert [leave.reason for leave in bench.left] == [Reason.NOBODY_THERE]


async def test_a_message_that_was_acknowledged_before_is_only_deleted(bench: Bench) -> None:
    """The poller was killed, or SQS refused to delete it."""
    one = waiting(receives=2)
    bench.bus.marks.add(one.message.id)
    await bench.run([one])
    assert bench.journal == [("deleted", one.message.receipt_handle)]
    assert bench.figure("duplicates_total") == 1


async def test_a_mark_that_cannot_be_made_does_not_keep_the_message(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """It is acknowledged. Only if it cannot be deleted either is it shown again."""

    def answer_and_go(record: Record) -> None:
        bench.report(1, 1)(record)

    async def gone(message_id: str, seconds: float) -> None:
        bench.bus.is_away = True
        bench.bus._fail_if_away()

    bench.on_published = answer_and_go
    bench.bus.mark = gone  # type: ignore[method-assign]
    with caplog.at_level(logging.WARNING):
        await bench.run([waiting()])
    assert [verb for verb, _ in bench.journal] == ["published", "deleted"]
    assert "is shown once more" in caplog.text


async def test_while_nothing_can_be_read_a_message_waits(bench: Bench) -> None:
    """A receive is worth more than time: what was acknowledged is in Redis, and counts when it is back."""

    def answer_unread(record: Record) -> None:
        bench.report(1, 1)(record)
        bench.bus.is_away = True

    bench.on_published = answer_unread
    running = asyncio.create_task(bench.run([waiting()]))
    until = bench.clock.now + 3 * SECONDS
    while bench.clock.now < until:  # noqa: ASYNC110  # the clock moves with each turn
        await asyncio.sleep(0)
    assert not running.done()
    assert [verb for verb, _ in bench.journal] == ["published"]
    bench.bus.is_away = False
    await running
    assert [verb for verb, _ in bench.journal] == ["published", "deleted"]


async def test_a_group_goes_on_one_by_one(bench: Bench) -> None:
    """The next is published when the one before is acknowledged, whether it waits itself or not."""
    bench.on_published = bench.report(1, 1)
    group = [waiting(group="g"), waiting(None, group="g"), waiting(AckMode.ALL, group="g")]
    await bench.run(group)
    ids = [("published", each.message.id) for each in group]
    handles = [("deleted", each.message.receipt_handle) for each in group]
    assert bench.journal == [ids[0], handles[0], ids[1], ids[2], handles[2]]


async def test_a_group_waits_for_a_message_that_comes_back(bench: Bench) -> None:
    """What is behind it must not overtake it."""
    bench.on_published = bench.report(1, 0)
    first, second = waiting(group="g"), waiting(None, group="g")
    await bench.run([first, second])
    assert [(leave.message.id, leave.reason) for leave in bench.left] == [
        (first.message.id, Reason.UNANSWERED),
        (second.message.id, Reason.GROUP_BLOCKED),
    ]
    assert ("published", second.message.id) not in bench.journal


async def test_a_group_goes_on_after_the_last_receive_of_its_first(bench: Bench) -> None:
    """SQS moves that one to the dead-letter queue; the others would go with it."""
    bench.queue.max_receive_count = 3
    bench.on_published = bench.report(1, 0)
    first, second = waiting(group="g", receives=3), waiting(None, group="g", receives=3)
    await bench.run([first, second])
    assert [leave.message.id for leave in bench.left] == [first.message.id]
    assert ("published", second.message.id) in bench.journal


async def test_a_poller_that_stops_returns_what_is_not_acknowledged(bench: Bench) -> None:
    """Another one shows it again, marked; nothing is published any more."""
    bench.on_published = lambda record: bench.stop.set()
    first, second = waiting(group="g"), waiting(group="g")
    await bench.run([first, second])
    handles = [each.message.receipt_handle for each in (first, second)]
    assert bench.journal == [("published", first.message.id), *(("returned", handle) for handle in handles)]
    assert bench.figure("acks_total", outcome="returned") == 1


async def test_a_poller_that_stops_publishes_nothing(bench: Bench) -> None:
    """It could not wait for the acknowledgements."""
    bench.stop.set()
    one = waiting()
    await bench.run([one])
    assert bench.journal == [("returned", one.message.receipt_handle)]


async def test_a_message_that_cannot_be_stored_is_returned(bench: Bench) -> None:
    """Its lease is lost, or the poller stops while Redis is away."""
    bench.is_redis_away = True
    one = waiting()
    await bench.run([one])
    assert bench.journal == [("returned", one.message.receipt_handle)]


async def test_receiving_waits_while_too_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest waits in SQS, and the intake is not stuck meanwhile."""
    bench = Bench(monkeypatch, max_awaited=2)
    most = 0

    def note(record: Record) -> None:
        nonlocal most
        most = max(most, int(bench.figure("awaited")))
        bench.report(1, 1)(record)

    bench.on_published = note
    await bench.run(*([waiting()] for _ in range(6)))
    assert bench.figure("acks_total", outcome="acknowledged") == 6
    assert most == 2
    assert bench.ticks


def test_messages_are_divided() -> None:
    """Others pass at once; on a FIFO queue those of the same group stay with the one that waits."""
    one, two, other = waiting(), waiting(AckMode.ALL), waiting(None)
    assert divide([one, other, two]) == ([[one], [two]], [other])
    assert divide([other]) == ((), [other])
    before, first, behind, free = (
        waiting(mode, group=group)
        for mode, group in [(None, "g"), (AckMode.ANY, "g"), (None, "g"), (None, "h")]
    )
    assert divide([before, first, free, behind]) == ([[before, first, behind]], [free])
