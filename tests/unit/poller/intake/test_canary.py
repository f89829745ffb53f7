"""Canaries: sent now and then, judged apart from other messages, received by every gateway."""

import asyncio
import contextlib
import logging
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import FakeClock, Figures, replace_sleep
from tests.unit.poller.fakes import FakeQueue

from queuecast_bus.keys import Keys
from queuecast_bus.names import CANARY_NAMESPACE
from queuecast_poller.intake import canary as module
from queuecast_poller.intake.canary import Canary
from queuecast_poller.judge.canary_token import MAX_DELAY_MS, canary_body, is_genuine
from queuecast_poller.judge.decision import decide
from queuecast_poller.judge.verdict import Leave, Publish, Verdict
from queuecast_poller.metrics import Metrics
from queuecast_poller.route.rules import Rules
from queuecast_poller.sqs.digest import body_digest
from queuecast_poller.sqs.failure import Call, Failure, QueueUnavailable
from queuecast_poller.sqs.message import CANARY, Message

KEY = b"a key that Redis has"
NOW_MS = 1_800_000_000_000
DENIED = QueueUnavailable(Call.SEND, "orders", Failure.DENIED, "not you")


class FakeCommands:
    """The commands of a Redis client that a canary uses, on a dictionary; while `away` they raise."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.lookups = 0
        self.away = False

    async def get(self, key: str) -> bytes | None:
        self.lookups += 1
        if self.away:
            raise ConnectionError("nobody there")
        return self.kept.get(key)

    async def set(self, key: str, value: str, *, nx: bool) -> None:
        assert nx, "another poller's key must not be replaced"
        self.kept.setdefault(key, value.encode())


class FakeBus:
    """The part of a bus that a canary uses."""

    def __init__(self) -> None:
        self.commands = FakeCommands()
        self.keys = Keys()


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


def canary_of(queue: FakeQueue, bus: Any, registry: CollectorRegistry, seconds: float = 15) -> Canary:
    return Canary(queue, bus, seconds, Metrics(registry).for_queue("orders"))


async def send(canary: Canary, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a canary until it has slept a number of times."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == times:
            raise asyncio.CancelledError

    replace_sleep(monkeypatch, module, sleep)
    with contextlib.suppress(asyncio.CancelledError):
        await canary.run()
    assert slept == [15] * times


async def test_one_is_sent_every_so_often(
    registry: CollectorRegistry, figure: Figures, bus: FakeBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is counted, so that a missing one is noticed."""
    queue = FakeQueue()
    await send(canary_of(queue, bus, registry), 3, monkeypatch)
    assert len(queue.canaries) == figure("canaries_sent_total") == 3


async def test_off_none_is_sent(registry: CollectorRegistry, bus: FakeBus) -> None:
    """It needs a permission that a poller otherwise does not need."""
    queue = FakeQueue()
    await canary_of(queue, bus, registry, 0).run()
    assert queue.canaries == []
    assert bus.commands.lookups == 0


async def test_a_queue_that_takes_none_is_no_end(
    registry: CollectorRegistry,
    figure: Figures,
    bus: FakeBus,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Other messages go on. Each failure is counted, and the first is logged."""
    queue = FakeQueue()
    queue.canary_answers.extend([DENIED, DENIED, None, DENIED])
    with caplog.at_level(logging.WARNING):
        await send(canary_of(queue, bus, registry), 5, monkeypatch)
    assert len(queue.canaries) == figure("canaries_sent_total") == 2
    assert figure("sqs_failures_total", call="send", reason="denied") == 3
    assert caplog.text.count("sqs:SendMessage") == 2, "once per outage"


async def test_a_redis_that_is_away_is_no_end(
    registry: CollectorRegistry,
    figure: Figures,
    bus: FakeBus,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No gateway would receive a canary then, and that is what canaries are to show."""
    bus.commands.away = True
    queue = FakeQueue()
    with caplog.at_level(logging.WARNING):
        await send(canary_of(queue, bus, registry), 2, monkeypatch)
    assert queue.canaries == []
    assert figure("canaries_sent_total") == 0
    assert caplog.text.count("nobody there") == 1


# Whose it is


def message(body: str, sent_ms: int | None = NOW_MS) -> Message:
    return Message("id", "handle", body, body_digest(body.encode()), {CANARY: "canary"}, sent_ms=sent_ms)


def judged(body: str, key: bytes | None = KEY, sent_ms: int | None = NOW_MS) -> Verdict:
    (verdict,) = decide([message(body, sent_ms)], Rules(), canary_key=key)
    return verdict


def test_a_canary_goes_to_gateways_alone() -> None:
    """No browser can be in its namespace, and it needs no address."""
    verdict = judged(canary_body(KEY, NOW_MS - 40))
    assert isinstance(verdict, Publish)
    assert (verdict.record.namespace, verdict.record.sent_ms) == (CANARY_NAMESPACE, NOW_MS)


@pytest.mark.parametrize(
    "body",
    [
        "null",
        '"canary"',
        '"."',
        canary_body(b"another key", NOW_MS),
        canary_body(KEY, NOW_MS).replace("18", "17", 1),
        canary_body(KEY, NOW_MS - MAX_DELAY_MS - 1),
        canary_body(KEY, NOW_MS + MAX_DELAY_MS + 1),
        canary_body(KEY, NOW_MS)[:-2] + '"',
        canary_body(KEY, NOW_MS).replace("1", "\u0661", 1),
    ],
)
def test_a_canary_that_no_poller_has_sent_is_left(body: str) -> None:
    """Otherwise any sender could make the gateways report that messages arrive when none do."""
    verdict = judged(body)
    assert isinstance(verdict, Leave)
    assert "no poller of this bus sent" in verdict.detail


def test_without_a_key_or_a_time_no_canary_is_genuine() -> None:
    """An unknown key must not be one that everybody has."""
    body = canary_body(KEY, NOW_MS)
    assert is_genuine(body, KEY, NOW_MS)
    assert isinstance(judged(body, key=None), Leave)
    assert isinstance(judged(body, sent_ms=None), Leave)


async def test_pollers_know_each_others_canaries(
    registry: CollectorRegistry, bus: FakeBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any replica may receive what another has sent, and after a Redis that lost its data there is a
    new key.
    """
    sent = FakeQueue()
    sender, receiver = (canary_of(queue, bus, CollectorRegistry()) for queue in (sent, FakeQueue()))
    for lost in (False, True):
        if lost:
            bus.commands.kept.clear()
        sent.canaries.clear()
        monkeypatch.setattr(module, "time", FakeClock(NOW_MS / 1000))
        await send(sender, 1, monkeypatch)
        (body,) = sent.canaries
        await receiver.recognise([message(body)])
        assert isinstance(judged(body, receiver.key), Publish)
        lookups = bus.commands.lookups
        await receiver.recognise([message(body), Message("id", "handle", "{}", "")])
        assert bus.commands.lookups == lookups, "Redis is asked for what is not known, and for nothing else"


async def test_while_redis_is_away_the_key_that_was_known_counts(
    registry: CollectorRegistry, bus: FakeBus, caplog: pytest.LogCaptureFixture
) -> None:
    """A canary that cannot be verified then is left, and comes again."""
    bus.commands.kept[bus.keys.canary] = KEY
    canary = canary_of(FakeQueue(), bus, registry)
    await canary.recognise([message("null")])
    assert canary.key == KEY
    bus.commands.away = True
    await canary.recognise([message("null")])
    assert canary.key == KEY
    assert "cannot be told from forged ones" in caplog.text
