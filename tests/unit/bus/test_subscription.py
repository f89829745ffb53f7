"""A subscription, with a Redis that always has another message."""

import asyncio
from contextlib import aclosing
from typing import Any, Self, cast

import pytest
from redis.exceptions import BusyLoadingError, NoPermissionError
from redis.exceptions import ConnectionError as RedisConnectionError

from queuecast_bus import subscription
from queuecast_bus.subscription import Subscription


class FullRedis:
    """Clients, a client and its subscription at once. It has a message whenever it is asked, of each type in
    turn.
    """

    def __init__(self, *_: Any) -> None:
        self.subscribed: list[tuple[str, ...]] = []
        self.count = 0

    def pubsub(self) -> Self:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def aclose(self) -> None:
        pass

    async def subscribe(self, *channels: str) -> None:
        self.subscribed.append(channels)

    async def psubscribe(self, *patterns: str) -> None:
        self.subscribed.append(patterns)

    async def get_message(self, timeout: float) -> dict[str, Any]:  # noqa: ASYNC109  # redis-py's own
        self.count += 1
        kind = ("subscribe", "message", "pmessage")[self.count % 3]
        return {"type": kind, "channel": b"a", "data": b"%d" % self.count}

    def connect(self) -> Self:
        return self


class FailingRedis(FullRedis):
    """One that fails when it is asked for a message, and is not there for a second connection."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def get_message(self, timeout: float) -> dict[str, Any]:  # noqa: ASYNC109  # redis-py's own
        raise self.error

    def connect(self) -> Self:
        if self.subscribed:
            raise LookupError("this was the only try")
        return self


@pytest.fixture
def redis() -> FullRedis:
    return FullRedis()


def subscription_of(redis: FullRedis, *what: list[str]) -> Subscription:
    return Subscription(cast("Any", redis), "it", *what)


async def test_messages_of_channels_and_of_patterns_are_yielded(redis: FullRedis) -> None:
    """And nothing else that a subscription is told."""
    made = subscription_of(redis, ["a", "b"], ["c*"])
    async with aclosing(made.messages()) as messages:
        assert [await anext(messages) for _ in range(2)] == [(b"a", b"1"), (b"a", b"2")]
        assert made.failure == "not subscribed yet"
        assert not made.answered.is_set()
        assert await anext(messages) == (b"a", b"4")
        assert made.failure is None, "Redis has confirmed it"
        assert made.answered.is_set()
    assert redis.subscribed == [("a", "b"), ("c*",)]


@pytest.mark.parametrize(
    ("error", "is_answer"),
    [
        (NoPermissionError("no permissions to access one of the channels"), True),
        (RedisConnectionError("connection refused"), False),
        (BusyLoadingError("Redis is loading the dataset in memory"), False),
        (TimeoutError(), False),
    ],
)
async def test_only_a_refusal_of_redis_is_an_answer(
    error: Exception, is_answer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays refused until somebody changes it. Whatever else fails is tried again, and waited for."""
    monkeypatch.setattr(subscription, "jittered", lambda *_, **__: 0)
    made = subscription_of(FailingRedis(error), ["a"])
    with pytest.raises(LookupError):
        await anext(made.messages())
    assert made.failure is not None
    assert made.failure.startswith(f"listening: {type(error).__name__}")
    assert made.answered.is_set() is is_answer


async def test_a_flood_of_messages_lets_others_have_their_turn(
    redis: FullRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading buffered messages never waits, so no ping would be answered until the flood has ended."""
    monkeypatch.setattr(subscription, "TURN_SECONDS", 0)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    async with aclosing(subscription_of(redis, ["a"]).messages()) as messages:
        for _ in range(100):
            await anext(messages)
    task.cancel()
    assert turns >= 90
