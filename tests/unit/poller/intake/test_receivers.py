"""Receives from a queue: how many at a time, and what happens when SQS fails."""

import pytest
from tests.unit.poller.fakes import THROTTLED, messages
from tests.unit.poller.intake.bench import Bench

from queuecast_poller.intake import receivers
from queuecast_poller.sqs.message import BATCH

pytestmark = pytest.mark.usefixtures("no_waiting", "clock")


async def test_receive_errors_are_waited_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQS throttles. The back-off grows with each error and starts again after a success."""
    attempts: list[int] = []
    monkeypatch.setattr(receivers, "jittered", lambda attempt, cap_seconds: attempts.append(attempt) or 0)
    bench = Bench(THROTTLED, THROTTLED, messages(1), THROTTLED)
    await bench.run()
    assert attempts == [0, 1, 0]
    assert bench.figure("receives_total", outcome="error") == 3
    assert bench.figure("sqs_failures_total", call="receive", reason="throttled") == 3
    assert bench.figure("receives_total", outcome="messages") == 1
    assert bench.figure("published_total") == 1


async def test_a_queue_that_does_not_answer_makes_the_intake_unready() -> None:
    """Until it answers again, even if with nothing."""
    bench = Bench(THROTTLED, [])
    reasons: list[tuple[str, ...]] = []
    bench.queue.on_receive = lambda: reasons.append(bench.liveness.ready().reasons)
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
