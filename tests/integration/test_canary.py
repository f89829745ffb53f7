"""The canary, from a real poller over a real queue: only a poller can send one."""

import uuid
from collections.abc import Callable

from tests.claims import eventually

from queuecast_bus.keys import Keys

from .poller import POLLER, settings
from .services import Queue, Redis, Service

KEYS = Keys()


def namespaces(redis: Redis) -> list[bytes]:
    """Return the namespaces of all records on the stream."""
    return [fields[b"a"] for _, fields in redis.client.xrange(KEYS.stream)]


def test_a_poller_publishes_its_own_canaries_and_leaves_those_that_a_sender_made(
    forgetful_redis: Redis, emulator: int, start: Callable[..., Service]
) -> None:
    """Otherwise anybody who may send to the queue could hide that nothing gets through."""
    # What is left must not come back before the end: it would be counted again.
    queue = Queue(emulator, f"canary-{uuid.uuid4().hex[:12]}", visibility_seconds=600)
    service = start(POLLER, settings(forgetful_redis, queue, QUEUECAST_CANARY_SECONDS="0"))
    eventually(service.ready)
    queue.send("null", '"1.abc"', queuecast="canary")
    eventually(lambda: service.metric("queuecast_poller_left_total", reason="bad_address") == 2)
    assert namespaces(forgetful_redis) == []
    # Another replica's canary: the first replica has no key yet and asks for it.
    other = start(POLLER, settings(forgetful_redis, queue, QUEUECAST_CANARY_SECONDS="1"))
    eventually(lambda: service.metric("queuecast_poller_published_total") >= 1)
    eventually(lambda: other.metric("queuecast_poller_published_total") >= 1)
    assert {*namespaces(forgetful_redis)} == {b'["queuecast:canary"]'}
    # A Redis that has lost the key gets another one, without any restart.
    forgetful_redis.kill()
    forgetful_redis.start()
    eventually(lambda: forgetful_redis.client.xlen(KEYS.stream) >= 3)
    assert service.metric("queuecast_poller_left_total") == 2
