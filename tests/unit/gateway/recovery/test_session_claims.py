"""Sessions are claimed in Redis: few at a time, with all that a replica needs to know."""

import asyncio

import pytest

from queuecast_bus import BusUnavailable
from queuecast_gateway.recovery.session_state import Claimed, State
from queuecast_gateway.recovery.session_store import CLAIMS, SessionStore

from .session_redis import PREFIX, FakeRedis


async def test_a_session_is_claimed(sessions: SessionStore, redis: FakeRedis) -> None:
    """With everything that any replica needs to know about it."""
    redis.answer = [
        4,
        1,
        b"sid",
        b"5-0",
        b"replica-2",
        b"9-1",
        b"3-0",
        b"8-0",
        b"a",
        b"6-0",
        b"\xc3\xa9",
        b"7-0",
    ]
    assert await sessions.claim("pid", "/shop", "ann") == Claimed(
        State("sid", "/shop", {"a": "6-0", "é": "7-0"}, "5-0", "ann"),
        "replica-2",
        "9-1",
        "3-0",
        4,
        "8-0",
        sent_away=True,
    )
    ((keys, args),) = redis.calls
    assert keys == [f"{PREFIX}pid", "queuecast:{socketio}:tail", "queuecast:{socketio}:rewound"]
    assert args == ["replica-1", 60_000, "/shop", "ann"]


async def test_few_sessions_are_claimed_at_once(sessions: SessionStore, redis: FakeRedis) -> None:
    """Each claim takes a connection to Redis, and a dead replica's clients claim thousands. All get
    theirs.
    """
    redis.going_on.clear()
    claiming = [asyncio.create_task(sessions.claim(f"{number}", "/", "")) for number in range(3 * CLAIMS)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(redis.calls) == CLAIMS
    redis.away = True
    redis.going_on.set()
    answers = await asyncio.gather(*claiming, return_exceptions=True)
    assert {type(answer) for answer in answers} == {BusUnavailable}
    assert len(redis.calls) == 3 * CLAIMS, "a claim that fails lets the next one begin"


async def test_an_unknown_session_is_none(sessions: SessionStore) -> None:
    """It never existed, has expired, or ended for good."""
    assert await sessions.claim("pid", "/shop", "") is None


async def test_a_claim_that_redis_does_not_answer_raises(sessions: SessionStore, redis: FakeRedis) -> None:
    """A new session would lose what the old one has missed."""
    redis.away = True
    with pytest.raises(BusUnavailable, match="claiming"):
        await sessions.claim("pid", "/shop", "")
