"""How a replica announces its part: changes, or all of it whenever it is not sure what Redis has."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from queuecast_bus import BusUnavailable
from queuecast_bus.keys import Keys
from queuecast_gateway.presence.announcements import MOST_ENTRIES, STEP_ROOMS, Announcements
from queuecast_gateway.presence.own_part import OwnPart, key_of
from queuecast_gateway.presence.totals import Totals

ROOM = key_of("/", "a")


class FakeRedis:
    """Notes each step; `answers` has what it says to the next ones, otherwise that all is well."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []
        self.answers: list[Any] = []
        self.parts: dict[str, bytes] = {}

    def register_script(self, _: str) -> Any:
        return self._run

    async def _run(self, keys: list[str], args: list[Any]) -> Any:
        _, lease_ms, step, _, read_to, _, _, added, *pairs = args
        self.steps.append(
            {
                "step": step,
                "lease_ms": lease_ms,
                "reads": read_to >= 0,
                "added": json.loads(added) if added else None,
                "parts": dict(zip(pairs[::2], pairs[1::2], strict=True)),
            }
        )
        answer = self.answers.pop(0) if self.answers else [1, 0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def hmget(self, key: str, fields: list[str]) -> list[bytes | None]:
        return [self.parts.get(field) for field in fields]


@pytest.fixture
def redis() -> FakeRedis:
    return FakeRedis()


@pytest.fixture
def announcements(redis: FakeRedis) -> Announcements:
    bus: Any = SimpleNamespace(host_id="me", keys=Keys(), commands=redis)
    return Announcements(bus, "gateway-1")


@pytest.fixture
def own() -> OwnPart:
    own = OwnPart(1_000, 10, lambda _: None)
    own.enter(ROOM, "1", "ann", list)
    return own


async def test_the_first_step_announces_everything_and_the_next_ones_changes(
    redis: FakeRedis, announcements: Announcements, own: OwnPart
) -> None:
    """A quiet replica only renews its lease."""
    await announcements.exchange(own, Totals())
    own.enter(ROOM, "2", "bob", list)
    await announcements.exchange(own, Totals())
    own.leave(ROOM, "1")
    own.leave(ROOM, "2")
    await announcements.exchange(own, Totals())
    await announcements.exchange(own, Totals())
    await announcements.withdraw()
    whole, renewed, one, two, quiet, end = redis.steps
    assert (whole["step"], whole["added"]) == (0, ["me"])
    assert whole["parts"] == {"replica": "gateway-1", ROOM: '{"ann":1}'}
    assert renewed["added"] is None
    assert (one["parts"], one["added"]) == ({ROOM: '{"ann":1,"bob":1}'}, ["me", {ROOM: {"bob": 1}}])
    assert (two["parts"], two["added"]) == ({ROOM: ""}, ["me", {ROOM: {"ann": 0, "bob": 0}}])
    assert (quiet["parts"], quiet["added"], quiet["reads"]) == ({}, None, False)
    assert [step["step"] for step in redis.steps] == [0, 1, 2, 3, 4, 5]
    assert end["lease_ms"] == 0
    assert announcements.begun == 1


async def test_a_large_part_is_announced_in_several_steps(
    redis: FakeRedis, announcements: Announcements, own: OwnPart
) -> None:
    """The others read it when it is whole."""
    for number in range(STEP_ROOMS):
        own.enter(key_of("/", f"{number}"), "1", "", list)
    await announcements.exchange(own, Totals())
    assert [(each["step"], each["added"]) for each in redis.steps] == [(0, None), (1, ["me"]), (2, None)]
    assert sum(len(each["parts"]) for each in redis.steps) == STEP_ROOMS + 2


@pytest.mark.parametrize("answer", [[0, 0], [0, 1, 7, b"name", b"me"], BusUnavailable("no answer")])
async def test_all_is_announced_again_if_redis_may_have_something_else(
    redis: FakeRedis, announcements: Announcements, own: OwnPart, answer: Any
) -> None:
    """After a lease that ended, lost data or a lost answer; changes of that time are in it."""
    totals = Totals()
    totals.watch(ROOM)
    await announcements.exchange(own, totals)
    own.enter(ROOM, "2", "bob", list)
    redis.answers = [answer]
    try:
        await announcements.exchange(own, totals)
    except BusUnavailable:
        assert isinstance(answer, Exception)
    redis.steps.clear()
    await announcements.exchange(own, totals)
    assert (redis.steps[0]["step"], redis.steps[0]["added"]) == (0, ["me"])
    assert redis.steps[0]["parts"][ROOM] == '{"ann":1,"bob":1}'
    assert announcements.begun == 2


async def test_a_part_that_redis_does_not_know_never_begins_with_a_few_changes(
    redis: FakeRedis, announcements: Announcements, own: OwnPart
) -> None:
    """Also if there is more to read of the log: others would take the changes for all of it."""
    totals = Totals()
    totals.watch(ROOM)
    redis.answers = [[1, 0], [1, 1, 7, b"name", b"me"]]
    await announcements.exchange(own, totals)
    own.enter(ROOM, "2", "bob", list)
    entries = [b'%d name ["other"]' % number for number in range(8, 8 + MOST_ENTRIES)]
    redis.answers = [[0, 0, *entries]]
    await announcements.exchange(own, totals)
    own.enter(key_of("/", "b"), "3", "eve", list)
    await announcements.exchange(own, totals)
    begins = [each for each in redis.steps if each["step"] == 0]
    assert [set(each["parts"]) for each in begins] == [
        {"replica", ROOM},
        {"replica", ROOM, key_of("/", "b")},
    ]


async def test_the_log_is_read_to_its_end(
    redis: FakeRedis, announcements: Announcements, own: OwnPart
) -> None:
    """Changes, whole parts and ends of others; after a gap all parts are read anew."""
    totals = Totals()
    total = totals.watch(ROOM)
    redis.parts[ROOM] = b'{"bob":1}'
    redis.answers = [[1, 0], [1, 1, 7, b"name", b"me", b"other"]]
    await announcements.exchange(own, totals)
    assert (total.count, total.is_known, totals.living) == (1, True, {"me", "other"})
    full = [b'%d name ["other",{"%b":{"eve":1}}]' % (number, ROOM.encode()) for number in range(8, 58)]
    redis.answers = [[1, 0, *full], [1, 0, b'58 name ["other",{"%b":{"bob":0}}]' % ROOM.encode()]]
    await announcements.exchange(own, totals)
    assert set(total.users) == {"bob", "eve"}
    redis.answers = [[1, 0, b'59 name "other"']]
    await announcements.exchange(own, totals)
    assert (set(total.users), totals.living) == ({"bob"}, {"me"})
    redis.parts.clear()
    redis.answers = [[1, 0, b'60 name ["me"]']]
    await announcements.exchange(own, totals)
    assert total.count == 0


async def test_parts_that_cannot_be_read_are_read_the_next_time(
    redis: FakeRedis, announcements: Announcements, own: OwnPart, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then nobody is told anything of the room."""
    totals = Totals()
    total = totals.watch(ROOM)
    redis.answers = [[1, 0], [1, 1, 7, b"name", b"me"]]

    async def fail(key: str, fields: list[str]) -> list[bytes | None]:
        raise OSError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(redis, "hmget", fail)
        with pytest.raises(BusUnavailable):
            await announcements.exchange(own, totals)
    assert not total.is_known
    redis.answers = [[1, 1, 7, b"name", b"me"]]
    redis.parts[ROOM] = b'{"ann":1}'
    await announcements.exchange(own, totals)
    assert (total.count, total.is_known) == (1, True)
