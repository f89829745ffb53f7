"""Figures of all replicas: asked for when somebody wants to know, answered by each replica for itself."""

import asyncio
from typing import Any

import pytest

from queuecast_bus import BusUnavailable
from queuecast_gateway.replica import figures as module
from queuecast_gateway.replica.figures import ReplicaFigures


class Wire:
    """Control messages between replicas, which arrive at once. Replicas in `deaf` answer nothing."""

    def __init__(self) -> None:
        self.replicas: dict[str, ReplicaFigures] = {}
        self.deaf: set[str] = set()
        self.questions = 0
        self.away = False
        self.now = 0.0

    def replica(self, host_id: str, name: str) -> ReplicaFigures:
        bus = Bus(self, host_id)

        async def own(about: Any) -> dict[str, Any]:
            return {"replica": name, "about": about}

        made = ReplicaFigures(bus, own, self.clock)
        self.replicas[host_id] = made
        return made

    def clock(self) -> float:
        return self.now


class Bus:
    def __init__(self, wire: Wire, host_id: str) -> None:
        self.wire = wire
        self.host_id = host_id

    async def ask_replicas(self, message: dict[str, Any]) -> int:
        if self.wire.away:
            raise BusUnavailable("nobody there")
        self.wire.questions += 1
        for host_id, replica in self.wire.replicas.items():
            if host_id not in self.wire.deaf:
                await replica.answer(message)
        return len(self.wire.replicas)

    async def send_to_replica(self, replica: str, data: dict[str, Any]) -> int:
        if self.wire.away:
            raise BusUnavailable("nobody there")
        self.wire.replicas[replica].receive(data)
        return 1


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0)


@pytest.fixture
def wire() -> Wire:
    return Wire()


async def names(asking: ReplicaFigures) -> list[tuple[str, bool]]:
    return [(each["replica"], each["answered"]) for each in await asking.of_all(None)]


async def test_every_replica_answers_for_itself(wire: Wire) -> None:
    """Also the one that asks, by the same way; a question says what it is about."""
    one = wire.replica("1", "b")
    wire.replica("2", "a")
    assert await one.of_all("rooms") == [
        {"replica": "a", "about": "rooms", "id": "2", "answered": True, "age_s": 0.0},
        {"replica": "b", "about": "rooms", "id": "1", "answered": True, "age_s": 0.0},
    ]


async def test_many_who_ask_cost_one_question_a_second(wire: Wire) -> None:
    """However many people have the page open."""
    one = wire.replica("1", "a")
    await asyncio.gather(*(one.of_all(None) for _ in range(10)))
    assert wire.questions == 1
    wire.now += 1
    await one.of_all(None)
    assert wire.questions == 2


async def test_a_replica_that_does_not_answer_is_listed_for_a_while(wire: Wire) -> None:
    """It is what an operator looks for. A new one of the same name takes its place."""
    one = wire.replica("1", "a")
    wire.replica("2", "b")
    await one.of_all(None)
    wire.deaf.add("2")
    wire.now += 59
    assert await names(one) == [("a", True), ("b", False)]
    wire.replica("3", "b")
    wire.now += 1
    assert await names(one) == [("a", True), ("b", True)]
    wire.deaf.add("3")
    wire.now += 61
    assert await names(one) == [("a", True)]


async def test_two_replicas_of_one_name_are_two(wire: Wire) -> None:
    """By default a replica has its host's name."""
    one = wire.replica("1", "a")
    wire.replica("2", "a")
    for _ in range(2):
        assert await names(one) == [("a", True), ("a", True)]
        wire.now += 1


async def test_an_answer_to_another_question_is_ignored(wire: Wire) -> None:
    """One that comes too late would pass for news."""
    one = wire.replica("1", "a")
    await one.of_all(None)
    one.receive({"figures_of": "old", "from": "9", "answer": {"replica": "late"}})
    one.receive({"figures_of": "", "from": "9", "answer": {"replica": "late"}})
    assert await names(one) == [("a", True)]


async def test_without_redis_nobody_is_told_anything(wire: Wire) -> None:
    """The asking page is told why; a replica that cannot answer goes on."""
    one = wire.replica("1", "a")
    wire.away = True
    with pytest.raises(BusUnavailable):
        await one.of_all(None)
    await one.answer({"figures": "q", "about": None, "host_id": "1"})
    wire.away = False
    assert await names(one) == [("a", True)]


async def test_the_list_of_replicas_is_bounded(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that can grow has a limit."""
    monkeypatch.setattr(module, "MAX_REPLICAS", 2)
    one = wire.replica("1", "a")
    for number in range(2, 6):
        wire.replica(str(number), f"b{number}")
    assert len(await one.of_all(None)) == 2
