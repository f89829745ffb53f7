"""How each fault strikes, one function each: real signals, real sockets, a real queue that misbehaves.

A function returns when its fault has ended. Meanwhile the load goes on: time is counted in messages sent.
"""

import json
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.claims import eventually
from tests.faults.crowd import Crowd
from tests.faults.sender import Sender
from tests.faults.slow_reader import slow_reader
from tests.faults.stack import USER, Stack


@dataclass(frozen=True)
class Scene:
    """Where a fault strikes."""

    stack: Stack
    crowd: Crowd
    sender: Sender


def nothing(scene: Scene) -> None:
    """The control: if the harness reports an error here, the harness is wrong."""
    scene.sender.goes_on(1)


def redis_restarts(scene: Scene) -> None:
    scene.stack.redis.end(signal.SIGTERM)
    scene.sender.goes_on(0.5)
    scene.stack.redis.start()


def redis_falls_silent(scene: Scene) -> None:
    scene.stack.network.silence_redis()
    scene.sender.goes_on(30)
    scene.stack.network.heal_redis()


def redis_connections_are_killed(scene: Scene) -> None:
    for kind in ("normal", "pubsub"):
        scene.stack.redis.client.client_kill_filter(_type=kind, skipme=True)


def redis_stalls(scene: Scene) -> None:
    scene.stack.redis.process.signal(signal.SIGSTOP)
    scene.sender.goes_on(10)
    scene.stack.redis.process.signal(signal.SIGCONT)


def redis_is_full(scene: Scene) -> None:
    scene.stack.redis.client.config_set("maxmemory", "1mb")
    scene.sender.goes_on(5)
    scene.stack.redis.client.config_set("maxmemory", "0")


def redis_password_changes(scene: Scene) -> None:
    """All connections end, and the file has the new password two seconds later."""
    scene.stack.redis.set_password(USER, "second")
    redis_connections_are_killed(scene)
    scene.sender.goes_on(2)
    scene.stack.password_file.write_text("second")


def redis_removes_keys(scene: Scene) -> None:
    """Its limit is below what it has, and its policy not `noeviction`: the stream goes, again and again."""
    client = scene.stack.redis.client
    memory = client.info("memory")
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.config_set("maxmemory", memory["used_memory"] - memory["used_memory_dataset"] // 2)
    scene.sender.goes_on(5)
    assert client.info("stats")["evicted_keys"]
    client.config_set("maxmemory", 0)
    client.config_set("maxmemory-policy", "noeviction")


BACKLOG_BATCHES = 34
SLOW_BYTES_PER_SECOND = 5e6


def the_link_is_slow(scene: Scene) -> None:
    """The gateways are 30 MB behind when they reach Redis again, by a link of 5 MB/s for each connection."""
    stack = scene.stack
    stack.network.silence_redis(*stack.gateway_names)
    before = stack.redis.memory_kib()
    body = json.dumps("x" * BALLAST_BYTES)
    for _ in range(BACKLOG_BATCHES):
        stack.queue.put([body] * 10, event="ballast", rooms="ballast")
    backlog_kib = BACKLOG_BATCHES * 10 * BALLAST_BYTES >> 10
    eventually(lambda: stack.redis.memory_kib() - before > backlog_kib, 120)
    stack.network.slow_redis(SLOW_BYTES_PER_SECOND)
    stack.network.heal_redis()
    eventually(
        lambda: all(each.total("queuecast_gateway_behind_seconds") < 1 for each in stack.gateways), 120
    )
    stack.network.slow_redis(None)


def redis_loses_its_data(scene: Scene) -> None:
    scene.stack.redis.end(signal.SIGKILL)
    scene.sender.goes_on(0.5)
    scene.stack.redis.start()


def a_gateway_is_told_to_stop(scene: Scene) -> None:
    assert scene.stack.gateways[0].end(signal.SIGTERM) == 0
    scene.stack.gateways[0].restart()


def a_gateway_is_killed(scene: Scene) -> None:
    scene.stack.gateways[0].end(signal.SIGKILL)
    scene.stack.gateways[0].restart()


def a_gateway_stands_still(scene: Scene) -> None:
    scene.stack.gateways[0].process.signal(signal.SIGSTOP)
    scene.sender.goes_on(10)
    scene.stack.gateways[0].process.signal(signal.SIGCONT)


def a_poller_dies_before_it_deletes(scene: Scene) -> None:
    scene.stack.queue.fail({"action": "DeleteMessageBatch", "kind": "hang", "seconds": 60})
    eventually(lambda: scene.stack.queue.struck() > 0)
    scene.stack.pollers[0].end(signal.SIGKILL)
    scene.stack.queue.fail()
    scene.stack.pollers[0].restart()


def a_poller_is_told_to_stop(scene: Scene) -> None:
    assert scene.stack.pollers[0].end(signal.SIGTERM) == 0
    scene.stack.pollers[0].restart()


def one_of_two_pollers_dies(scene: Scene) -> None:
    scene.stack.pollers[0].end(signal.SIGKILL)


def sqs(kind: str, action: str = "*", lasts: float = 8, **more: Any) -> Callable[[Scene], None]:
    """Return a fault in which SQS fails in this way for `lasts` seconds."""

    def strike(scene: Scene) -> None:
        scene.stack.queue.fail({"kind": kind, "action": action, **more})
        scene.sender.goes_on(lasts)
        assert scene.stack.queue.struck() > 0
        scene.stack.queue.fail()

    return strike


BALLAST = 60
BALLAST_BYTES = 90_000
"""All together they exceed the kernel's buffers of a connection; a batch of ten is less than 1 MiB."""


def a_client_stops_reading(scene: Scene) -> None:
    gateway = scene.stack.gateways[0]
    with slow_reader(scene.stack.gateway_ports[0], "ballast"):
        body = json.dumps("x" * BALLAST_BYTES)
        for _ in range(BALLAST // 10):
            scene.stack.queue.put([body] * 10, event="ballast", rooms="ballast")
        eventually(lambda: gateway.total("queuecast_gateway_disconnects_total", reason="slow") > 0)


HALF_OPEN = 20


def connections_vanish(scene: Scene) -> None:
    scene.stack.network.vanish(HALF_OPEN)
    eventually(lambda: scene.crowd.status().joined < scene.crowd.clients)
    scene.crowd.assemble(20)


STORM = 500
STORM_NAMESPACE = "/storm"


def a_storm_of_connects(scene: Scene) -> None:
    with Crowd([scene.stack.url + STORM_NAMESPACE], STORM, rooms=0) as storm:
        storm.assemble(30)


POISON = 5


def poison_is_sent(scene: Scene) -> None:
    scene.stack.queue.put([f"no json, {number}" for number in range(POISON)])
    eventually(lambda: scene.stack.queue.dead() >= POISON, 60)
