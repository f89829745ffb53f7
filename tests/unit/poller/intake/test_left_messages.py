"""What the intake does with messages that cannot be published, and what it reports."""

import asyncio
import logging
import math

import pytest
from tests.unit.poller.fakes import failing, handles, message, messages
from tests.unit.poller.intake.bench import Bench, assert_accounted_for

from queuecast_poller.sqs.failure import Call, Failure
from queuecast_poller.sqs.message import Message

pytestmark = pytest.mark.usefixtures("no_waiting", "clock")


def bench_of(*receives: list[Message], max_receive_count: int | None = 3, away_for: float = 0) -> Bench:
    """Return an intake of a queue whose redrive policy allows this number of receives."""
    bench = Bench(*receives, away_for=away_for)
    bench.queue.max_receive_count = max_receive_count
    return bench


async def test_a_bad_message_is_handed_back_at_once_and_its_neighbours_go_on() -> None:
    """The redrive policy moves it away after its number of receives, without waiting for visibility
    timeouts.
    """
    good, bad, other = message("1"), message("no json"), message("2")
    bench = await bench_of([good, bad, other]).run()
    assert bench.queue.visibility_changes == [(handles([bad]), 0)]
    assert bench.queue.deleted == handles([good, other])
    assert_accounted_for(bench)


async def test_a_bad_message_is_handed_back_while_redis_is_away() -> None:
    """Its fault has nothing to do with Redis, and its group need not wait for both."""
    bad = message("no json")
    bench = bench_of([message("1"), bad], away_for=math.inf)
    changed = asyncio.Event()
    bench.queue.on_change = changed.set

    async def hang() -> None:
        await changed.wait()
        bench.stop.set()

    bench.bus.before_publish = hang
    await asyncio.wait_for(bench.run(), 5)
    assert bench.queue.visibility_changes[0] == (handles([bad]), 0)


async def test_neighbours_are_published_while_sqs_takes_no_message_back() -> None:
    """A change of visibility that hangs must not delay good messages."""
    good, bad = message("1"), message("no json")
    bench = bench_of([bad, good])
    published = asyncio.Event()

    async def publish() -> None:
        published.set()

    async def hang(*_: object) -> list[object]:
        await published.wait()
        return []

    bench.bus.before_publish = publish
    bench.queue.change_visibility = hang  # type: ignore[assignment, method-assign]
    await asyncio.wait_for(bench.run(), 5)
    assert bench.queue.deleted == handles([good])


async def test_a_blocked_group_is_handed_back_with_its_bad_message() -> None:
    """All of it in one call. SQS delivers it in order, as it holds a group back until all of it is
    visible.
    """
    batch = [message("bad", group="a"), message("1", group="a"), message("2", group="b")]
    bench = await bench_of(batch).run()
    assert bench.queue.visibility_changes == [(handles(batch[:2]), 0)]
    assert [record.arguments for record in bench.bus.records] == [b"[2]"]


async def test_without_a_policy_messages_are_hidden_each_for_its_own_time() -> None:
    """One call for each timeout, as a call has one timeout for all its messages."""
    batch = [message("bad", receives=2), message("bad", receives=3), message("bad", receives=2)]
    bench = await bench_of(batch, max_receive_count=None).run()
    assert bench.queue.visibility_changes == [
        (handles([batch[0], batch[2]]), 60),
        (handles([batch[1]]), 120),
    ]


async def test_what_sqs_does_not_take_back_is_counted_and_comes_back_by_itself() -> None:
    """It comes later than it could, and nothing fails."""
    bench = bench_of([message("bad")], [message("1")])
    bench.queue.visibility_answers.append(failing(Call.VISIBILITY))
    await bench.run()
    failed = bench.figure("sqs_failures_total", call=Call.VISIBILITY, reason=Failure.SERVER_ERROR)
    assert failed == 1
    assert bench.figure("published_total") == 1


async def test_a_dead_letter_is_counted_when_it_is_left_for_the_last_time() -> None:
    """The number of bad messages is not the number of their receives."""
    bench = await bench_of([message("bad", receives=count) for count in (1, 2, 3)]).run()
    assert bench.figure("left_total", reason="not_json") == 3
    assert bench.figure("dead_letters_total", reason="not_json") == 1


async def test_one_line_says_which_message_is_left_how_often_it_came_and_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """People read the text; log collectors get each value as a JSON field."""
    bad = message("no json", receives=2, group="a")
    await bench_of([bad, message("1", group="a")]).run()
    (record,) = [each for each in caplog.records if each.name == "queuecast_poller.intake.left_messages"]
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith(f"message {bad.id} is left, receive 2 of 3: not_json: ")
    fields = {"message_id": bad.id, "receives": 2, "max_receives": 3, "reason": "not_json", "group": "a"}
    assert fields.items() <= vars(record).items()


async def test_what_only_waits_for_another_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    """Nine lines for each bad message of a group would hide the tenth. They are counted."""
    bench = await bench_of([message("bad", group="a"), *(message("1", group="a") for _ in range(9))]).run()
    assert bench.figure("left_total", reason="group_blocked") == 9
    assert len([each for each in caplog.records if each.levelno >= logging.INFO]) == 1


async def test_good_messages_change_nothing() -> None:
    """They cost no further call."""
    bench = await bench_of(messages(3)).run()
    assert bench.queue.visibility_changes == []
