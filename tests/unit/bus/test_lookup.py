"""Names are looked up once at a time, and leave nothing behind if DNS does not answer."""

import asyncio
import gc
import socket
from typing import Any

import pytest
from redis.exceptions import ConnectionError as ConnectionLost

from queuecast_bus import BusUnavailable, lookup
from queuecast_bus.connection import connect, redis_call
from queuecast_bus.lookup import addresses


class Resolver:
    """Answers when `answered` is set, and counts the questions."""

    def __init__(self, *found: str) -> None:
        self.asked = 0
        self.answered, self.was_asked_twice = asyncio.Event(), asyncio.Event()
        self._found = found

    async def getaddrinfo(self, host: str, port: int, **more: Any) -> list[Any]:
        self.asked += 1
        if self.asked == 2:
            self.was_asked_twice.set()
        await self.answered.wait()
        if not self._found:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(0, 0, 0, "", (address, port)) for address in self._found]


@pytest.fixture
async def complaints() -> list[Any]:
    """What the event loop complains of."""
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    return complaints


async def asked_by(monkeypatch: pytest.MonkeyPatch, resolver: Resolver) -> Resolver:
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolver.getaddrinfo)
    return resolver


async def test_while_dns_does_not_answer_each_name_is_asked_for_once(
    monkeypatch: pytest.MonkeyPatch, complaints: list[Any]
) -> None:
    """Each question occupies a thread, which cannot be interrupted, and each failure was a traceback."""
    resolver = await asked_by(monkeypatch, Resolver())
    tries = [asyncio.create_task(addresses("redis.example", 6379)) for _ in range(20)]
    other = asyncio.create_task(addresses("other.example", 6379))
    await resolver.was_asked_twice.wait()
    for each in tries:
        each.cancel()
    await asyncio.wait(tries)
    again = asyncio.create_task(addresses("redis.example", 6379))
    await asyncio.sleep(0)
    assert resolver.asked == 2
    resolver.answered.set()
    for each in (again, other):
        with pytest.raises(socket.gaierror):
            await each
    again.cancel()
    del tries, again, other
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []


async def test_once_it_is_answered_a_name_is_looked_up_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failover it leads elsewhere."""
    resolver = await asked_by(monkeypatch, Resolver("192.0.2.1", "192.0.2.1", "192.0.2.2"))
    resolver.answered.set()
    for asked in (1, 2):
        assert await addresses("redis.example", 6379) == ["192.0.2.1", "192.0.2.2"]
        assert resolver.asked == asked


@pytest.mark.parametrize("address", ["192.0.2.1", "::1"])
async def test_an_address_is_not_looked_up(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """It is what it is."""
    resolver = await asked_by(monkeypatch, Resolver())
    assert await addresses(address, 6379) == [address]
    assert resolver.asked == 0


async def test_a_name_that_is_not_looked_up_in_time_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator has to look at DNS, not at Redis."""
    monkeypatch.setattr(lookup, "LOOK_UP_SHARE", 0.0)
    resolver = await asked_by(monkeypatch, Resolver("192.0.2.1"))
    with pytest.raises(BusUnavailable, match=r"the name redis\.example was not looked up in") as caught:
        await _ping("redis://redis.example")
    assert isinstance(caught.value.__cause__, ConnectionLost)
    resolver.answered.set()


async def _ping(url: str) -> None:
    async with redis_call("asking"):
        await connect(url).ping()
