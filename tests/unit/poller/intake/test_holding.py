"""Messages with `hold`: published, held, or at last left, dropped or forwarded, within bounds."""

import asyncio
from typing import Any

import pytest
from tests.unit.poller.fakes import failing
from tests.unit.poller.intake.ack_bench import Bench, waiting

from queuecast_bus import BusUnavailable
from queuecast_bus.awaited import AckMode, AckReport
from queuecast_poller.intake import held_messages
from queuecast_poller.intake.roll_call import RollCall, places
from queuecast_poller.judge.verdict import DropReason, Publish, Reason
from queuecast_poller.sqs.failure import Call

HOUR = 3_600.0


def held(**details: Any) -> Publish:
    """Return the verdict on a message that waits for up to an hour for somebody in the room `a`."""
    ack = details.pop("ack", None)
    return waiting(ack, sent_ms=1_000_000, **details)._replace(hold=HOUR)


class Answers:
    """A roll call that answers from a set, or raises."""

    def __init__(self) -> None:
        self.there: set[str] = set()
        self.calls: list[tuple[str, ...]] = []

    async def is_anybody_in(self, where: tuple[str, ...]) -> bool:
        self.calls.append(tuple(where))
        await asyncio.sleep(0)
        return not self.there.isdisjoint(where)


class Scene:
    """Holding with a fake roll call, beside a bench that notes what becomes of messages."""

    def __init__(self, patch: pytest.MonkeyPatch, **options: Any) -> None:
        self.bench = Bench(patch, hold_seconds=2 * HOUR, **options)
        self.clock = self.bench.clock
        patch.setattr(held_messages, "time", self.clock)
        self.answers = Answers()
        waiter = self.bench.awaiting
        roll_call: Any = self.answers
        waiter._holding._roll_call = waiter._holding.held._roll_call = roll_call
        self.held = waiter._holding.held
        self.figure = self.bench.figure

    @property
    def journal(self) -> list[tuple[str, str]]:
        return self.bench.journal

    async def work_off(self, *run: Publish) -> None:
        """Carry out one run of messages; others are not waited for."""
        await self.bench.awaiting._work_off(list(run), 0, 0.0, self.bench.stop)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


async def test_a_message_for_somebody_goes_its_way(scene: Scene) -> None:
    """Whether it waits for an acknowledgement or not."""
    scene.answers.there.add("/,a")
    one = held()
    await scene.work_off(one)
    assert scene.journal == [("published", one.message.id)]
    assert scene.answers.calls == [("/,a",)]
    assert scene.figure("held") == 0


async def test_a_message_for_nobody_is_held_until_somebody_comes(scene: Scene) -> None:
    """It becomes visible at once then, and is received again."""
    one = held()
    await scene.work_off(one)
    assert scene.figure("held") == 1
    await scene.held.check()
    assert scene.journal == []
    scene.answers.there.add("/,a")
    await scene.held.check()
    assert scene.journal == [("returned", one.message.receipt_handle)]
    assert scene.figure("held") == 0
    assert scene.figure("holds_total", outcome="held") == scene.figure("holds_total", outcome="came") == 1


@pytest.mark.parametrize("ack", [None, AckMode.ANY])
async def test_a_message_that_could_not_be_deleted_is_not_held_but_deleted(
    scene: Scene, ack: AckMode | None
) -> None:
    """Nobody is there any more. Were it held, Redis would have forgotten it when they are back."""
    one = held(ack=ack, receives=2)
    await scene.work_off(one)
    assert scene.figure("held") == 1, "held on, since it was not done"
    scene.bench.bus.stored.add(one.message.id)
    scene.bench.bus.marks.add(one.message.id)
    scene.journal.clear()
    scene.clock.pass_by(2 * HOUR)
    await scene.work_off(one)
    assert scene.figure("held") == 1
    # Of the first kind the append script finds that it is stored.
    assert scene.journal == [
        ("published", one.message.id) if ack is None else ("deleted", one.message.receipt_handle)
    ]
    assert scene.bench.left == scene.bench.dropped == []


async def test_messages_for_the_same_rooms_are_asked_for_together(scene: Scene) -> None:
    """A thousand messages for one room are one question."""
    for _ in range(3):
        await scene.work_off(held())
    scene.answers.calls.clear()
    await scene.held.check()
    assert scene.answers.calls == [("/,a",)]


async def test_every_place_has_its_turn(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round asks for some of them; the others come first in the next one."""
    monkeypatch.setattr(held_messages, "CHECKED_PLACES", 2)
    for room in "abcde":
        one = held()
        await scene.work_off(one._replace(record=one.record._replace(rooms=(room,))))
    scene.answers.calls.clear()
    for _ in range(3):
        await scene.held.check()
    assert [call[0] for call in scene.answers.calls] == ["/,a", "/,b", "/,c", "/,d", "/,e", "/,a"]


async def test_a_message_whose_time_is_over_is_received_once_more(scene: Scene) -> None:
    """Its text is needed to forward it, and somebody may be there by now."""
    one = held()
    await scene.work_off(one)
    scene.clock.pass_by(HOUR)
    await scene.held.check()
    assert scene.journal == [("returned", one.message.receipt_handle)]
    assert scene.figure("holds_total", outcome="expired") == 1


async def test_then_it_is_left_for_the_dead_letter_queue(scene: Scene) -> None:
    """At once: it would be judged the same each time."""
    scene.clock.pass_by(HOUR)
    await scene.work_off(held())
    (leave,) = scene.bench.left
    assert (leave.reason, leave.permanent) == (Reason.NOBODY_CAME, True)


async def test_or_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the group goes on."""
    scene = Scene(monkeypatch, hold_expired="drop")
    scene.clock.pass_by(HOUR)
    one, behind = held(group="g"), waiting(None, group="g")
    await scene.work_off(one, behind)
    assert [drop.reason for drop in scene.bench.dropped] == [DropReason.NOBODY_CAME]
    assert scene.journal[-1] == ("published", behind.message.id)


async def test_or_forwarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sent to the other queue first, then deleted; if it cannot be sent, it comes back."""
    scene = Scene(monkeypatch, hold_expired="forward", hold_queue="later")
    scene.clock.pass_by(HOUR)
    one, two = held(), held()
    scene.bench.queue.canary_answers.extend([None, failing(Call.SEND)])
    await scene.work_off(one)
    assert scene.bench.queue.forwarded == [(one.message.id, "later")]
    assert [drop.reason for drop in scene.bench.dropped] == [DropReason.FORWARDED]
    await scene.work_off(two)
    (leave,) = scene.bench.left
    assert (leave.reason, leave.permanent) == (Reason.NOBODY_CAME, False)
    assert len(scene.bench.dropped) == 1


async def test_a_message_at_its_last_receive_is_not_held(scene: Scene) -> None:
    """Made visible for somebody, SQS would move it away."""
    scene.bench.queue.max_receive_count = 3
    await scene.work_off(held(receives=3))
    (leave,) = scene.bench.left
    assert "last receive" in leave.detail
    assert scene.figure("held") == 0


async def test_too_many_messages_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """They come back after their visibility timeout."""
    scene = Scene(monkeypatch, max_held=1)
    await scene.work_off(held())
    await scene.work_off(held())
    (leave,) = scene.bench.left
    assert (leave.reason, leave.permanent) == (Reason.NOBODY_THERE, False)
    assert scene.figure("holds_total", outcome="full") == 1


async def test_a_group_waits_with_its_held_message(scene: Scene) -> None:
    """What is behind it must not overtake it."""
    one, behind = held(group="g"), waiting(None, group="g")
    await scene.work_off(one, behind)
    assert [(leave.message.id, leave.reason) for leave in scene.bench.left] == [
        (behind.message.id, Reason.GROUP_BLOCKED)
    ]


async def test_those_who_left_before_the_event_came_are_nobody(scene: Scene) -> None:
    """The message is held again, and not left as unacknowledged."""
    scene.answers.there.add("/,a")
    scene.bench.on_published = scene.bench.report(0, 0)
    one = held(ack=AckMode.ANY)
    reading = asyncio.create_task(scene.bench.awaiting._wait.inbox.run())
    await scene.work_off(one)
    reading.cancel()
    await asyncio.wait([reading])
    assert scene.figure("held") == 1
    assert scene.bench.left == []


async def test_a_poller_that_stops_returns_held_messages(scene: Scene) -> None:
    """Another one holds them on."""
    one = held()
    await scene.work_off(one)
    await scene.bench.awaiting.drain()
    assert scene.journal == [("returned", one.message.receipt_handle)]
    scene.bench.stop.set()
    again, behind = held(group="g"), waiting(None, group="g")
    await scene.work_off(again, behind)
    assert scene.journal[1:] == [("returned", each.message.receipt_handle) for each in (again, behind)]


async def test_the_log_says_once_that_nobody_can_be_asked(
    scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages are held on meanwhile."""
    monkeypatch.setattr(held_messages, "CHECK_SECONDS", 0)
    await scene.work_off(held())
    tries = 0

    async def fail(where: tuple[str, ...]) -> bool:
        nonlocal tries
        tries += 1
        raise BusUnavailable("asking: nobody there")

    monkeypatch.setattr(scene.answers, "is_anybody_in", fail)
    running = asyncio.create_task(scene.held.run())
    while tries < 5:  # noqa: ASYNC110  # each turn is a round
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    assert caplog.text.count("cannot find out who is there") == 1
    assert scene.figure("held") == 1


async def test_a_roll_call_is_one_record_for_all_who_ask(bench_and_call: tuple[Bench, RollCall]) -> None:
    """What gateways answer is put together."""
    bench, call = bench_and_call
    running = [asyncio.create_task(part) for part in (bench.awaiting._wait.inbox.run(), call.run())]
    bench.bus.gateways = {"a": "0-0", "b": "0-0"}
    asking = asyncio.gather(call.is_anybody_in(["/,a", "/,b"]), call.is_anybody_in(["/,c"]))
    while not bench.records:  # noqa: ASYNC110  # the record is made in the next turns
        await asyncio.sleep(0)
    (question,) = bench.records
    assert question.rooms == ("/,a", "/,b", "/,c")
    assert question.ack is not None
    for replica, strays in (("a", ()), ("b", ("/,b",))):
        bench.bus.news.append(AckReport(question.ack.ack_id, replica, len(strays), 0, strays=strays))
    assert await asking == [True, False]
    for task in running:
        task.cancel()
    await asyncio.wait(running)


@pytest.fixture
def bench_and_call(monkeypatch: pytest.MonkeyPatch) -> tuple[Bench, RollCall]:
    monkeypatch.setattr("queuecast_poller.intake.roll_call.GATHER_SECONDS", 0)
    bench = Bench(monkeypatch)
    bus: Any = bench.bus
    bus.records = bench.records
    return bench, RollCall(bus, bench.awaiting._wait.inbox)


def test_a_place_is_a_room_or_a_namespace() -> None:
    """A comma ends a namespace, and no room has one."""
    record = waiting().record
    assert places(record._replace(namespace="/shop", rooms=("a", "b"))) == ("/shop,a", "/shop,b")
    assert places(record._replace(rooms=())) == ("/,",)
