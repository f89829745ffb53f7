"""While Redis is away nobody knows who serves a namespace: its messages wait, and nothing is guessed."""

import asyncio
from collections.abc import Iterable

from tests.unit.fakes import FakeBus, handles, message
from tests.unit.test_intake import Bench, _no_waiting, assert_accounted_for, clock

from queuecast_poller.message import Message

__all__ = ["_no_waiting", "clock"]


def shop() -> Message:
    return message(attributes={"namespace": "/shop"})


class Away:
    """A bus that is away for so many questions; then `afterwards` is what gateways serve."""

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
    """It is published then, and was not handed out twice for it."""
    one = shop()
    bench = Bench([one])
    Away(bench.bus, 3, "any", "/shop")
    await bench.run()
    assert bench.journal == [("published", one.id), ("deleted", one.receipt_handle)]
    assert bench.figure("publish_failures_total") == 3
    assert bench.pulse.ready().well
    assert_accounted_for(bench)


async def test_one_that_nobody_serves_is_left_once_redis_is_back() -> None:
    """It would be stored, deleted, and shown to nobody."""
    bench = Bench([shop(), message()])
    Away(bench.bus, 3, "any", "/")
    await bench.run()
    assert [record.namespace for record in bench.bus.records] == ["/"]
    assert bench.figure("left_total", reason="bad_address") == 1
    assert_accounted_for(bench)


async def test_what_waits_is_given_back_when_stopping() -> None:
    """The next poller need not wait until its visibility timeout is over."""
    one = shop()
    bench = Bench([one])
    away = Away(bench.bus, 10**9)
    running = asyncio.create_task(bench.run())
    await asyncio.wait_for(away.asked_often.wait(), 10)
    assert not bench.pulse.ready().well
    bench.stop.set()
    await running
    assert bench.queue.visibility_changes == [(handles([one]), 0)]
    assert bench.figure("returned_total") == 1
    assert_accounted_for(bench)
