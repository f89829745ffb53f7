"""A poller's own messages: sent now and then, judged apart, heard by every gateway."""

import asyncio
import contextlib
import logging

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import FakeQueue, Figures

from queuecast_bus.names import CANARY_NAMESPACE
from queuecast_poller import canary as module
from queuecast_poller.canary import Canary
from queuecast_poller.digest import body_digest
from queuecast_poller.failure import Call, Failure, QueueUnavailable
from queuecast_poller.message import Message
from queuecast_poller.metrics import Metrics
from queuecast_poller.routing import CANARY
from queuecast_poller.verdict import Publish, judge

DENIED = QueueUnavailable(Call.SEND, "orders", Failure.DENIED, "not you")


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def figure(registry: CollectorRegistry) -> Figures:
    return Figures(registry, "queuecast_poller", queue="orders")


async def send(
    queue: FakeQueue, registry: CollectorRegistry, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run a canary until it has slept so many times."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == times:
            raise asyncio.CancelledError

    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    with contextlib.suppress(asyncio.CancelledError):
        await Canary(queue, 15, Metrics(registry).of("orders")).run()
    assert slept == [15] * times


async def test_one_is_sent_every_so_often(
    registry: CollectorRegistry, figure: Figures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And counted, so that one that never comes out is missed."""
    queue = FakeQueue()
    await send(queue, registry, 3, monkeypatch)
    assert queue.canaries == figure("canaries_sent_total") == 3


async def test_off_none_is_sent(registry: CollectorRegistry) -> None:
    """It needs a right that a poller has no other use for."""
    queue = FakeQueue()
    await Canary(queue, 0, Metrics(registry).of("orders")).run()
    assert queue.canaries == 0


async def test_a_queue_that_takes_none_is_no_end(
    registry: CollectorRegistry,
    figure: Figures,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Everybody else's messages go on; it is counted each time, and said once."""
    queue = FakeQueue()
    queue.canary_answers.extend([DENIED, DENIED, None, DENIED])
    with caplog.at_level(logging.WARNING):
        await send(queue, registry, 5, monkeypatch)
    assert queue.canaries == figure("canaries_sent_total") == 2
    assert figure("sqs_failures_total", call="send", reason="denied") == 3
    assert caplog.text.count("sqs:SendMessage") == 2, "once per outage"


def test_a_canary_goes_to_gateways_alone() -> None:
    """No browser can be in its namespace, and it needs no address."""
    message = Message("id", "handle", "null", body_digest(b"null"), {CANARY: "canary"}, sent_ms=7)
    (verdict,) = judge([message], default_event="item_added", max_body_bytes=1_000)
    assert isinstance(verdict, Publish)
    assert (verdict.record.namespace, verdict.record.sent_ms) == (CANARY_NAMESPACE, 7)
