"""Sessions as Redis has them: what its scripts do when two replicas speak of the same one."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from queuecast_bus import BusManager, Record
from queuecast_gateway.sessions import Claimed, Sessions, State

from .conftest import Redis, bus_settings

STATE = State("sid", "/", ("a",), "5-0")


class Replica:
    """What one replica says of sessions."""

    def __init__(self, settings: Any) -> None:
        self.bus = BusManager(settings, write_only=True)
        self.me = self.bus.host_id
        self._sessions = Sessions(self.bus, ttl_seconds=60)

    async def says(self, verb: Any, state: State = STATE, pid: str = "pid") -> None:
        self._sessions.note(pid, verb, state)
        await self._sessions.flush()

    async def claims(self, namespace: str = "/", pid: str = "pid") -> Claimed | None:
        return await self._sessions.claim(pid, namespace, "")

    async def loses(self, up_to: str) -> None:
        self._sessions.lost(up_to)
        await self._sessions.flush()


@pytest.fixture
async def replicas(shared_redis: Redis) -> AsyncIterator[tuple[Replica, Replica]]:
    settings = bus_settings(shared_redis.url)
    one, two = Replica(settings), Replica(settings)
    yield one, two
    for each in (one, two):
        await each.bus.aclose()


def owner(claimed: Claimed | None) -> str:
    """Return who had the session."""
    assert claimed is not None
    return claimed.owner


async def test_a_session_is_found_as_it_was_left(replicas: tuple[Replica, Replica]) -> None:
    """Whatever is in the names of its rooms."""
    one, two = replicas
    rooms = ["a", 'é"\\\n', "☕", "x" * 256]
    await one.says("save", STATE._replace(rooms=rooms))
    assert await two.claims() == Claimed(State("sid", "/", rooms, "5-0"), one.me, "0-0", "0-0", 1)


async def test_the_offset_of_the_first_word_stays(replicas: tuple[Replica, Replica]) -> None:
    """Who never got one has missed all since then."""
    one, two = replicas
    await one.says("save")
    await one.says("save", STATE._replace(rooms=["a", "b"], offset="9-0"))
    assert await two.claims() == Claimed(State("sid", "/", ["a", "b"], "5-0"), one.me, "0-0", "0-0", 1)


async def test_who_takes_a_session_over_has_it(replicas: tuple[Replica, Replica]) -> None:
    """What the other has still to say is void: it may have stood still for a minute."""
    one, two = replicas
    await one.says("save")
    assert owner(await two.claims()) == one.me
    for verb in ("save", "left", "drop"):
        await one.says(verb, STATE._replace(rooms=["old"]))
    await two.says("save", STATE._replace(rooms=["new"]))
    assert await one.claims() == Claimed(State("sid", "/", ["new"], "5-0"), two.me, "0-0", "0-0", 2)


async def test_a_session_that_has_left_is_nobodys(replicas: tuple[Replica, Replica]) -> None:
    """Nobody has to be asked to close it; and whoever speaks next has it."""
    one, two = replicas
    await one.says("save")
    await one.says("left")
    assert owner(await two.claims()) == ""
    await two.says("left")
    assert owner(await one.claims()) == ""


async def test_a_session_that_was_dropped_is_gone(replicas: tuple[Replica, Replica]) -> None:
    """By its own replica alone."""
    one, two = replicas
    await one.says("save")
    await two.says("drop")
    assert owner(await one.claims()) == one.me
    await one.says("drop")
    assert await two.claims() is None


async def test_a_session_is_found_in_its_namespace_alone(replicas: tuple[Replica, Replica]) -> None:
    """And asking in another changes nothing about whose it is."""
    one, two = replicas
    await one.says("save")
    assert await two.claims("/shop") is None
    assert owner(await two.claims()) == one.me


async def test_sessions_end_by_themselves(replicas: tuple[Replica, Replica], shared_redis: Redis) -> None:
    """Every word makes them last for as long as a browser may be away, and no longer."""
    one, two = replicas
    key = one.bus.keys.session("pid")
    for word in (one.says("save"), two.claims(), two.says("left")):
        await word
        assert 50_000 < shared_redis.client.pttl(key) <= 60_000
        shared_redis.client.pexpire(key, 10_000)


async def test_a_claim_tells_how_far_the_stream_goes(replicas: tuple[Replica, Replica]) -> None:
    """An offset beyond it was given by a Redis that has lost its data since."""
    one, two = replicas
    await one.says("save")
    (stored,) = await one.bus.publish([(Record("e", b"[]"), None)])
    claimed = await two.claims()
    assert claimed is not None
    assert claimed.tail == stored.offset


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (["5-1"], "5-1"),
        (["5-1", "5-0"], "5-1"),
        (["5-1", "5-2"], "5-2"),
        (["9-0", "10-0"], "10-0"),
        (["10-0", "9-9"], "10-0"),
        (["1785110400000-7", "1785110400001-0"], "1785110400001-0"),
    ],
)
async def test_the_newest_loss_counts(
    replicas: tuple[Replica, Replica], shared_redis: Redis, words: list[str], known: str
) -> None:
    """Replicas had read up to different records; the most careful word protects all browsers."""
    one, two = replicas
    await one.says("save")
    for replica, up_to in zip((one, two), words, strict=False):
        await replica.loses(up_to)
    claimed = await two.claims()
    assert claimed is not None
    assert claimed.lost_up_to == known
    assert 50_000 < shared_redis.client.pttl(one.bus.keys.rewound) <= 60_000
