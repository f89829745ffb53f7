"""The backlog waits in SQS: a rate limit, or a gateway that is behind, holds receives back."""

import json
from collections.abc import Callable, Iterator

import pytest
from tests.claims import eventually

from queuecast_bus.keys import Keys

from . import emulators
from .dead_letters import Pair, published
from .emulators import Emulator
from .services import Redis, Service

PATIENT = (
    "from queuecast_bus.connection import redis_call; redis_call.__wrapped__.__defaults__ = (60.0,);"
    "from queuecast_poller.__main__ import main; main()"
)
"""A poller for which a slow Redis is no outage, in which it would not know whether a gateway is behind."""


@pytest.fixture(scope="module")
def ours() -> Iterator[Emulator]:
    with emulators.ours() as found:
        yield found


def test_a_limited_queue_keeps_its_backlog(
    ours: Emulator, forgetful_redis: Redis, start: Callable[..., Service]
) -> None:
    """Messages over the limit are not received: another poller may take them, and none is held."""
    pair = Pair(ours)
    pair.queue.send(*(json.dumps({"id": number}) for number in range(20)))
    service = start("queuecast_poller", pair.poller(forgetful_redis, QUEUECAST_RATE="0.2"))
    eventually(lambda: len(published(forgetful_redis)) >= 1)
    eventually(lambda: service.metric("queuecast_poller_throttled_seconds_total", cause="rate") > 1)
    assert len(published(forgetful_redis)) < 20
    assert sum(pair.queue.depth()) >= 20 - len(published(forgetful_redis))
    assert service.metric("queuecast_poller_received_total") <= len(published(forgetful_redis)) + 1
    eventually(service.ready)


def test_what_a_limit_held_back_is_no_latency(
    ours: Emulator, forgetful_redis: Redis, start: Callable[..., Service]
) -> None:
    """Nobody is woken for a wait that the operator chose: eight messages at one a second wait 28 s in all."""
    pair = Pair(ours)
    service = start("queuecast_poller", pair.poller(forgetful_redis, QUEUECAST_RATE="1"))
    eventually(service.ready)

    def figures() -> tuple[float, float, float]:
        return (
            service.metric("queuecast_poller_queue_wait_seconds_count"),
            service.metric("queuecast_poller_queue_wait_seconds_sum"),
            service.metric("queuecast_poller_throttled_seconds_total", cause="rate"),
        )

    def is_no_latency() -> bool:
        count, waited, throttled = figures()
        pair.queue.send(*(json.dumps({"id": number}) for number in range(8)))
        eventually(lambda: figures()[0] == count + 8)
        return figures()[1] - waited < 14 and figures()[2] - throttled > 5

    eventually(is_no_latency)  # a busy machine may hold messages back, too, but not each time


def test_pollers_wait_while_a_gateway_is_behind(
    ours: Emulator, forgetful_redis: Redis, start: Callable[..., Service]
) -> None:
    """Otherwise the stream would be trimmed before the gateway has read it; the queue keeps all."""
    pair = Pair(ours)
    forgetful_redis.client.set(Keys().behind, b"1")
    service = start("queuecast_poller", pair.poller(forgetful_redis), PATIENT)
    eventually(service.ready)
    pair.queue.send('{"id":1}')
    eventually(lambda: service.metric("queuecast_poller_throttled_seconds_total", cause="lag") > 1)
    assert published(forgetful_redis) == []
    assert pair.queue.depth() == (1, 0)
    forgetful_redis.client.delete(Keys().behind)
    eventually(lambda: published(forgetful_redis) == [{"id": 1}])
