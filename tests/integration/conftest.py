"""One service at a time against a real Redis and a real SQS emulator, each on ports of its own."""

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.claims import eventually

from queuecast_bus import BusManager, connection
from queuecast_local import sqs
from queuecast_local.redis_server import RedisServer

from . import emulators
from .access import JWT, NAMED, environment
from .api import ApiSite
from .echo import Echo, serve
from .emulators import Emulator, ours
from .follower import Follower
from .gateway import Gateway
from .key_server import Issuer
from .redis_users import Guarded
from .services import AVAILABLE, HOST, Queue, Redis, Service, free_port, listening
from .site import CONNECTIONS, Site, until
from .victim import ASK_SECONDS, Victim, ask_on
from .wire import CLOSE


@pytest.fixture(scope="session", params=list(AVAILABLE))
def redis_kind(request: pytest.FixtureRequest) -> RedisServer:
    """Each Redis that this machine has: the one from the wheel (Valkey 9), and the one in PATH."""
    return AVAILABLE[request.param]


@pytest.fixture(scope="session")
def any_redis() -> RedisServer:
    """One Redis, for tests to which its version does not matter."""
    return next(iter(AVAILABLE.values()))


@pytest.fixture(scope="session")
def shared_redis(redis_kind: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis for tests that leave it alive; each uses a channel of its own."""
    redis = Redis(redis_kind, tmp_path_factory.mktemp("redis"))
    yield redis
    redis.close()


@pytest.fixture
def own_redis(any_redis: RedisServer, tmp_path: Path) -> Iterator[Redis]:
    """A Redis for a test that kills, fills or stops it; it keeps its data across a restart."""
    redis = Redis(any_redis, tmp_path, "--appendonly", "yes", "--appendfsync", "always")
    yield redis
    redis.close()


@pytest.fixture
def forgetful_redis(any_redis: RedisServer, tmp_path: Path) -> Iterator[Redis]:
    """A Redis that comes back without its data."""
    redis = Redis(any_redis, tmp_path)
    yield redis
    redis.close()


@pytest.fixture(scope="session")
def emulator() -> Iterator[int]:
    """The port of the SQS emulator that `make run` starts."""
    yield from listening(sqs.emulator(port := free_port()), port)


@pytest.fixture(scope="session")
def moto() -> Iterator[int]:
    """The port of moto's server: all of AWS, with an SQS to compare ours with."""
    port = free_port()
    yield from listening((sys.executable, "-m", "moto.server", "--host", HOST, "--port", str(port)), port)


@pytest.fixture
def queue(emulator: int) -> "Queue":
    """A queue of the test's own, with a dead-letter queue."""
    return Queue(emulator, f"test-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def start() -> Iterator[Callable[..., Service]]:
    """Start services that end with the test."""
    started: list[Service] = []

    def run(module: str, settings: dict[str, str], code: str | None = None) -> Service:
        service = Service(module, settings, code)
        started.append(service)
        return service

    yield run
    for service in started:
        service.process.stop(grace_seconds=0)


@pytest.fixture
def gateway() -> Iterator[Callable[..., Gateway]]:
    """Start gateways that end with the test."""
    started: list[Gateway] = []

    def run(redis_url: str, **more: str) -> Gateway:
        started.append(Gateway(redis_url, **more))
        return started[-1]

    yield run
    for service in started:
        service.process.stop(grace_seconds=0)


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    await issuer.start()
    yield issuer
    await issuer.stop()


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    """An echo server with the heartbeat intervals of the published test suite."""
    async for running in serve(Echo(0.3)):
        yield running


@pytest.fixture
async def patient() -> AsyncIterator[Echo]:
    """An echo server that sends no ping while a test runs."""
    async for running in serve(Echo(30)):
        yield running


@pytest.fixture
def patient_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, Redis may take a minute to answer: on a busy machine, three seconds are no outage."""
    call: Any = connection.redis_call
    monkeypatch.setattr(call.__wrapped__, "__defaults__", (60.0,))
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 60.0)


@pytest.fixture
async def managers() -> AsyncIterator[Callable[..., BusManager]]:
    """Make managers that are closed when the test ends."""
    made: list[BusManager] = []

    def make(settings: Any, **options: Any) -> BusManager:
        made.append(BusManager(settings, **options))
        return made[-1]

    yield make
    for manager in made:
        await manager.aclose()


@pytest.fixture
async def follow(managers: Callable[..., BusManager]) -> AsyncIterator[Callable[..., Any]]:
    """Start followers that end with the test; each is already reading when it is returned."""
    followers: list[Follower] = []

    async def start(settings: Any) -> Follower:
        follower = Follower(managers(settings))
        followers.append(follower)
        async with asyncio.timeout(60):
            await follower.manager.reading.wait()
        return follower

    yield start
    for follower in followers:
        await follower.stop()


@pytest.fixture
async def site(forgetful_redis: Redis) -> AsyncIterator[Site]:
    """A site on a Redis that loses its data in a restart."""
    made = Site(forgetful_redis)
    yield made
    await made.close()


@pytest.fixture
def api_site(site: Site, tmp_path: Path) -> ApiSite:
    """A site whose replicas may have an HTTP API."""
    return ApiSite(site, tmp_path)


@pytest.fixture
async def kept_site(own_redis: Redis) -> AsyncIterator[Site]:
    """A site on a Redis that keeps its data across a restart."""
    made = Site(own_redis)
    yield made
    await made.close()


@pytest.fixture(scope="module")
def shared_victim(any_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """One gateway for all these tests: if one test leaves something behind, the next one shows it."""
    redis = Redis(any_redis, tmp_path_factory.mktemp("redis"))
    victim = Victim(redis)
    yield victim
    victim.service.process.stop(grace_seconds=0)
    redis.close()


@pytest.fixture
async def victim(shared_victim: Victim) -> AsyncIterator[Victim]:
    """The gateway and an honest client that must notice nothing; at the end it is the only client."""
    async with shared_victim.joined() as honest:
        asking = asyncio.create_task(ask_on(honest))
        yield shared_victim
        await asyncio.wait([asking], timeout=ASK_SECONDS)
        assert not asking.done(), asking.exception()
        asking.cancel()
        await asyncio.wait([asking])
        honest.send_frame(CLOSE, (1000).to_bytes(2, "big"))
        await honest.end()
    await asyncio.to_thread(eventually, lambda: shared_victim.connections() == 0)
    log = shared_victim.service.log()
    shared_victim.service.process.tail.clear()
    assert "Traceback" not in log
    assert shared_victim.service.process.exit_code is None


@pytest.fixture(scope="module")
def our_emulator() -> Iterator[Emulator]:
    """One emulator for all tests of a module: each test has queues of its own."""
    with emulators.ours() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def guarded(any_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that requires tokens, for tests that leave it as it was."""
    redis = Redis(any_redis, tmp_path_factory.mktemp("redis"))
    made = Gateway(redis.url, **environment(**JWT, **NAMED))
    yield made
    made.process.stop(grace_seconds=0)
    assert "Traceback" not in made.log()
    redis.close()


@pytest.fixture
async def token_gateway(guarded: Gateway) -> AsyncIterator[Gateway]:
    await until(guarded.ready)
    yield guarded
    await until(lambda: guarded.metric(CONNECTIONS) == 0)


@pytest.fixture(scope="module")
def module_redis(any_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """One Redis for all tests of a module, which leave it alive."""
    started = Redis(any_redis, tmp_path_factory.mktemp("redis"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def sqs_of_ours() -> Iterator[Emulator]:
    with ours() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def guarded_redis(redis_kind: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A Redis that is shared by all tests that leave it alive; see `emptied_redis`."""
    redis = Guarded(redis_kind, tmp_path_factory.mktemp("guarded"))
    yield redis
    redis.close()


@pytest.fixture
def emptied_redis(guarded_redis: Guarded) -> Guarded:
    """The shared Redis, without keys, scripts or logged refusals."""
    guarded_redis.client.flushall()
    guarded_redis.client.script_flush()
    guarded_redis.client.acl_log_reset()
    guarded_redis.client.config_resetstat()
    return guarded_redis
