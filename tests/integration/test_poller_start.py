"""A poller that cannot use Redis says so at its start, before any message comes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.claims import eventually

from queuecast_local.redis_server import RedisServer

from .poller import POLLER, settings
from .services import HOST, Queue, Redis, Service, free_port

RIGHTS = "~* &* +@all"
PASSWORD = "s3cret"


@pytest.fixture(scope="module")
def redis(any_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis with users who may do everything but one thing."""
    redis = Redis(any_redis, tmp_path_factory.mktemp("redis"))
    for name, rights in {
        "all": RIGHTS,
        "no-xadd": f"{RIGHTS} -xadd",
        "no-script": f"{RIGHTS} -evalsha",
    }.items():
        redis.client.execute_command("ACL", "SETUSER", name, "on", f">{PASSWORD}", *rights.split())
    yield redis
    redis.close()


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        (f"all:{PASSWORD}", None),
        ("all:wrong", "invalid username-password pair"),
        (f"no-xadd:{PASSWORD}", "can't run this command"),
        (f"no-script:{PASSWORD}", "evalsha"),
    ],
)
def test_without_any_message_a_poller_says_why_it_cannot_publish(
    redis: Redis, queue: Queue, start: Callable[..., Service], user: str, reason: str | None
) -> None:
    """A roll-out must stop at a wrong password, and not at the first message of the next morning."""
    url = f"redis://{user}@{HOST}:{redis.port}/0"
    service = start(POLLER, settings(redis, queue, QUEUECAST_REDIS_URL=url))
    eventually(
        lambda: service.ask("/readyz")[0] == 200 if reason is None else reason in service.ask("/readyz")[1]
    )
    if reason is not None:
        assert service.ask("/readyz")[0] == 503
        assert service.ask("/livez")[0] == 200
        assert reason in service.log()
        assert PASSWORD not in service.log()


def test_a_poller_waits_for_a_redis_that_is_not_there(
    any_redis: RedisServer, queue: Queue, start: Callable[..., Service], tmp_path: Path
) -> None:
    """Whichever of the two starts first."""
    port = free_port()
    url = f"redis://{HOST}:{port}/0"
    service = start(POLLER, {**queue.environment, "QUEUECAST_REDIS_URL": url, "QUEUECAST_QUEUES": queue.name})
    eventually(lambda: f"{HOST}:{port}" in service.ask("/readyz")[1])
    assert service.ask("/readyz")[0] == 503
    assert service.metric("queuecast_poller_publish_failures_total") == 0


def test_a_poller_says_that_redis_removes_keys_when_it_is_full(
    own_redis: Redis, queue: Queue, start: Callable[..., Service]
) -> None:
    """Many providers' default; nothing is wrong until it is too late."""
    own_redis.client.config_set("maxmemory", "1gb")
    own_redis.client.config_set("maxmemory-policy", "volatile-lru")
    service = start(POLLER, settings(own_redis, queue))
    eventually(lambda: "maxmemory-policy is volatile-lru" in service.ask("/readyz")[1])
    eventually(service.ready)
    assert service.metric("queuecast_poller_redis_evicts") == 1
    assert "maxmemory-policy is volatile-lru" in service.log()
