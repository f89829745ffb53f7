"""What a poller believes of the namespaces that gateways serve."""

from typing import Any

import pytest
from tests.unit.fakes import FakeBus, FakeClock

from queuecast_bus import BusUnavailable
from queuecast_bus.namespaces import LASTING_SECONDS
from queuecast_poller.served import ABSENT_SECONDS, GOOD_SECONDS, MAX_NAMES, Served


class Bench:
    def __init__(self, *namespaces: str) -> None:
        self.clock = FakeClock()
        bus: Any = FakeBus()
        self.namespaces = bus.namespaces
        self.namespaces.served = set(namespaces)
        self.served = Served(bus, self.clock)

    async def serves(self, name: str) -> bool:
        if stale := self.served.stale([name]):
            await self.served.ask(stale)
        return self.served.serves(name)


async def test_what_a_gateway_announced_is_served_and_nothing_else() -> None:
    """The bus is asked once for each, until that is too old."""
    bench = Bench("any", "/shop")
    assert await bench.serves("/shop")
    assert not await bench.serves("/nope")
    assert not await bench.serves("/"), "gateways are there, and none of them serves it"
    assert await bench.serves("/shop")
    assert bench.namespaces.asked == [["/shop"], ["/nope"], ["/"]]


async def test_while_no_gateway_is_known_every_namespace_is_taken_for_served() -> None:
    """What comes while they are all away is for the stream to keep, for browsers that come back."""
    bench = Bench()
    assert await bench.serves("/")
    assert await bench.serves("/shop")
    bench.namespaces.served = {"any", "/"}
    bench.clock.pass_by(GOOD_SECONDS)
    assert not await bench.serves("/shop")


async def test_the_bus_is_asked_again_after_a_while() -> None:
    """Sooner for what was not there: whoever starts a gateway for it should not wait."""
    bench = Bench("any", "/shop")
    assert await bench.serves("/shop")
    assert not await bench.serves("/nope")
    bench.namespaces.served = {"any", "/nope"}
    bench.clock.pass_by(ABSENT_SECONDS - 0.01)
    assert bench.served.stale(["/shop", "/nope"]) == []
    bench.clock.pass_by(0.02)
    assert await bench.serves("/nope")
    assert bench.served.stale(["/shop"]) == []
    bench.clock.pass_by(GOOD_SECONDS)
    assert bench.served.stale(["/shop"]) == ["/shop"]


async def test_a_redis_that_lost_its_keys_takes_no_namespace_away() -> None:
    """Gateways say them anew within seconds; nothing is to be left on the queue meanwhile."""
    bench = Bench("any", "/shop")
    assert await bench.serves("/shop")
    bench.namespaces.served = set()
    bench.clock.pass_by(LASTING_SECONDS - 1)
    assert await bench.serves("/shop")
    bench.namespaces.served = {"any", "/"}
    bench.clock.pass_by(2)
    assert not await bench.serves("/shop")


async def test_while_the_bus_is_away_what_is_known_stays() -> None:
    """Nothing is left on the queue for it: to publish will wait."""
    bench = Bench("any", "/shop")
    assert await bench.serves("/shop")
    assert not await bench.serves("/nope")
    bench.clock.pass_by(GOOD_SECONDS)
    bench.namespaces.away = True
    assert await bench.serves("/shop")
    assert not await bench.serves("/nope")


async def test_what_is_not_known_is_no_guess_while_the_bus_is_away() -> None:
    """Taken for served, its message would be published and lost once the bus is back."""
    bench = Bench("any", "/shop")
    assert await bench.serves("/shop")
    bench.namespaces.away = True
    with pytest.raises(BusUnavailable):
        await bench.serves("/new")


async def test_what_nobody_served_is_asked_for_anew_after_a_long_outage() -> None:
    """By then no gateway is known, which would make every namespace one that is served."""
    bench = Bench("any", "/shop")
    assert not await bench.serves("/nope")
    bench.namespaces.away = True
    bench.clock.pass_by(LASTING_SECONDS)
    with pytest.raises(BusUnavailable):
        await bench.serves("/nope")
    bench.namespaces.away = False
    assert not await bench.serves("/nope")


async def test_no_more_than_so_many_names_are_remembered() -> None:
    """Messages can name any."""
    bench = Bench("any", "/")
    for number in range(MAX_NAMES + 5):
        await bench.serves(f"/{number}")
    assert len(bench.served._asked) <= MAX_NAMES
