"""Another server takes over: the bus follows, and what was lost with the old one is told."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as sync_redis
from tests.claims import eventually

from queuecast_bus import BusManager, BusUnavailable, Record
from queuecast_bus import publisher as publisher_module
from queuecast_bus.names import PROBE_NAMESPACE
from queuecast_local.processes import Process
from queuecast_local.redis_server import RedisServer

from .follower import Follower, record
from .publishing import confirmed
from .redis_pair import RedisPair
from .services import HOST, Redis, bus_settings, free_port
from .site import until

PROBE = Record(event="probe", arguments=b"[]", namespace=PROBE_NAMESPACE)


@pytest.fixture
async def pair(redis_kind: RedisServer, tmp_path: Path) -> AsyncIterator[RedisPair]:
    made = RedisPair(redis_kind, tmp_path)
    yield made
    await made.close()


async def test_a_name_that_moved_is_followed_although_old_connections_stay_open(
    pair: RedisPair, managers: Callable[..., BusManager], follow: Callable[..., Any]
) -> None:
    """DNS, a Service and a TCP proxy all leave connections to the old primary as they are. It answers them,
    and refuses every write, inside of a script too.
    """
    name = await pair.name()
    follower, publisher = await follow(name.settings), managers(name.settings, write_only=True)
    channel = name.settings.channel
    heard = asyncio.create_task(first_message(follower.manager))
    await until(lambda: pair.first.client.pubsub_numsub(channel)[0][1] == 1)
    await confirmed(publisher, 0)
    await confirmed(follower.manager, 1)
    pair.await_copy()
    pair.promote()
    name.port = pair.second.port
    pair.heal()
    await confirmed(publisher, 2)
    # A gateway's bus probe finds out, and its reader and its control channel follow it.
    await confirmed(follower.manager, 3)
    await until(lambda: len(follower.arguments) == 4)
    assert follower.arguments == [record(number).arguments for number in range(4)]
    assert follower.gaps == []
    await until(lambda: pair.second.client.pubsub_numsub(channel)[0][1] == 1)
    await until(lambda: pair.first.client.pubsub_numsub(channel)[0][1] == 0)
    async with asyncio.timeout(60):
        while not heard.done():
            await publisher._publish({"method": "hello"})
            await asyncio.sleep(0.05)


async def first_message(manager: BusManager) -> bytes:
    async for message in manager._listen():
        return message
    raise AssertionError("the channel ended")


async def test_a_reader_that_is_unblocked_by_a_demotion_goes_on_at_the_new_primary(
    pair: RedisPair, managers: Callable[..., BusManager], follow: Callable[..., Any]
) -> None:
    """A demoted primary answers a waiting read with an error, and leaves its connection open."""
    name = await pair.name()
    follower, publisher = await follow(name.settings), managers(name.settings, write_only=True)
    pair.promote()
    name.port = pair.second.port
    has_resumed = False

    def waits() -> bool:
        nonlocal has_resumed
        has_resumed = any(batch.resumed for batch in follower.batches)
        return has_resumed or any("b" in each["flags"] for each in pair.first.client.client_list())

    async with asyncio.timeout(60):
        while not has_resumed:
            # A demotion between two reads unblocks nobody: the next read waits at the replica.
            pair.first.client.replicaof("NO", "ONE")
            await until(waits)
            await asyncio.to_thread(pair.heal)
            await until(waits)
    await until(lambda: any("b" in each["flags"] for each in pair.second.client.client_list()))
    pair.first.kill()
    await confirmed(publisher, 1)
    await until(lambda: follower.arguments)


async def test_a_primary_without_enough_replicas_is_left(
    pair: RedisPair, managers: Callable[..., BusManager]
) -> None:
    """`min-replicas-to-write` makes an isolated primary refuse writes; the name leads to another one."""
    name = await pair.name()
    publisher = managers(name.settings, write_only=True)
    await confirmed(publisher, 1)
    pair.promote()
    pair.first.client.config_set("min-replicas-to-write", 3)
    with pytest.raises(BusUnavailable, match="NOREPLICAS"):
        await publisher.publish([(record(2), "2")])
    name.port = pair.second.port
    await publisher.publish([(record(2), "2")])


async def test_a_replica_is_refused_with_its_primarys_address(
    pair: RedisPair, managers: Callable[..., BusManager]
) -> None:
    """It would answer reads for as long as nothing is written, and its operator should learn where to go."""
    manager = managers(bus_settings(pair.second.url), write_only=True)
    with pytest.raises(BusUnavailable, match=rf"{pair.second.port} is a replica of 127\.0\.0\.1:\d+"):
        await manager.pressure.is_reported()


async def test_a_writer_that_is_refused_for_long_opens_new_connections(
    pair: RedisPair, managers: Callable[..., BusManager], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the reason is, and however healthy the connections look."""
    monkeypatch.setattr(publisher_module, "STUCK_SECONDS", 0.2)
    name = await pair.name()
    publisher = managers(name.settings, write_only=True)
    await confirmed(publisher, 1)
    pair.first.client.config_set("maxmemory", 1)
    name.port = pair.second.port
    pair.promote()
    with pytest.raises(BusUnavailable, match=r"(?i)memory"):
        await publisher.publish([(record(2), "2")])
    await confirmed(publisher, 2)
    assert pair.second.client.get(publisher.keys.seen("2"))


async def test_what_an_isolated_primary_had_confirmed_is_told_to_everybody(
    pair: RedisPair, managers: Callable[..., BusManager], follow: Callable[..., Any]
) -> None:
    """The poller and the old primary on one side, the gateways and a promoted replica on the other: no reader
    could see these records, and their messages are deleted.
    """
    poller_name = await pair.name()
    gateway_name = await pair.name(channel=poller_name.settings.channel)
    publisher = managers(poller_name.settings, write_only=True)
    await confirmed(publisher, 0)
    pair.await_copy()
    pair.promote()
    gateway_name.port = pair.second.port
    followers: list[Follower] = [await follow(gateway_name.settings) for _ in range(2)]
    other = managers(gateway_name.settings, write_only=True)
    for number in range(1, 5):
        await confirmed(publisher, number)
        await confirmed(other, 10 + number)
    await until(lambda: all(len(each.arguments) == 4 for each in followers))
    poller_name.port = pair.second.port
    pair.heal()
    await check(publisher)
    await confirmed(publisher, 20)
    await until(lambda: all(len(each.arguments) == 5 for each in followers))
    for each in followers:
        assert each.arguments == [record(number).arguments for number in (11, 12, 13, 14, 20)]
        assert each.gaps == ["rewound"]
        (told,) = (batch for batch in each.batches if batch.gap)
        assert told.position >= told.gap.before  # type: ignore[union-attr]
    assert publisher.rewinds == 1
    assert other.rewinds == 0


async def check(manager: BusManager) -> None:
    """Check until Redis answers, as a poller does that has nothing to publish."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(BusUnavailable):
                return await manager.check()
            await asyncio.sleep(0.05)


async def test_a_rewind_that_everybody_noticed_is_told_once(
    forgetful_redis: Redis, managers: Callable[..., BusManager], follow: Callable[..., Any]
) -> None:
    """Each time that a gateway hears of one, all of its browsers start anew."""
    settings = bus_settings(forgetful_redis.url)
    followers: list[Follower] = [await follow(settings) for _ in range(2)]
    publishers = [managers(settings, write_only=True) for _ in range(3)]
    for number, publisher in enumerate(publishers):
        await confirmed(publisher, number)
        # As if that were a minute ago: a reader may hear of the rewind later than it took since then.
        publisher._publisher._clock = lambda: time.monotonic() + 60
    await until(lambda: all(len(each.arguments) == 3 for each in followers))
    forgetful_redis.kill()
    forgetful_redis.start()
    for publisher in publishers:
        await check(publisher)
    assert [publisher.rewinds for publisher in publishers] == [1, 1, 1]
    await confirmed(publishers[0], 9)
    await until(lambda: all(len(each.arguments) == 4 for each in followers))
    assert [each.gaps for each in followers] == [["rewound"], ["rewound"]]


async def test_publishes_that_are_under_way_together_tell_of_a_rewind_once(
    forgetful_redis: Redis, managers: Callable[..., BusManager], follow: Callable[..., Any]
) -> None:
    """Also where the answer to one never comes: the first to notice closes the others' connections."""
    settings = bus_settings(forgetful_redis.url)
    follower, publisher = await follow(settings), managers(settings, write_only=True)
    await confirmed(publisher, 0)
    await until(lambda: follower.arguments)
    forgetful_redis.kill()
    forgetful_redis.start()
    await asyncio.gather(*(confirmed(publisher, number) for number in range(1, 9)))
    await confirmed(publisher, 9)
    await until(lambda: len(follower.arguments) == 10)
    assert set(follower.arguments) == {record(number).arguments for number in range(10)}
    assert follower.gaps == ["rewound"]
    assert publisher.rewinds == 1


async def test_a_loss_after_the_last_telling_is_told_again(
    pair: RedisPair, managers: Callable[..., BusManager], follow: Callable[..., Any]
) -> None:
    """Browsers that started anew before a record was stored miss that record."""
    name = await pair.name()
    names = [await pair.name(channel=name.settings.channel) for _ in range(2)]
    late, early = (managers(each.settings, write_only=True) for each in names)
    for manager in (late, early):
        await confirmed(manager, 0)
    pair.await_copy()
    pair.promote()
    await confirmed(early, 1)
    name.port = names[1].port = pair.second.port
    follower = await follow(name.settings)
    pair.second.client.client_kill_filter(_type="normal", skipme=True)
    names[1].proxy.cut()
    await check(early)
    await until(lambda: follower.gaps == ["rewound"])
    await confirmed(late, 2)
    names[0].port = pair.second.port
    names[0].proxy.cut()
    await check(late)
    await until(lambda: follower.gaps == ["rewound", "rewound"])


async def test_lost_probes_are_told_to_nobody(
    forgetful_redis: Redis, managers: Callable[..., BusManager]
) -> None:
    """Every gateway stores them all the time; after a failover some are always missing."""
    manager = managers(bus_settings(forgetful_redis.url))
    await manager.publish([(PROBE, None)])
    forgetful_redis.kill()
    forgetful_redis.start()
    await check(manager)
    assert manager.rewinds == 0
    assert not forgetful_redis.client.exists(manager.keys.told)


async def test_a_record_is_confirmed_once_the_replica_has_it(
    pair: RedisPair, managers: Callable[..., BusManager], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then its message must not be deleted. The next try finds the record stored, and waits again."""
    monkeypatch.setattr(publisher_module, "REPLICAS_SECONDS", 0.2)
    settings = bus_settings(pair.first.url, replicas_ack=1)
    publisher = managers(settings, write_only=True)
    await confirmed(publisher, 1)
    assert pair.second.client.xlen(publisher.keys.stream) == 1
    pair.second.process.signal(signal.SIGSTOP)
    for _ in range(2):
        with pytest.raises(BusUnavailable, match="0 replicas of Redis have it, 1 are required"):
            await publisher.publish([(record(2), "2")])
    with pytest.raises(BusUnavailable, match="0 replicas of Redis have it, 1 are required"):
        await publisher.check()
    assert await publisher.publish([(PROBE, None)]), "a gateway goes on reading"
    pair.second.process.signal(signal.SIGCONT)
    await confirmed(publisher, 2)
    assert pair.second.client.xlen(publisher.keys.stream) == 3
    await check(publisher)  # a busy replica takes longer than 0.2 s


async def test_with_a_confirming_replica_a_partition_loses_nothing(
    pair: RedisPair,
    managers: Callable[..., BusManager],
    follow: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What only the isolated primary has is not confirmed, and is published again at the new one."""
    monkeypatch.setattr(publisher_module, "REPLICAS_SECONDS", 0.2)
    name = await pair.name(replicas_ack=1)
    publisher = managers(name.settings, write_only=True)
    await confirmed(publisher, 0)
    pair.promote()
    # A gateway of its own setting: it need not wait for replicas, of which the new primary has none yet.
    follower = await follow(bus_settings(pair.second.url, channel=name.settings.channel))
    with pytest.raises(BusUnavailable, match="0 replicas"):
        await publisher.publish([(record(1), "1")])
    name.port = pair.second.port
    pair.heal()
    name.proxy.cut()
    await confirmed(publisher, 1)
    await until(lambda: follower.arguments)
    assert follower.arguments == [record(1).arguments]
    assert follower.gaps == []
    assert publisher.rewinds == 0


@pytest.mark.parametrize(("least", "read"), [(0, [0, 1, 1]), (1, [0, 1])])
async def test_a_primary_that_needs_its_replica_shows_nobody_what_is_stored_again(
    pair: RedisPair,
    managers: Callable[..., BusManager],
    follow: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    least: int,
    read: list[int],
) -> None:
    """Gateways deliver what the old primary has, also if no replica has confirmed it. A primary with
    `min-replicas-to-write` does not even store it.
    """
    monkeypatch.setattr(publisher_module, "REPLICAS_SECONDS", 0.2)
    name = await pair.name(replicas_ack=1)
    follower, publisher = await follow(name.settings), managers(name.settings, write_only=True)
    pair.first.client.config_set("min-replicas-to-write", least)
    await confirmed(publisher, 0)
    pair.promote()
    await until(lambda: pair.first.client.info("replication")["connected_slaves"] == 0)
    with pytest.raises(BusUnavailable, match="NOREPLICAS" if least else "0 replicas"):
        await publisher.publish([(record(1), "1")])
    await until(lambda: len(follower.arguments) == len(read) - 1)
    name.port = pair.second.port
    pair.heal()
    await confirmed(publisher, 1)
    await until(lambda: len(follower.arguments) == len(read))
    assert follower.arguments == [record(number).arguments for number in read]
    assert follower.gaps == ([] if least else ["rewound"])


@pytest.fixture
def sentinel(pair: RedisPair, redis_kind: RedisServer, tmp_path: Path) -> Iterator[Any]:
    """A client of a sentinel that knows both."""
    port = free_port()
    path = tmp_path / "sentinel.conf"
    path.write_text(f"port {port}\nbind {HOST}\nsentinel monitor mymaster {HOST} {pair.first.port} 1\n")
    process = Process("sentinel", (*redis_kind.command, str(path), "--sentinel"))
    client: Any = sync_redis.Redis(port=port, socket_timeout=30)
    eventually(lambda: _knows_a_replica(client), 60)
    yield client
    client.close()
    process.stop(grace_seconds=0)


def _knows_a_replica(sentinel: Any) -> bool:
    try:
        return bool(sentinel.sentinel_master("mymaster")["num-slaves"] == 1)
    except sync_redis.RedisError:
        return False


def _begins_failover(sentinel: Any) -> bool:
    try:
        return bool(sentinel.execute_command("SENTINEL FAILOVER", "mymaster"))
    except sync_redis.ResponseError:  # it has not yet heard enough of the replica
        return False


async def test_a_primary_is_left_once_the_sentinels_name_another_one(
    pair: RedisPair, sentinel: Any, managers: Callable[..., BusManager], caplog: pytest.LogCaptureFixture
) -> None:
    """The old one takes records for ten seconds more, until it is demoted, and they would be lost."""
    port = sentinel.connection_pool.connection_kwargs["port"]
    manager = managers(bus_settings(f"redis+sentinel://{HOST}:{port}/0/mymaster"), write_only=True)
    await confirmed(manager, 1)
    following = asyncio.create_task(manager.follow_failovers())
    await until(lambda: any(each["sub"] == "1" for each in sentinel.client_list()))
    await until(lambda: _begins_failover(sentinel))
    await until(lambda: f"the sentinels name another primary, {HOST}:{pair.second.port}" in caplog.text)
    await confirmed(manager, 2)
    assert pair.second.client.exists(manager.keys.seen("2"))
    following.cancel()
    await asyncio.wait([following])


async def test_without_sentinels_nobody_is_listened_to(
    shared_redis: Redis, managers: Callable[..., BusManager]
) -> None:
    """The services run this whatever their URL is."""
    async with asyncio.timeout(60):
        await managers(bus_settings(shared_redis.url), write_only=True).follow_failovers()
