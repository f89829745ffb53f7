"""Redis Cluster: the bus finds its slot and follows it, with nothing lost and nothing twice."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from typing import Any

import pytest
import socketio
from redis.crc import key_slot
from tests.redis_cluster import Node, RedisCluster, has_clusters

from queuecast_bus import BusManager, BusUnavailable
from queuecast_bus.keys import Keys
from queuecast_bus.subscription import Subscription
from queuecast_local.redis_server import RedisServer

from .follower import Follower, record
from .publishing import confirmed, refused
from .redis_users import rules
from .services import HOST, Redis, bus_settings, free_port
from .site import until


@pytest.fixture(scope="module")
def cluster(redis_kind: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """One cluster for all these tests. Each has a channel, and so a slot, of its own."""
    if not has_clusters(redis_kind):
        pytest.skip(f"{redis_kind.description} cannot be told where its cluster bus listens")
    made = RedisCluster(redis_kind, tmp_path_factory.mktemp("cluster"), free_port)
    yield made
    made.close()


class Load:
    """Publishes numbered records, one after another, each until it is confirmed, as a poller does."""

    def __init__(self, manager: BusManager) -> None:
        self.confirmed = 0
        self.errors: list[str] = []
        self._manager = manager
        self._ending = False
        self._task = asyncio.create_task(self._publish())

    async def more(self, count: int = 20) -> None:
        """Wait until so many more are confirmed."""
        wanted = self.confirmed + count
        await until(lambda: self._task.done() or self.confirmed >= wanted)
        if self._task.done():
            await self._task

    async def end(self) -> None:
        """Publish no more once the one under way is confirmed."""
        self._ending = True
        await self._task

    async def _publish(self) -> None:
        while not self._ending:
            try:
                (stored,) = await self._manager.publish([(record(self.confirmed), str(self.confirmed))])
            except BusUnavailable as exc:
                self.errors.append(str(exc))
                await asyncio.sleep(0.02)
            else:
                self.confirmed += 1
                if stored.duplicate:
                    assert self.errors, "stored before, although nothing had failed"
                await asyncio.sleep(0.002)


@pytest.fixture
async def loaded(
    cluster: RedisCluster, managers: Callable[..., BusManager], follow: Callable[..., Any]
) -> AsyncIterator[tuple[Load, Follower]]:
    """A writer under way, and a reader. In the end the reader has everything, once and in order."""
    settings = bus_settings(cluster.url)
    follower, load = await follow(settings), Load(managers(settings, write_only=True))
    await load.more()
    yield load, follower
    await load.more()
    await load.end()
    await until(lambda: len(follower.arguments) >= load.confirmed)
    assert follower.arguments == [record(number).arguments for number in range(load.confirmed)]
    assert follower.gaps == []


async def test_a_failover_that_was_asked_for_loses_nothing(
    cluster: RedisCluster, loaded: tuple[Load, Follower]
) -> None:
    """The old primary hands over all that it has, and answers MOVED."""
    load, follower = loaded
    await asyncio.to_thread(cluster.fail_over, follower.manager.keys.stream)
    await load.more()
    await asyncio.to_thread(cluster.await_whole)


async def test_a_slot_that_migrates_key_by_key_loses_nothing(
    cluster: RedisCluster, loaded: tuple[Load, Follower], managers: Callable[..., BusManager]
) -> None:
    """Meanwhile neither server has all keys, so nothing is written. Afterwards the ids of messages are known
    where they were before, and so is everything else.
    """
    load, follower = loaded
    keys = follower.manager.keys
    await load.more(100)  # more keys than one step moves
    known = load.confirmed - 1
    other = await asyncio.to_thread(cluster.other_primary, keys.stream)
    steps: list[int] = []
    await asyncio.to_thread(cluster.migrate, keys.stream, other, lambda: steps.append(load.confirmed))
    assert len(steps) > 5
    # What was written before may be confirmed after the first step.
    assert steps[-1] <= steps[0] + 1, "written while the slot was on two servers"
    await load.more()
    manager = managers(bus_settings(cluster.url, channel=keys.channel), write_only=True)
    await confirmed(manager, known)  # the reader must not see it again
    assert await asyncio.to_thread(other.client.exists, keys.stream)


async def test_a_slot_that_migrates_in_one_step_loses_nothing(
    cluster: RedisCluster, loaded: tuple[Load, Follower]
) -> None:
    """Valkey ≥ 9 and Redis ≥ 8.4 copy a slot like a replica, and then hand it over."""
    load, follower = loaded
    key = follower.manager.keys.stream
    other = await asyncio.to_thread(cluster.other_primary, key)
    if not await asyncio.to_thread(cluster.migrate_at_once, key, other):
        pytest.skip("this server cannot migrate a slot in one step")
    await load.more()


@pytest.mark.parametrize(
    "kind", ["of other slots", "that is a replica of other slots", "that is our replica"]
)
async def test_a_url_of_any_node_is_recognized_as_a_cluster(
    cluster: RedisCluster,
    kind: str,
    managers: Callable[..., BusManager],
    follow: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As the configuration endpoint of a provider: a name that leads to any of its nodes."""
    settings = bus_settings(cluster.url)
    key = Keys(settings.channel).stream
    other = cluster.other_primary(key)
    node = {
        "of other slots": other,
        "that is a replica of other slots": next(each for each in cluster.nodes if _follows(each, other)),
        "that is our replica": cluster.replica_of(key),
    }[kind]
    plain = bus_settings(f"redis://{HOST}:{node.port}/0", channel=settings.channel)
    follower, load = await follow(plain), Load(managers(plain, write_only=True))
    await load.more(5)
    await load.end()
    await until(lambda: len(follower.arguments) == load.confirmed)
    assert f"Redis is a cluster, so the server for slot {key_slot(key.encode())} is looked up" in caplog.text


def _follows(node: Node, primary: Node) -> bool:
    role = node.client.role()
    return bool(role[0] == b"slave" and role[2] == primary.port)


async def test_what_emitters_publish_at_any_node_is_heard(
    cluster: RedisCluster, managers: Callable[..., BusManager]
) -> None:
    """PUBLISH reaches the subscribers of every node; SPUBLISH, which would not, is never used."""
    settings = bus_settings(cluster.url)
    manager = managers(settings)
    heard: list[Any] = []

    async def listen() -> None:
        async with aclosing(manager._listen()) as messages:  # type: ignore[type-var]  # an async generator
            async for message in messages:
                heard.append(json.loads(message))  # noqa: PERF401  # the iteration never ends

    listening = asyncio.create_task(listen())
    patterns: list[bytes] = []

    async def listen_to_patterns() -> None:
        heard_by_node = Subscription(manager.clients, "patterns", patterns=manager.keys.emitter_patterns)
        async with aclosing(heard_by_node.messages()) as messages:
            async for channel, _ in messages:
                patterns.append(channel)

    listening_to_patterns = asyncio.create_task(listen_to_patterns())
    other = cluster.other_primary(manager.keys.stream)
    stock = socketio.RedisManager(f"redis://{HOST}:{other.port}/0", channel=settings.channel, write_only=True)

    def is_heard() -> bool:
        stock.emit("notice", {"text": "hello"})
        # As Node's emitter does it.
        other.client.publish(f"{settings.channel}#/#", b"")
        return bool(patterns) and any(each.get("event") == "notice" for each in heard)

    await until(is_heard)
    stock.redis.close()
    for task in (listening, listening_to_patterns):
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.parametrize("user", ["poller", "gateway"])
async def test_the_users_need_one_more_right_in_a_cluster(
    cluster: RedisCluster, user: str, managers: Callable[..., BusManager]
) -> None:
    """`users.acl` is for a single server; docs/redis.md names the right that has to be added."""
    channel = bus_settings(cluster.url).channel
    granted = [rule.replace("socketio", channel) for rule in rules(user) if not rule.startswith("#")]

    def manager(*more: str) -> BusManager:
        for node in cluster.nodes:
            node.client.execute_command("ACL", "SETUSER", user, "reset", *granted, ">secret", *more)
        url = cluster.url.replace("//", f"//{user}:secret@")
        return managers(bus_settings(url, channel=channel), write_only=True)

    await refused(manager(), r"no permissions to run the 'cluster\|?(slots)?' command")
    await confirmed(manager("+cluster|slots"), 1, has_ids=user == "poller")


async def test_nodes_that_are_down_are_passed_over(
    cluster: RedisCluster, managers: Callable[..., BusManager]
) -> None:
    """Several are given for this reason."""
    url = f"redis+cluster://{HOST}:{free_port()},{HOST}:{cluster.nodes[1].port}"
    await confirmed(managers(bus_settings(url), write_only=True), 1)


async def test_a_server_that_is_no_node_of_a_cluster_is_named(
    shared_redis: Redis, managers: Callable[..., BusManager]
) -> None:
    """The scheme is wrong then, and nothing would ever work."""
    url = f"redis+cluster://{HOST}:{shared_redis.port}"
    manager = managers(bus_settings(url), write_only=True)
    await refused(manager, rf"{shared_redis.port}: .*cluster support disabled")


async def test_confirming_replicas_confirm_in_a_cluster_too(
    cluster: RedisCluster, managers: Callable[..., BusManager]
) -> None:
    """WAIT is about the replicas of the slot's primary."""
    await confirmed(managers(bus_settings(cluster.url, replicas_ack=1), write_only=True), 1)
    manager = managers(bus_settings(cluster.url, replicas_ack=2), write_only=True)
    await refused(manager, "1 replicas of Redis have it, 2 are required")
