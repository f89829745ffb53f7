"""Notes of sessions reach Redis: many at a time, the newest last, and each once."""

import asyncio
from typing import cast

import pytest

from queuecast_bus import BusUnavailable
from queuecast_gateway.recovery import session_store as module
from queuecast_gateway.recovery.session_state import fingerprint
from queuecast_gateway.recovery.session_store import BATCH, BATCH_BYTES, SessionStore

from .session_redis import PREFIX, FakeRedis, state, whole


async def test_a_note_is_saved_at_once(sessions: SessionStore, redis: FakeRedis) -> None:
    """A replica that is killed saves nothing more: what Redis does not have is lost."""
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


async def test_the_newest_note_of_a_session_wins(sessions: SessionStore, redis: FakeRedis) -> None:
    """A hundred rooms that are entered in one go are one note."""
    for number in range(100):
        sessions.note("pid", "save", state("sid", *map(str, range(number))))
    sessions.note("pid", "sent_away", state("sid", "a"))
    await sessions.flush()
    assert redis.written == [{"pid": whole(state("sid", "a"), away=2)}]


async def test_many_sessions_are_saved_in_batches(sessions: SessionStore, redis: FakeRedis) -> None:
    """A script that is too long blocks Redis for everyone; those that have waited longest come first."""
    for number in range(2 * BATCH + 1):
        sessions.note(f"{number}", "save", state())
    await sessions.flush()
    assert [len(call) for call in redis.written] == [BATCH, BATCH, 1]
    assert [pid for call in redis.written for pid in call] == [str(n) for n in range(2 * BATCH + 1)]
    await sessions.flush()
    assert len(redis.calls) == 3


async def test_a_write_is_bounded_in_bytes(sessions: SessionStore, redis: FakeRedis) -> None:
    """A script reads all of its text before it does anything, and nobody else is served meanwhile."""
    rooms = [f"{number}".ljust(250, "x") for number in range(30)]
    for number in range(10):
        sessions.note(f"{number}", "save", state("sid", *rooms))
    sessions.note("long", "save", state("sid", *(f"{name}{n}" for n in range(5) for name in rooms)))
    await sessions.flush()
    sizes = [len(args[-1]) for _, args in redis.calls]
    assert [len(call) for call in redis.written] == [4, 4, 2, 1]
    assert max(sizes[:-1]) <= BATCH_BYTES < sizes[-1], "one that is too long by itself goes alone"


async def test_only_what_has_changed_is_saved(sessions: SessionStore, redis: FakeRedis) -> None:
    """What a browser does costs Redis what it changes, however many rooms its session is in."""
    one = state("sid", *map(str, range(100)))
    rooms = cast("dict[str, str]", one.rooms)
    before = fingerprint(rooms)
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
    after = f"{fingerprint(rooms):x}"
    assert [call["pid"] for call in redis.written] == [
        ("more", 0, after, ["new", "9-0"], f"{before:x}", ["7"], "1-0"),
        ("more", 0, after, [], after, [], "1-0"),
    ]


async def test_a_session_that_redis_has_otherwise_is_saved_whole(
    sessions: SessionStore, redis: FakeRedis
) -> None:
    """Redis has lost a note, or the session: a change would be applied to something else."""
    sessions.note("fine", "here", state("sid-1", "a"))
    sessions.note("lost", "here", state("sid-2", "b"))
    redis.again = [2]
    await sessions.flush()
    assert redis.written[1:] == [{"lost": whole(state("sid-2", "b"))}]


async def test_while_redis_is_away_notes_are_kept(sessions: SessionStore, redis: FakeRedis) -> None:
    """Browsers come and go meanwhile; their notes are saved when Redis is back."""
    redis.away = True
    sessions.note("a", "save", state())
    sessions.note("b", "save", state())
    with pytest.raises(BusUnavailable, match="saving sessions"):
        await sessions.flush()
    sessions.note("c", "save", state())
    sessions.note("a", "left", state())
    redis.away = False
    await sessions.flush()
    assert {pid: text[:2] for pid, text in redis.written[-1].items()} == {
        "a": ("save", 1),
        "b": ("save", 0),
        "c": ("save", 0),
    }


async def test_a_note_that_comes_while_an_older_one_fails_wins(
    sessions: SessionStore, redis: FakeRedis
) -> None:
    """What is saved again must not undo what was noted since."""
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


async def test_a_confirmed_note_is_saved_after_older_ones(sessions: SessionStore, redis: FakeRedis) -> None:
    """An older one on its way would remove the rooms of an acknowledged `subscribe`."""
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


async def test_many_confirmations_share_few_writes(sessions: SessionStore, redis: FakeRedis) -> None:
    """A hundred browsers subscribe after a deployment; none of them waits for a hundred answers."""
    redis.going_on.clear()
    saving = [asyncio.create_task(sessions.confirm(f"{number}", state())) for number in range(100)]
    for _ in range(5):
        await asyncio.sleep(0)
    redis.going_on.set()
    await asyncio.gather(*saving)
    assert [len(call) for call in redis.written] == [1, 99]


async def test_a_claim_comes_after_earlier_notes(sessions: SessionStore, redis: FakeRedis) -> None:
    """A client that has just left for good must not find its session again, however quick it is."""
    sessions.note("pid", "drop", state())
    assert await sessions.claim("pid", "/", "") is None
    assert redis.written[0]["pid"][0] == "drop"
    assert redis.calls[1][1][2] == "/"


async def test_waiting_notes_are_limited(
    sessions: SessionStore, redis: FakeRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Redis that is away for long fills no memory; sessions beyond the limit are noted with their next
    ping.
    """
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    for number in range(5):
        sessions.note(f"{number}", "save", state())
    sessions.note("0", "left", state())
    await sessions.flush()
    assert {pid: text[:2] for pid, text in redis.written[0].items()} == {
        "0": ("save", 1),
        "1": ("save", 0),
        "2": ("save", 0),
    }


async def test_saving_is_retried_until_redis_is_back(
    sessions: SessionStore,
    redis: FakeRedis,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
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
    assert caplog.text.count("sessions cannot be saved") == 1


async def test_a_session_can_be_saved_now(sessions: SessionStore, redis: FakeRedis) -> None:
    """What a browser is told must be true already."""
    one = state("sid", "a")
    sessions.note("pid", "save", one)
    await sessions.confirm("pid", one)
    await sessions.flush()
    assert redis.written == [{"pid": whole(one)}], "it is not saved twice"


async def test_a_session_that_cannot_be_saved_now_raises(sessions: SessionStore, redis: FakeRedis) -> None:
    """The browser is refused; its rooms stay as they were."""
    redis.away = True
    with pytest.raises(BusUnavailable, match="saving sessions"):
        await sessions.confirm("pid", state())


async def test_the_subject_of_a_session_is_saved(sessions: SessionStore, redis: FakeRedis) -> None:
    """A claim is compared with it."""
    hers = state()._replace(subject="ann")
    sessions.note("pid", "save", hers)
    await sessions.flush()
    assert redis.written == [{"pid": whole(hers)}]


async def test_a_loss_is_saved_before_anything_else(sessions: SessionStore, redis: FakeRedis) -> None:
    """A client that reconnects to another replica must not go on as if nothing had happened."""
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


def test_the_scripts_are_part_of_the_package(sessions: SessionStore, redis: FakeRedis) -> None:
    """They are files beside the code: a wheel without them would fail at the start."""
    assert len(redis.registered) == 3
    assert all("KEYS" in text for text in redis.registered)
