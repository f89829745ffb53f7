"""What operators are told of a queue, while somebody looks."""

import json
import logging
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import FakeBus
from tests.unit.poller.fakes import FakeQueue, message

from queuecast_bus import Record
from queuecast_bus.awaited import AckMode
from queuecast_poller.intake.left_messages import DETAIL, RECENT, LeftMessages
from queuecast_poller.intake.queue_report import QueueReport
from queuecast_poller.intake.recent_waits import RECENT as RECENT_WAITS
from queuecast_poller.intake.recent_waits import RecentWaits, WaitState
from queuecast_poller.judge.verdict import Leave, Publish, Reason
from queuecast_poller.metrics import Metrics
from queuecast_poller.sqs.failure import Call, Failure, QueueUnavailable
from queuecast_poller.sqs.queue import Backlog


class Bench:
    def __init__(self) -> None:
        self.bus: Any = FakeBus()
        self.queue = FakeQueue()
        self.left = LeftMessages()
        self.now = 0.0
        self.waits = RecentWaits(lambda: self.now)
        self.metrics = Metrics(CollectorRegistry()).for_queue("orders")
        self.report = QueueReport("orders", "poller-1", self.bus, self.metrics, takes_sends=True)

    async def told(self) -> dict[str, Any]:
        """Check once, and return what was reported."""
        self.bus.queue_reports.wanted = True
        await self.report.check()
        (report,) = self.bus.queue_reports.reports.values()
        told: dict[str, Any] = json.loads(report)
        return told


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_nothing_is_reported_while_nobody_looks(bench: Bench) -> None:
    """And SQS is asked nothing."""
    await bench.report.check()
    assert bench.bus.queue_reports.reports == {}


async def test_a_report_has_the_backlog_and_the_counts(bench: Bench) -> None:
    """They are those of the metrics; reasons that never occurred are left out."""
    bench.report.opened(bench.queue, bench.left, bench.waits)
    bench.queue.backlog_answer = Backlog(7, 2, 1)
    bench.metrics.published.inc(5)
    bench.metrics.in_flight.set(2)
    bench.metrics.left[Reason.NOT_JSON].inc(3)
    bench.metrics.dead_letters[Reason.NOT_JSON].inc()
    told = await bench.told()
    assert list(bench.bus.queue_reports.reports) == ["orders poller-1"]
    assert told["backlog"] == {"waiting": 7, "hidden": 2, "delayed": 1}
    assert (told["queue"], told["poller"]) == ("orders", "poller-1")
    assert (told["published"], told["in_flight"], told["dead_letters"]) == (5, 2, 1)
    assert told["left"] == {"not_json": 3}
    assert told["dropped"] == {}
    assert told["at_ms"] > 0


async def test_a_queue_that_cannot_be_asked_has_no_backlog(bench: Bench) -> None:
    """Before it is open, or when SQS refuses; the rest is reported all the same."""
    assert (await bench.told())["backlog"] is None
    bench.report.opened(bench.queue, bench.left, bench.waits)
    bench.queue.backlog_answer = QueueUnavailable(Call.OPEN, "orders", Failure.DENIED, "no")
    assert (await bench.told())["backlog"] is None


async def test_messages_that_were_left_are_listed_with_the_reason(bench: Bench) -> None:
    """Each once, with its last receive; the last ones only, and not more than a few lines of why."""
    bench.report.opened(bench.queue, bench.left, bench.waits)
    for receives in (1, 2, 3):
        bad = message("no json", id="bad", receives=receives)
        bench.left.add(Leave(bad, Reason.NOT_JSON, "x" * 1_000), 3, 12.5)
    (left,) = (await bench.told())["recent"]
    assert left == {
        "id": "bad",
        "at_ms": 12_500,
        "reason": "not_json",
        "why": "x" * DETAIL,
        "receives": 3,
        "max_receives": 3,
        "dead": True,
    }
    for number in range(2 * RECENT):
        bench.left.add(Leave(message(id=str(number)), Reason.NO_ROUTE, ""), None, 0)
    assert [each["id"] for each in bench.left.recent] == [str(n) for n in range(RECENT, 2 * RECENT)]


def test_a_message_that_only_waits_for_another_is_not_listed() -> None:
    """Nothing is wrong with it."""
    left = LeftMessages()
    left.add(Leave(message(), Reason.GROUP_BLOCKED, ""), 3, 0)
    assert left.recent == []


async def test_messages_that_wait_are_listed_each_once_as_it_is_now(bench: Bench) -> None:
    """The last ones only, and few of many rooms."""
    bench.report.opened(bench.queue, bench.left, bench.waits)
    rooms = tuple(f"room-{number}" for number in range(7))
    order = Publish(message(id="order"), Record("order", b"[1]", rooms=rooms), ack=AckMode.ANY, hold=60)
    bench.now = 12.5
    bench.waits.note(order, WaitState.HELD, "nobody is there", seconds=60)
    bench.now = 20
    bench.waits.note(order, WaitState.AWAITED, seconds=10)
    bench.metrics.holds["held"].inc(2)
    bench.metrics.acks["unanswered"].inc()
    bench.metrics.held.set(1)
    told = await bench.told()
    assert told["waits"] == [
        {
            "id": "order",
            "at_ms": 20_000,
            "state": "awaited",
            "detail": "",
            "event": "order",
            "rooms": list(rooms[:5]),
            "more_rooms": 2,
            "ack": "any",
            "until_ms": 30_000,
        }
    ]
    assert (told["held"], told["holds"], told["acks"]) == (1, {"held": 2}, {"unanswered": 1})
    for number in range(2 * RECENT_WAITS):
        bench.waits.note(order._replace(message=message(id=str(number))), WaitState.HELD)
    assert [each["id"] for each in bench.waits.recent] == [
        str(number) for number in range(RECENT_WAITS, 2 * RECENT_WAITS)
    ]


async def test_what_is_sent_from_a_board_is_put_on_its_queue_once(bench: Bench) -> None:
    """By whichever poller takes it; what is for other queues, or cannot be read, is left to others."""
    bench.report.opened(bench.queue, bench.left, bench.waits)
    wanted = {"queue": "orders", "body": "1", "attributes": {"ack": "any"}}
    bench.bus.queue_sends.texts = {
        "a": json.dumps(wanted),
        "b": json.dumps({**wanted, "queue": "others"}),
        "c": "[]",
        "d": json.dumps({**wanted, "attributes": 7}),
    }
    told = await bench.told()
    assert bench.queue.sent == [("1", {"ack": "any"}, "a")]
    assert told["sent"] == [{"request": "a", "id": "sent-1"}]
    assert told["takes_sends"]
    assert (await bench.told())["sent"] == told["sent"]
    assert list(bench.bus.queue_sends.texts) == ["b", "c", "d"]


async def test_what_another_poller_has_taken_is_not_sent_again(bench: Bench) -> None:
    """Two pollers of a queue look at the same time."""
    bench.report.opened(bench.queue, bench.left, bench.waits)
    bench.bus.queue_sends.texts = {"a": json.dumps({"queue": "orders", "body": "1", "attributes": {}})}
    bench.bus.queue_sends.is_taken = True
    assert (await bench.told())["sent"] == []
    assert bench.queue.sent == []


async def test_what_sqs_does_not_take_is_told(bench: Bench) -> None:
    """Somebody looks at the board and waits for it."""
    bench.report.opened(bench.queue, bench.left, bench.waits)
    bench.bus.queue_sends.texts = {"a": json.dumps({"queue": "orders", "body": "1", "attributes": {}})}
    bench.queue.send_answer = QueueUnavailable(Call.SEND, "orders", Failure.DENIED, "no")
    assert (await bench.told())["sent"] == [{"request": "a", "error": "SQS did not take it: denied"}]


async def test_a_poller_that_may_not_sends_nothing(bench: Bench) -> None:
    """It is off by default."""
    bench.report = QueueReport("orders", "poller-1", bench.bus, bench.metrics)
    bench.report.opened(bench.queue, bench.left, bench.waits)
    bench.bus.queue_sends.texts = {"a": json.dumps({"queue": "orders", "body": "1", "attributes": {}})}
    told = await bench.told()
    assert (told["takes_sends"], told["sent"], bench.queue.sent) == (False, [], [])
    assert list(bench.bus.queue_sends.texts) == ["a"]


async def test_a_redis_that_is_away_is_one_line_of_log(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """The poller has worse to say then."""
    caplog.set_level(logging.INFO)
    bench.bus.queue_reports.away = True
    for _ in range(3):
        await bench.report.check()
    assert caplog.text.count("learns nothing of queue orders") == 1
    bench.bus.queue_reports.away = False
    assert await bench.told()
