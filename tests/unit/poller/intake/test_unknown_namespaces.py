"""While Redis is away, nobody knows who serves a namespace: messages wait, and nothing is guessed."""

import asyncio
from collections.abc import Iterable

import pytest
from tests.unit.fakes import FakeBus
from tests.unit.poller.fakes import handles, message
from tests.unit.poller.intake.bench import Bench, assert_accounted_for

from queuecast_poller.sqs.message import Message

pytestmark = pytest.mark.usefixtures("no_waiting", "clock")


def shop() -> Message:
    return message(attributes={"namespace": "/shop"})


class Away:
    """A bus that is away for a number of requests; after that, gateways serve `afterwards`."""

    def __init__(self, bus: FakeBus, questions: int, *afterwards: str) -> None:
        self._namespaces = bus.namespaces
        self._left = questions
        self._afterwards = set(afterwards)
        self._announced = bus.namespaces.announced
        self.asked_often = asyncio.Event()
        bus.namespaces.announced = self.announced  # type: ignore[method-assign]

    async def announced(self, namespaces: Iterable[str]) -> set[str]:
        self._namespaces.away = self._left > 0
        self._namespaces.served = self._afterwards
        self._left -= 1
        if len(self._namespaces.asked) >= 3:
            self.asked_often.set()
        await asyncio.sleep(0)  # others have their turn, as they have while Redis does not answer
        return await self._announced(namespaces)


async def test_a_message_waits_until_redis_says_who_serves_its_namespace() -> None:
    """Then it is published, without a second delivery."""
    one = shop()
    bench = Bench([one])
    Away(bench.bus, 3, "any", "/shop")
    await bench.run()
    assert bench.journal == [("published", one.id), ("deleted", one.receipt_handle)]
    assert bench.figure("publish_failures_total", call="namespaces") == 3
    assert bench.figure("publish_failures_total", call="publish") == 0
    assert bench.liveness.ready().healthy
    assert_accounted_for(bench)


async def test_one_that_nobody_serves_is_left_once_redis_is_back() -> None:
    """Otherwise it would be stored, deleted, and shown to nobody."""
    bench = Bench([shop(), message()])
    Away(bench.bus, 3, "any", "/")
    await bench.run()
    assert [record.namespace for record in bench.bus.records] == ["/"]
    assert bench.figure("left_total", reason="bad_address") == 1
    assert_accounted_for(bench)


async def test_what_waits_is_given_back_when_stopping() -> None:
    """The next poller need not wait until its visibility timeout ends."""
    one = shop()
    bench = Bench([one])
    away = Away(bench.bus, 10**9)
    running = asyncio.create_task(bench.run())
    await asyncio.wait_for(away.asked_often.wait(), 10)
    assert not bench.liveness.ready().healthy
    bench.stop.set()
    await running
    assert bench.queue.visibility_changes == [(handles([one]), 0)]
    assert bench.figure("returned_total") == 1
    assert_accounted_for(bench)
