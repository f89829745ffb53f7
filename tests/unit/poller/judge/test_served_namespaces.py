"""The poller's cache of the namespaces that gateways serve."""

from typing import Any

import pytest
from tests.unit.fakes import FakeBus, FakeClock

from queuecast_bus import BusUnavailable
from queuecast_bus.namespaces import ANNOUNCED_SECONDS
from queuecast_poller.judge.served_namespaces import (
    MAX_NAMES,
    SERVED_SECONDS,
    UNSERVED_SECONDS,
    ServedNamespaces,
)


class Bench:
    def __init__(self, *namespaces: str) -> None:
        self.clock = FakeClock()
        bus: Any = FakeBus()
        self.namespaces = bus.namespaces
        self.namespaces.served = set(namespaces)
        self.served = ServedNamespaces(bus, self.clock)

    async def serves(self, name: str) -> bool:
        if stale := self.served.stale([name]):
            await self.served.refresh(stale)
        return self.served.serves(name)


async def test_what_a_gateway_announced_is_served_and_nothing_else() -> None:
    """The bus is asked once for each, until that is outdated."""
    bench = Bench("any", "/shop")
    assert await bench.serves("/shop")
    assert not await bench.serves("/nope")
    assert not await bench.serves("/"), "gateways are there, and none of them serves it"
    assert await bench.serves("/shop")
    assert bench.namespaces.asked == [["/shop"], ["/nope"], ["/"]]


async def test_while_no_gateway_is_known_every_namespace_is_taken_for_served() -> None:
    """Messages that come while all are away are kept by the stream, for browsers that reconnect."""
    bench = Bench()
    assert await bench.serves("/")
    assert await bench.serves("/shop")
    bench.namespaces.served = {"any", "/"}
    bench.clock.pass_by(SERVED_SECONDS)
    assert not await bench.serves("/shop")


async def test_the_bus_is_asked_again_after_a_while() -> None:
    """Sooner for one that is not served, so that a new gateway gets its messages soon."""
    bench = Bench("any", "/shop")
    assert await bench.serves("/shop")
    assert not await bench.serves("/nope")
    bench.namespaces.served = {"any", "/nope"}
    bench.clock.pass_by(UNSERVED_SECONDS - 0.01)
    assert bench.served.stale(["/shop", "/nope"]) == []
    bench.clock.pass_by(0.02)
    assert await bench.serves("/nope")
    assert bench.served.stale(["/shop"]) == []
    bench.clock.pass_by(SERVED_SECONDS)
    assert bench.served.stale(["/shop"]) == ["/shop"]


async def test_a_redis_that_lost_its_keys_takes_no_namespace_away() -> None:
    """Gateways announce them again within seconds, and nothing must be left on the queue meanwhile."""
    bench = Bench("any", "/shop")
    assert await bench.serves("/shop")
    bench.namespaces.served = set()
    bench.clock.pass_by(ANNOUNCED_SECONDS - 1)
    assert await bench.serves("/shop")
    bench.namespaces.served = {"any", "/"}
    bench.clock.pass_by(2)
    assert not await bench.serves("/shop")


async def test_while_the_bus_is_away_what_is_known_stays() -> None:
    """Nothing is left on the queue for that: publishing will wait."""
    bench = Bench("any", "/shop")
    assert await bench.serves("/shop")
    assert not await bench.serves("/nope")
    bench.clock.pass_by(SERVED_SECONDS)
    bench.namespaces.away = True
    assert await bench.serves("/shop")
    assert not await bench.serves("/nope")


async def test_what_is_not_known_is_no_guess_while_the_bus_is_away() -> None:
    """Taken for served, a message would be published and lost once the bus is back."""
    bench = Bench("any", "/shop")
    assert await bench.serves("/shop")
    bench.namespaces.away = True
    with pytest.raises(BusUnavailable):
        await bench.serves("/new")


async def test_what_nobody_served_is_asked_for_anew_after_a_long_outage() -> None:
    """By then no gateway is known, which would make every namespace count as served."""
    bench = Bench("any", "/shop")
    assert not await bench.serves("/nope")
    bench.namespaces.away = True
    bench.clock.pass_by(ANNOUNCED_SECONDS)
    with pytest.raises(BusUnavailable):
        await bench.serves("/nope")
    bench.namespaces.away = False
    assert not await bench.serves("/nope")


async def test_no_more_than_so_many_names_are_remembered() -> None:
    """Messages can name any namespace."""
    bench = Bench("any", "/")
    for number in range(MAX_NAMES + 5):
        await bench.serves(f"/{number}")
    assert len(bench.served._checked_at) <= MAX_NAMES
