"""What is said of sessions reaches Redis: many at a time, the newest word last, and none too many."""

import asyncio
import json
from typing import Any, cast

import pytest
from redis.exceptions import ConnectionError as Refused

from queuecast_bus import BusUnavailable
from queuecast_bus.keys import Keys
from queuecast_gateway import sessions as module
from queuecast_gateway.session_state import State, mark
from queuecast_gateway.sessions import BATCH, BATCH_BYTES, CLAIMS, Claimed, Sessions

PREFIX = "queuecast:{socketio}:session:"


class FakeRedis:
    """The commands of a bus: keeps what the scripts were called with, refuses while `away`, or so many
    times.

    A call waits for `going_on`.
    """

    def __init__(self) -> None:
        self.keys = Keys()
        self.host_id = "replica-1"
        self.away = False
        self.failures = 0
        self.going_on = asyncio.Event()
        self.going_on.set()
        self.answered = asyncio.Event()
        self.answer: list[Any] | None = None
        self.again: list[int] = []
        self.calls: list[tuple[list[str], list[Any]]] = []
        self.registered: list[str] = []

    @property
    def commands(self) -> "FakeRedis":
        return self

    def register_script(self, text: str) -> Any:
        self.registered.append(text)
        return self._call

    async def _call(self, *, keys: list[str], args: list[Any]) -> list[Any] | None:
        self.calls.append((keys, args))
        await self.going_on.wait()
        if self.away or self.failures:
            self.failures = max(0, self.failures - 1)
            raise Refused("nobody there")
        self.answered.set()
        if not isinstance(args[-1], bytes):
            return self.answer
        again, self.again = self.again, []
        return again

    @property
    def written(self) -> list[dict[str, tuple[Any, ...]]]:
        """By call of the script that writes: what was said of each private id."""
        return [
            {
                key.removeprefix(PREFIX): tuple(said)
                for key, said in zip(keys, json.loads(args[-1]), strict=True)
            }
            for keys, args in self.calls
            if isinstance(args[-1], bytes)
        ]


@pytest.fixture
def redis() -> FakeRedis:
    return FakeRedis()


@pytest.fixture
def sessions(redis: FakeRedis) -> Sessions:
    return Sessions(cast("Any", redis), ttl_seconds=60, away_seconds=30)


def state(sid: str = "sid", *rooms: str, offset: str = "1-0") -> State:
    return State(sid, "/", dict.fromkeys(rooms, offset), offset)


def whole(said: State, *, away: int = 0) -> tuple[Any, ...]:
    """Return what the script is told of all of a session."""
    entered = [text for room in said.rooms.items() for text in room]
    return "save", away, f"{mark(said.rooms):x}", entered, said.sid, said.namespace, said.offset, said.subject


async def test_what_is_noted_is_written_down_at_once(sessions: Sessions, redis: FakeRedis) -> None:
    """A replica that is killed says nothing: what Redis does not know is lost."""
    running = asyncio.create_task(sessions.run())
    await asyncio.sleep(0)
    sessions.note("pid", "save", state("sid", "a", "b"))
    sessions.note("other", "left", state("sid-2"))
    for _ in range(5):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    (keys, args), *more = redis.calls
    assert more == []
    assert keys == [f"{PREFIX}pid", f"{PREFIX}other"]
    assert args[:3] == ["replica-1", 60_000, 30_000]
    assert redis.written == [
        {"pid": whole(state("sid", "a", "b")), "other": ("more", 1, "0", [], "0", [], "1-0")}
    ]


async def test_the_newest_word_on_a_session_counts(sessions: Sessions, redis: FakeRedis) -> None:
    """A hundred rooms entered in one turn are one word."""
    for number in range(100):
        sessions.note("pid", "save", state("sid", *map(str, range(number))))
    sessions.note("pid", "left", state("sid", "a"))
    await sessions.flush()
    assert redis.written == [{"pid": whole(state("sid", "a"), away=1)}]


async def test_many_are_written_down_in_turn(sessions: Sessions, redis: FakeRedis) -> None:
    """A script that is too long holds up Redis for everyone; those who waited longest come first."""
    for number in range(2 * BATCH + 1):
        sessions.note(f"{number}", "save", state())
    await sessions.flush()
    assert [len(call) for call in redis.written] == [BATCH, BATCH, 1]
    assert [pid for call in redis.written for pid in call] == [str(n) for n in range(2 * BATCH + 1)]
    await sessions.flush()
    assert len(redis.calls) == 3


async def test_a_write_is_bounded_in_bytes(sessions: Sessions, redis: FakeRedis) -> None:
    """A script reads all of its text before it does anything, and nobody else is served meanwhile."""
    rooms = [f"{number}".ljust(250, "x") for number in range(30)]
    for number in range(10):
        sessions.note(f"{number}", "save", state("sid", *rooms))
    sessions.note("long", "save", state("sid", *(f"{name}{n}" for n in range(5) for name in rooms)))
    await sessions.flush()
    sizes = [len(args[-1]) for _, args in redis.calls]
    assert [len(call) for call in redis.written] == [4, 4, 2, 1]
    assert max(sizes[:-1]) <= BATCH_BYTES < sizes[-1], "one that is too long by itself goes alone"


async def test_what_has_changed_is_said_and_nothing_else(sessions: Sessions, redis: FakeRedis) -> None:
    """What a browser does costs Redis what it changes, however many rooms its session is in."""
    one = state("sid", *map(str, range(100)))
    rooms = cast("dict[str, str]", one.rooms)
    before = mark(rooms)
    del rooms["7"]
    sessions.changed("pid", one, "7", entered=False)
    rooms["new"] = "9-0"
    sessions.changed("pid", one, "new", entered=True)
    rooms["short"] = "9-0"
    sessions.changed("pid", one, "short", entered=True)
    del rooms["short"]
    sessions.changed("pid", one, "short", entered=False)
    await sessions.flush()
    sessions.note("pid", "here", one)
    await sessions.flush()
    after = f"{mark(rooms):x}"
    assert [call["pid"] for call in redis.written] == [
        ("more", 0, after, ["new", "9-0"], f"{before:x}", ["7"], "1-0"),
        ("more", 0, after, [], after, [], "1-0"),
    ]


async def test_all_is_said_of_a_session_that_redis_has_otherwise(
    sessions: Sessions, redis: FakeRedis
) -> None:
    """It has lost a word, or the session: what changed since would be added to something else."""
    sessions.note("fine", "here", state("sid-1", "a"))
    sessions.note("lost", "here", state("sid-2", "b"))
    redis.again = [2]
    await sessions.flush()
    assert redis.written[1:] == [{"lost": whole(state("sid-2", "b"))}]


async def test_while_redis_is_away_nothing_is_forgotten(sessions: Sessions, redis: FakeRedis) -> None:
    """Browsers come and go meanwhile; what was said is said when it is back."""
    redis.away = True
    sessions.note("a", "save", state())
    sessions.note("b", "save", state())
    with pytest.raises(BusUnavailable, match="writing down sessions"):
        await sessions.flush()
    sessions.note("c", "save", state())
    sessions.note("a", "left", state())
    redis.away = False
    await sessions.flush()
    assert {pid: said[:2] for pid, said in redis.written[-1].items()} == {
        "a": ("save", 1),
        "b": ("save", 0),
        "c": ("save", 0),
    }


async def test_a_word_that_comes_while_an_older_one_fails_counts(
    sessions: Sessions, redis: FakeRedis
) -> None:
    """What is said again must not undo what was said since."""
    redis.going_on.clear()
    sessions.note("pid", "save", state())
    flushing = asyncio.create_task(sessions.flush())
    await asyncio.sleep(0)
    sessions.note("pid", "drop", state())
    redis.away = True
    redis.going_on.set()
    with pytest.raises(BusUnavailable):
        await flushing
    redis.away = False
    await sessions.flush()
    assert redis.written[-1]["pid"][0] == "drop"


async def test_a_word_that_is_confirmed_is_the_last(sessions: Sessions, redis: FakeRedis) -> None:
    """An older one on its way would take the rooms of an acknowledged `subscribe` away again."""
    redis.going_on.clear()
    sessions.note("pid", "save", state("sid"))
    flushing = asyncio.create_task(sessions.flush())
    await asyncio.sleep(0)
    subscribed = state("sid", "subscribed")
    sessions.changed("pid", subscribed, "subscribed", entered=True)
    saving = asyncio.create_task(sessions.confirm("pid", subscribed))
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(redis.calls) == 1, "one at a time"
    redis.failures = 1
    redis.going_on.set()
    with pytest.raises(BusUnavailable):
        await flushing
    await saving
    await sessions.flush()
    assert [call["pid"][3] for call in redis.written] == [[], ["subscribed", "1-0"]]


async def test_many_that_are_saved_at_once_wait_for_few_answers(sessions: Sessions, redis: FakeRedis) -> None:
    """A thousand browsers subscribe after a deployment; none of them waits for a thousand answers."""
    redis.going_on.clear()
    saving = [asyncio.create_task(sessions.confirm(f"{number}", state())) for number in range(BATCH)]
    for _ in range(5):
        await asyncio.sleep(0)
    redis.going_on.set()
    await asyncio.gather(*saving)
    assert [len(call) for call in redis.written] == [1, BATCH - 1]


async def test_a_claim_comes_after_what_was_said(sessions: Sessions, redis: FakeRedis) -> None:
    """Who has just left for good must not find its session again, however quick it is."""
    sessions.note("pid", "drop", state())
    assert await sessions.claim("pid", "/", "") is None
    assert redis.written[0]["pid"][0] == "drop"
    assert redis.calls[1][1][2] == "/"


async def test_what_waits_is_bounded(
    sessions: Sessions, redis: FakeRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Redis that is away for long fills no memory; what is left out is said with the next ping."""
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    for number in range(5):
        sessions.note(f"{number}", "save", state())
    sessions.note("0", "left", state())
    await sessions.flush()
    assert {pid: said[:2] for pid, said in redis.written[0].items()} == {
        "0": ("save", 1),
        "1": ("save", 0),
        "2": ("save", 0),
    }


async def test_it_is_tried_until_redis_is_back(
    sessions: Sessions, redis: FakeRedis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With a back-off, and one line in the log, however long it takes."""
    attempts: list[int] = []

    def back_off(attempt: int) -> float:
        attempts.append(attempt)
        redis.away = attempt < 3
        return 0

    monkeypatch.setattr(module, "jittered", back_off)
    redis.away = True
    sessions.note("pid", "save", state())
    running = asyncio.create_task(sessions.run())
    await redis.answered.wait()
    running.cancel()
    await asyncio.wait([running])
    assert attempts == [0, 1, 2, 3]
    assert caplog.text.count("sessions are not written down") == 1


async def test_a_session_can_be_saved_now(sessions: Sessions, redis: FakeRedis) -> None:
    """What a browser is told must be true already."""
    one = state("sid", "a")
    sessions.note("pid", "save", one)
    await sessions.confirm("pid", one)
    await sessions.flush()
    assert redis.written == [{"pid": whole(one)}], "it is not said twice"


async def test_a_session_that_is_not_saved_now_is_said_so(sessions: Sessions, redis: FakeRedis) -> None:
    """The browser is refused; its rooms stay as they were."""
    redis.away = True
    with pytest.raises(BusUnavailable, match="writing down sessions"):
        await sessions.confirm("pid", state())


async def test_a_session_is_taken_over(sessions: Sessions, redis: FakeRedis) -> None:
    """With all that any replica needs to know of it."""
    redis.answer = [
        b"sid",
        b"5-0",
        b"replica-2",
        b"9-1",
        b"3-0",
        4,
        b"8-0",
        b"a",
        b"6-0",
        b"\xc3\xa9",
        b"7-0",
    ]
    assert await sessions.claim("pid", "/shop", "ann") == Claimed(
        State("sid", "/shop", {"a": "6-0", "é": "7-0"}, "5-0", "ann"), "replica-2", "9-1", "3-0", 4, "8-0"
    )
    ((keys, args),) = redis.calls
    assert keys == [f"{PREFIX}pid", "queuecast:{socketio}:tail", "queuecast:{socketio}:rewound"]
    assert args == ["replica-1", 60_000, "/shop", "ann"]


async def test_few_sessions_are_taken_over_at_a_time(sessions: Sessions, redis: FakeRedis) -> None:
    """Each claim takes a connection to Redis, and a replica that died sends thousands. All get theirs."""
    redis.going_on.clear()
    claiming = [asyncio.create_task(sessions.claim(f"{number}", "/", "")) for number in range(3 * CLAIMS)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(redis.calls) == CLAIMS
    redis.away = True
    redis.going_on.set()
    answers = await asyncio.gather(*claiming, return_exceptions=True)
    assert {type(answer) for answer in answers} == {BusUnavailable}
    assert len(redis.calls) == 3 * CLAIMS, "one that fails gives its place back"


async def test_whose_a_session_is_is_written_down(sessions: Sessions, redis: FakeRedis) -> None:
    """It is what a claim is compared with."""
    hers = state()._replace(subject="ann")
    sessions.note("pid", "save", hers)
    await sessions.flush()
    assert redis.written == [{"pid": whole(hers)}]


async def test_a_session_that_nobody_knows_is_none(sessions: Sessions) -> None:
    """It was never there, its time is over, or it ended for good."""
    assert await sessions.claim("pid", "/shop", "") is None


async def test_a_claim_that_redis_does_not_answer_raises(sessions: Sessions, redis: FakeRedis) -> None:
    """A new session would throw away what the old one has missed."""
    redis.away = True
    with pytest.raises(BusUnavailable, match="claiming"):
        await sessions.claim("pid", "/shop", "")


async def test_what_may_be_lost_is_known_to_all_before_anything_else(
    sessions: Sessions, redis: FakeRedis
) -> None:
    """Whoever comes back to another replica must not go on as if nothing had happened."""
    redis.away = True
    sessions.note("pid", "save", state())
    sessions.lost("77-5")
    with pytest.raises(BusUnavailable, match="what was lost"):
        await sessions.flush()
    redis.away = False
    redis.calls.clear()
    await sessions.flush()
    assert redis.calls[0] == (["queuecast:{socketio}:rewound"], ["77-5", 77, 5, 60_000])
    assert [keys for keys, _ in redis.calls[1:]] == [[f"{PREFIX}pid"]]
    await sessions.flush()
    assert len(redis.calls) == 2


def test_the_scripts_are_part_of_the_package(sessions: Sessions, redis: FakeRedis) -> None:
    """They are files beside the code: a wheel without them would fail at the start."""
    assert len(redis.registered) == 3
    assert all("KEYS" in text for text in redis.registered)
