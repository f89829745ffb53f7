"""Redis removes the stream, as a full one does whose policy is not `noeviction`: nothing is lost silently."""

from collections.abc import Callable
from typing import Any

import pytest

from queuecast_bus import BusManager
from queuecast_bus.record import offset_key

from .follower import record
from .services import Redis, bus_settings
from .site import until

pytestmark = pytest.mark.usefixtures("patient_bus")

REMOVED = pytest.mark.parametrize(
    "removed", [("stream",), ("stream", "tail")], ids=["stream", "stream and tail"]
)


async def publish_twice(redis: Redis, publisher: BusManager, *removed: str) -> list[str]:
    """Store a record, remove keys, and store another, often within a millisecond; return the offsets."""
    (first,) = await publisher.publish([(record(1), None)])
    redis.client.delete(*(getattr(publisher.keys, name) for name in removed))
    (second,) = await publisher.publish([(record(1), None)])
    return [first.offset, second.offset]


@REMOVED
async def test_a_new_stream_begins_after_the_old_one(
    shared_redis: Redis, managers: Callable[..., BusManager], removed: tuple[str, ...]
) -> None:
    """An offset that is used twice is read once, and the second record would be missed by nobody."""
    publisher = managers(bus_settings(shared_redis.url), write_only=True)
    offsets: list[str] = []
    for _ in range(100):
        offsets += await publish_twice(shared_redis, publisher, *removed)
    assert offsets == sorted(set(offsets), key=offset_key)


@REMOVED
async def test_what_was_removed_is_read_before_or_is_a_gap_and_the_rest_is_read(
    shared_redis: Redis,
    managers: Callable[..., BusManager],
    follow: Callable[..., Any],
    removed: tuple[str, ...],
) -> None:
    """Browsers are told, and go on with what is stored later."""
    settings = bus_settings(shared_redis.url)
    follower, publisher = await follow(settings), managers(settings, write_only=True)
    await publisher.publish([(record(0), None)])
    await until(lambda: len(follower.arguments) == 1)
    await publish_twice(shared_redis, publisher, *removed)
    await publisher.publish([(record(2), None)])
    await until(lambda: follower.arguments and follower.arguments[-1] == record(2).arguments)
    # The first one may have been read before it was removed.
    assert follower.gaps or follower.arguments == [record(number).arguments for number in (0, 1, 1, 2)]


async def test_a_tail_that_was_removed_alone_is_no_gap(
    own_redis: Redis, managers: Callable[..., BusManager], follow: Callable[..., Any]
) -> None:
    """After a reconnect, a reader must not read again what it has read."""
    settings = bus_settings(own_redis.url)
    follower, publisher = await follow(settings), managers(settings, write_only=True)
    for number in range(3):
        await publisher.publish([(record(number), None)])
    await until(lambda: len(follower.arguments) == 3)
    own_redis.client.delete(publisher.keys.tail)
    own_redis.client.client_kill_filter(_type="normal", skipme=True)
    await until(lambda: any(batch.resumed for batch in follower.batches))
    await publisher.publish([(record(3), "3")])
    await until(lambda: len(follower.arguments) == 4)
    assert follower.arguments == [record(number).arguments for number in range(4)]
