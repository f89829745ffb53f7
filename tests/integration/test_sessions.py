"""Sessions in Redis: what the scripts do when two replicas update the same session."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from queuecast_bus import BusManager, Record
from queuecast_gateway.recovery.session_state import Claimed, State
from queuecast_gateway.recovery.session_store import SessionStore

from .services import Redis, bus_settings

pytestmark = pytest.mark.usefixtures("patient_bus")

STATE = State("sid", "/", {"a": "5-0"}, "5-0")


class Replica:
    """One replica's updates of sessions."""

    def __init__(self, settings: Any) -> None:
        self.bus = BusManager(settings, write_only=True)
        self.me = self.bus.host_id
        self.rooms = dict(STATE.rooms)
        self._sessions = SessionStore(self.bus, ttl_seconds=60, away_seconds=30)

    async def says(self, verb: Any, state: State = STATE, pid: str = "pid") -> None:
        self._sessions.note(pid, verb, state)
        await self._sessions.flush()

    async def moves(self, entered: str = "", left: str = "", at: str = "6-0", verb: Any = "here") -> None:
        """Make the session enter and leave a room, and store that."""
        if entered:
            self.rooms[entered] = at
            self._sessions.changed("pid", self._state, entered, entered=True)
        if left:
            del self.rooms[left]
            self._sessions.changed("pid", self._state, left, entered=False)
        await self.says(verb, self._state)

    @property
    def _state(self) -> State:
        return STATE._replace(rooms=self.rooms)

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
    """Return the replica that owned the session."""
    assert claimed is not None
    return claimed.owner


async def test_a_session_is_found_as_it_was_left(replicas: tuple[Replica, Replica]) -> None:
    """The names of its rooms may contain anything."""
    one, two = replicas
    names = ["a", 'é"\\\n', "☕", "x" * 256, *map(str, range(700))]
    rooms = {name: f"{number}-1" for number, name in enumerate(names)}
    await one.says("save", STATE._replace(rooms=rooms))
    assert await two.claims() == Claimed(State("sid", "/", rooms, "5-0"), one.me, "0-0", "0-0", 1, "5-0")


async def test_the_offset_of_the_first_word_stays(replicas: tuple[Replica, Replica]) -> None:
    """A client that never got an offset has missed everything since then."""
    one, two = replicas
    await one.says("save")
    await one.says("save", STATE._replace(rooms={"a": "5-0", "b": "9-0"}, offset="9-0"))
    assert await two.claims() == Claimed(
        State("sid", "/", {"a": "5-0", "b": "9-0"}, "5-0"), one.me, "0-0", "0-0", 1, "9-0"
    )


async def test_what_a_session_enters_and_leaves_is_written_down(replicas: tuple[Replica, Replica]) -> None:
    """Unchanged rooms are not sent again, but stay stored."""
    one, two = replicas
    await one.says("save")
    await one.moves(entered="b", at="6-0")
    await one.moves(entered="c", left="a", at="7-0")
    await one.moves()
    await one.moves(left="b", verb="left")
    claimed = await two.claims()
    assert claimed is not None
    assert claimed.state.rooms == {"c": "7-0"}
    assert claimed.owner == ""


async def test_a_room_that_is_left_and_entered_again_counts_from_then(
    replicas: tuple[Replica, Replica],
) -> None:
    """While it was out of the room, the room's events were not meant for it."""
    one, two = replicas
    await one.says("save")
    one.rooms["b"] = "6-0"
    await one.moves(entered="c", left="a", at="6-0")
    await one.moves(entered="a", at="9-0")
    claimed = await two.claims()
    assert claimed is not None
    assert claimed.state.rooms == {"a": "9-0", "b": "6-0", "c": "6-0"}


@pytest.mark.parametrize("lost", ["all of it", "a room", "the newest word"])
async def test_what_redis_has_lost_of_a_session_is_sent_again(
    replicas: tuple[Replica, Replica], shared_redis: Redis, lost: str
) -> None:
    """After a failover Redis may lack the last updates; the session's next ping restores them."""
    one, two = replicas
    key = one.bus.keys.session("pid")
    await one.says("save")
    before = shared_redis.client.hgetall(key)
    await one.moves(entered="b", at="6-0")
    if lost == "all of it":
        shared_redis.client.delete(key)
    elif lost == "a room":
        shared_redis.client.hdel(key, "mark", "room:b")
    else:
        shared_redis.client.delete(key)
        shared_redis.client.hset(key, mapping=before)
    await one.moves(verb="here" if lost == "a room" else "left")
    claimed = await two.claims()
    assert claimed is not None
    assert claimed.state.rooms == {"a": "5-0", "b": "6-0"}


async def test_a_word_about_nothing_new_moves_little(
    replicas: tuple[Replica, Replica], shared_redis: Redis
) -> None:
    """A ping does not send the session's rooms: 240 sessions with long ones blocked Redis for 678 ms."""
    one, _ = replicas
    await one.says("save", STATE._replace(rooms=one.rooms))
    one.rooms |= {f"{number}".ljust(250, "x"): "6-0" for number in range(100)}
    await one.says("save", STATE._replace(rooms=one.rooms))
    before = shared_redis.client.info("stats")["total_net_input_bytes"]
    for _ in range(10):
        await one.moves()
    assert shared_redis.client.info("stats")["total_net_input_bytes"] - before < 10 * 1_000


async def test_a_replica_that_takes_a_session_over_owns_it(replicas: tuple[Replica, Replica]) -> None:
    """The other replica's late updates are void: it may have been paused for a minute."""
    one, two = replicas
    await one.says("save")
    assert owner(await two.claims()) == one.me
    for verb in ("save", "here", "left", "sent_away", "drop"):
        await one.says(verb, STATE._replace(rooms={"old": "6-0"}))
    await two.says("save", STATE._replace(rooms={"new": "7-0"}))
    assert await one.claims() == Claimed(
        State("sid", "/", {"new": "7-0"}, "5-0"), two.me, "0-0", "0-0", 2, "5-0"
    )


async def test_a_session_that_has_left_is_nobodys(replicas: tuple[Replica, Replica]) -> None:
    """No replica has to be asked to close it, and the next to claim it owns it."""
    one, two = replicas
    await one.says("save")
    await one.says("left")
    assert owner(await two.claims()) == ""
    await two.says("left")
    assert owner(await one.claims()) == ""


async def test_a_claim_tells_whether_the_connection_was_closed(
    replicas: tuple[Replica, Replica],
) -> None:
    """Once: the session's next connection may break off."""
    one, two = replicas
    await one.says("save")
    await one.says("sent_away")
    for replica, sent_away in ((two, True), (one, False)):
        claimed = await replica.claims()
        assert claimed is not None
        assert claimed.sent_away is sent_away
    await one.moves(entered="b")
    await one.moves(verb="sent_away")
    claimed = await two.claims()
    assert claimed is not None
    assert (claimed.owner, claimed.sent_away, claimed.state.rooms) == ("", True, {"a": "5-0", "b": "6-0"})


async def test_a_session_that_was_dropped_is_gone(replicas: tuple[Replica, Replica]) -> None:
    """Only the replica that owns it can drop it."""
    one, two = replicas
    await one.says("save")
    await two.says("drop")
    assert owner(await one.claims()) == one.me
    await one.says("drop")
    assert await two.claims() is None


async def test_a_session_is_found_in_its_namespace_alone(replicas: tuple[Replica, Replica]) -> None:
    """A claim in another namespace does not change the owner."""
    one, two = replicas
    await one.says("save")
    assert await two.claims("/shop") is None
    assert owner(await two.claims()) == one.me


async def test_sessions_end_by_themselves(replicas: tuple[Replica, Replica], shared_redis: Redis) -> None:
    """An update keeps a session until the next one is overdue; after its end it is kept for as long as a
    browser may be away, and no longer.
    """
    one, two = replicas
    key = one.bus.keys.session("pid")
    for word, seconds in (
        (one.says("save"), 60),
        (one.says("here"), 60),
        (two.claims(), 60),
        (two.says("save"), 60),
        (two.says("left"), 30),
    ):
        await word
        assert 1_000 * (seconds - 10) < shared_redis.client.pttl(key) <= 1_000 * seconds
        shared_redis.client.pexpire(key, 20_000)  # less than any of these, and long for a busy machine


async def test_a_claim_tells_how_far_the_stream_goes(replicas: tuple[Replica, Replica]) -> None:
    """An offset beyond it comes from a Redis that has lost data since."""
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
    """Replicas had read up to different records; the newest position protects all browsers."""
    one, two = replicas
    await one.says("save")
    for replica, up_to in zip((one, two), words, strict=False):
        await replica.loses(up_to)
    claimed = await two.claims()
    assert claimed is not None
    assert claimed.lost_up_to == known
    assert 50_000 < shared_redis.client.pttl(one.bus.keys.rewound) <= 60_000
