"""Gateways that follow the stream at replicas: nothing is lost, repeated or told, whatever a replica does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as sync_redis
from tests.claims import eventually
from tests.faults.sentinels import SERVICE, Sentinels
from tests.proxy import Proxy
from tests.redis_cluster import RedisCluster, has_clusters

from queuecast_bus import BusManager
from queuecast_bus import read_source as read_source_module
from queuecast_bus import reader as reader_module
from queuecast_local.redis_server import RedisServer

from .follower import Follower, record
from .publishing import confirmed
from .redis_pair import RedisPair
from .redis_users import rules
from .services import HOST, bus_settings, free_port
from .site import until


@pytest.fixture
async def pair(any_redis: RedisServer, tmp_path: Path) -> AsyncIterator[RedisPair]:
    made = RedisPair(any_redis, tmp_path)
    yield made
    await made.close()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica lags behind after a moment, and is tried again soon."""
    monkeypatch.setattr(read_source_module, "BEHIND_SECONDS", 0.5)
    monkeypatch.setattr(read_source_module, "PRIMARY_SECONDS", 0.5)
    monkeypatch.setattr(read_source_module, "LAG_SECONDS", 0.2)
    monkeypatch.setattr(reader_module, "BLOCK_SECONDS", 0.1)


@pytest.fixture
async def followers(managers: Callable[..., BusManager]) -> AsyncIterator[Callable[..., Any]]:
    """Start followers that read at a URL of their own; each is already reading when it is returned."""
    made: list[Follower] = []

    async def start(settings: Any, read_url: str) -> Follower:
        made.append(Follower(managers(settings, read_url=read_url)))
        async with asyncio.timeout(60):
            await made[-1].manager.reading.wait()
        return made[-1]

    yield start
    for each in made:
        await each.stop()


async def has_all(follower: Follower, count: int) -> None:
    """Wait until a follower has the first so many, and check that they came once and in order."""
    await until(lambda: len(follower.arguments) >= count)
    assert follower.arguments == [record(number).arguments for number in range(count)]
    assert follower.gaps == []


def calls(client: Any, command: str) -> int:
    """Return how often a server was given this command."""
    return int(client.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"])


def reads_at(client: Any) -> bool:
    """Say whether somebody waits for records at this server."""
    return any(each["cmd"] == "xread" for each in client.client_list())


async def test_the_stream_is_read_at_the_replica_and_all_else_at_the_primary(
    pair: RedisPair, followers: Callable[..., Any]
) -> None:
    """Reading grows with replicas and records; the primary is to be spared that, and nothing else."""
    settings = bus_settings(pair.first.url)
    follower = await followers(settings, pair.second.url)
    await confirmed(follower.manager, *range(3))
    await has_all(follower, 3)
    offsets = [entry.offset for batch in follower.batches for entry in batch.entries]
    assert len((await follower.manager.between("0-0", offsets[-1], 10)).entries) == 3
    assert [bool(fields) for fields in await follower.manager.recall(offsets)] == [True] * 3
    assert calls(pair.second.client, "xread") > 0
    assert calls(pair.first.client, "xread") == 0
    assert all(calls(pair.first.client, command) for command in ("xrange", "get"))


@pytest.mark.usefixtures("hasty")
async def test_while_a_replica_lags_behind_the_primary_is_read(
    pair: RedisPair, followers: Callable[..., Any]
) -> None:
    """It answers, but its link to the primary is silent: nobody would notice anything. When it has caught up,
    it is read again, after the last record that came from the primary.
    """
    link = Proxy(lambda: pair.first.port)
    pair.second.client.replicaof(HOST, await link.start())
    await asyncio.to_thread(pair.await_copy)
    follower = await followers(bus_settings(pair.first.url), pair.second.url)
    await confirmed(follower.manager, 0)
    await has_all(follower, 1)
    link.fall_silent()
    await confirmed(follower.manager, 1, 2)
    await has_all(follower, 3)
    assert follower.manager.avoids_replicas
    # The replica has only the first record now. It is asked whether it has more, and is not read.
    await until(lambda: calls(pair.second.client, "get") >= 2)
    assert follower.manager.avoids_replicas
    await confirmed(follower.manager, 3)
    await has_all(follower, 4)
    link.flow()
    await until(lambda: not follower.manager.avoids_replicas)
    await confirmed(follower.manager, 4)
    await has_all(follower, 5)
    await until(lambda: reads_at(pair.second.client))
    await link.stop()


@pytest.mark.usefixtures("hasty")
async def test_a_replica_that_is_promoted_is_left(pair: RedisPair, followers: Callable[..., Any]) -> None:
    """It is a primary of its own then, and has nothing of what the others store."""
    follower = await followers(bus_settings(pair.first.url), pair.second.url)
    await confirmed(follower.manager, 0)
    await has_all(follower, 1)
    pair.promote()
    await confirmed(follower.manager, 1, 2)
    await has_all(follower, 3)


@pytest.mark.usefixtures("hasty")
async def test_a_replica_that_is_gone_is_done_without(pair: RedisPair, followers: Callable[..., Any]) -> None:
    """And read again once it is back."""
    follower = await followers(bus_settings(pair.first.url), pair.second.url)
    await confirmed(follower.manager, 0)
    await asyncio.to_thread(pair.second.kill)
    await confirmed(follower.manager, 1)
    await has_all(follower, 2)
    await asyncio.to_thread(pair.second.start)
    pair.second.client.replicaof(HOST, pair.first.port)
    await confirmed(follower.manager, 2)
    await until(lambda: reads_at(pair.second.client))
    await has_all(follower, 3)


async def test_after_a_failover_a_replica_is_read_again_without_a_failure(
    pair: RedisPair, followers: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica that became the primary keeps its connections, but its name leads to another one by then."""
    monkeypatch.setattr(read_source_module, "RENEW_SECONDS", 0.2)
    monkeypatch.setattr(reader_module, "BLOCK_SECONDS", 0.1)
    led_to = pair.first.port
    name = Proxy(lambda: led_to)
    follower = await followers(bus_settings(pair.first.url), f"redis://{HOST}:{await name.start()}")
    await confirmed(follower.manager, 0)
    await until(lambda: reads_at(pair.first.client))
    led_to = pair.second.port
    await until(lambda: reads_at(pair.second.client))
    await confirmed(follower.manager, 1)
    await has_all(follower, 2)
    assert not any(batch.resumed for batch in follower.batches)
    await name.stop()


async def test_a_replica_without_a_link_to_its_primary_is_refused(
    pair: RedisPair, followers: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """It has what it had, and answers as if that were all."""
    pair.second.client.replicaof(HOST, free_port())
    follower = await followers(bus_settings(pair.first.url), pair.second.url)
    await confirmed(follower.manager, 0)
    await has_all(follower, 1)
    assert "but its link to that is in the state 'connect" in caplog.text


async def test_a_reader_that_changes_to_a_replica_that_is_behind_repeats_nothing(
    any_redis: RedisServer, tmp_path: Path, followers: Callable[..., Any]
) -> None:
    """As a reader endpoint does it, which leads to any of several. What the new one lacks is no rewind."""
    (tmp_path / "other").mkdir()
    pair, other = RedisPair(any_redis, tmp_path), RedisPair(any_redis, tmp_path / "other")
    link, name = Proxy(lambda: pair.first.port), Proxy(lambda: led_to)
    led_to = pair.second.port
    try:
        other.second.client.replicaof(HOST, await link.start())
        read_url = f"redis://{HOST}:{await name.start()}"
        await asyncio.to_thread(eventually, lambda: other.second.client.role()[3] == b"connected")
        follower = await followers(bus_settings(pair.first.url), read_url)
        link.fall_silent()
        await confirmed(follower.manager, 0, 1)
        await has_all(follower, 2)
        led_to = other.second.port
        name.cut()
        await until(lambda: reads_at(other.second.client))
        await confirmed(follower.manager, 2)
        link.flow()
        await has_all(follower, 3)
    finally:
        for proxy in (link, name):
            await proxy.stop()
        for each in (pair, other):
            await each.close()


@pytest.fixture
def sentinels(pair: RedisPair, any_redis: RedisServer, tmp_path: Path) -> Iterator[Sentinels]:
    made = Sentinels(any_redis, [free_port()], pair.first.port, tmp_path)
    made.start()
    yield made
    made.close()


async def test_sentinels_name_a_replica_and_the_primary_if_there_is_none(
    pair: RedisPair, sentinels: Sentinels, followers: Callable[..., Any]
) -> None:
    """Behind them nobody needs to know which server is which."""
    settings = bus_settings(sentinels.url)
    follower = await followers(settings, sentinels.url)
    await confirmed(follower.manager, 0)
    await has_all(follower, 1)
    await until(lambda: reads_at(pair.second.client))
    pair.second.kill()
    await confirmed(follower.manager, 1)
    await has_all(follower, 2)
    await until(lambda: reads_at(pair.first.client))
    assert SERVICE in sentinels.url


@pytest.fixture(scope="module")
def cluster(any_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    if not has_clusters(any_redis):
        pytest.skip(f"{any_redis.description} cannot be told where its cluster bus listens")
    made = RedisCluster(any_redis, tmp_path_factory.mktemp("cluster"), free_port)
    yield made
    made.close()


@pytest.mark.parametrize("scheme", ["redis+cluster", "redis"])
async def test_in_a_cluster_a_replica_of_the_slot_is_read(
    cluster: RedisCluster, scheme: str, followers: Callable[..., Any]
) -> None:
    """Also after it has become the primary. A plain URL of another node is enough."""
    settings = bus_settings(cluster.url)
    keys = BusManager(settings, write_only=True).keys
    other = cluster.other_primary(keys.stream)
    read_url = cluster.url if scheme == "redis+cluster" else f"redis://{HOST}:{other.port}"
    replica = cluster.replica_of(keys.stream)
    follower = await followers(settings, read_url)
    await confirmed(follower.manager, 0)
    await has_all(follower, 1)
    await until(lambda: reads_at(replica.client))
    await asyncio.to_thread(cluster.fail_over, keys.stream)
    await confirmed(follower.manager, 1, 2)
    await has_all(follower, 3)
    await asyncio.to_thread(cluster.await_whole)


async def test_the_gateways_user_needs_one_right_more_to_read_in_a_cluster(
    cluster: RedisCluster, followers: Callable[..., Any]
) -> None:
    """docs/redis.md names it; without it the gateway reads at the primary."""
    settings = bus_settings(cluster.url)
    granted = [rule.replace("socketio", settings.channel) for rule in rules("gateway") if rule[0] != "#"]
    for node in cluster.nodes:
        more = ("+cluster|slots", "+readonly", ">secret")
        node.client.execute_command("ACL", "SETUSER", "gateway", "reset", *granted, *more)
    url = cluster.url.replace("//", "//gateway:secret@")
    follower = await followers(bus_settings(url, channel=settings.channel), url)
    await publish_as_a_gateway(follower)
    await until(lambda: reads_at(cluster.replica_of(follower.manager.keys.stream).client))


async def publish_as_a_gateway(follower: Follower) -> None:
    """A gateway's user may not use ids of messages."""
    await confirmed(follower.manager, 0, has_ids=False)
    await has_all(follower, 1)


async def test_as_a_plain_user_a_replica_is_read_without_more_rights(
    pair: RedisPair, followers: Callable[..., Any]
) -> None:
    """`users.acl` is enough where there is no cluster."""
    channel = bus_settings(pair.first.url).channel
    granted = [rule.replace("socketio", channel) for rule in rules("gateway") if rule[0] != "#"]
    for each in (pair.first, pair.second):
        each.client.execute_command("ACL", "SETUSER", "gateway", "reset", *granted, ">secret")
    first, second = (f"redis://gateway:secret@{HOST}:{each.port}" for each in (pair.first, pair.second))
    follower = await followers(bus_settings(first, channel=channel), second)
    await publish_as_a_gateway(follower)
    for each in (pair.first, pair.second):
        with contextlib.suppress(sync_redis.ResponseError):
            assert each.client.acl_log() == []
