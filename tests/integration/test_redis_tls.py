"""Redis over TLS: the certificate is checked, and one log line says what is wrong with it."""

import asyncio
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.claims import WITHIN_SECONDS, eventually

from queuecast_bus import BusManager, BusSettings, BusUnavailable, Record
from queuecast_bus.tls import HANDSHAKE_SECONDS, TLS_PARAMETERS
from queuecast_local.processes import Process
from queuecast_local.redis_server import RedisServer

from .gateway import GATEWAY, Gateway
from .page import page
from .poller import POLLER
from .services import HOST, Queue, Service, free_port
from .site import until
from .tls import Certificates, TlsServer, has_tls, listens

ITEM = Record(event="item_added", arguments=b'[{"id":1}]')

TOO_LATE = "Timeout|no answer in|SSL handshake is taking longer"
"""What is said of a server that is slow, as any may be on a busy machine."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.issued_into(tmp_path_factory.mktemp("certificates"))


class TlsRedis(TlsServer):
    """A Redis that speaks only TLS."""

    def url(self, query: str, *, scheme: str = "rediss", host: str = HOST) -> str:
        return f"{scheme}://{host}:{self.port}/0{query and '?'}{query}"


StartRedis = Callable[..., TlsRedis]


@pytest.fixture
def tls_redis(redis_kind: RedisServer, tmp_path: Path, certificates: Certificates) -> Iterator[StartRedis]:
    """Start TLS servers that end with the test."""
    started: list[TlsRedis] = []

    def run(name: str = "server", *, ask_clients: bool = False, plain_too: bool = False) -> TlsRedis:
        directives = certificates.options(free_port(), name, ask_clients=ask_clients)
        command = (*redis_kind.on(0), "--dir", str(tmp_path))
        started.append(TlsRedis(redis_kind, command, directives, plain_too=plain_too))
        return started[-1]

    yield run
    for redis in started:
        redis.stop()


def poller_settings(queue: Queue, url: str) -> dict[str, str]:
    return {
        **queue.environment,
        "QUEUECAST_REDIS_URL": url,
        "QUEUECAST_QUEUES": queue.name,
        "QUEUECAST_WAIT_SECONDS": "1",
    }


async def stored(url: str) -> bool:
    """Publish through `url`; return whether Redis confirmed."""
    manager = BusManager(BusSettings.model_validate({"redis_url": url}), write_only=True)
    try:
        return await answered(manager)
    finally:
        await manager.aclose()


async def answered(manager: BusManager) -> bool:
    """Publish; return whether Redis confirmed. A timeout is tried again."""
    due = time.monotonic() + WITHIN_SECONDS
    while True:
        try:
            return bool((await manager.publish([(ITEM, None)]))[0].offset)
        except BusUnavailable as exc:
            if not re.search(TOO_LATE, str(exc)) or time.monotonic() > due:
                raise


# What works


async def test_all_that_both_services_do_they_do_over_tls(
    tls_redis: StartRedis,
    certificates: Certificates,
    queue: Queue,
    gateway: Callable[..., Gateway],
    start: Callable[..., Service],
) -> None:
    """Records, sessions and control messages each have a connection of their own."""
    url = tls_redis().url(f"ssl_ca_certs={certificates['ca']}")
    one, two = gateway(url), gateway(url)
    poller = start(POLLER, poller_settings(queue, url))
    await until(lambda: one.ready() and two.ready() and poller.ready())
    async with page(one.port) as first, page(two.port) as other:
        await asyncio.to_thread(queue.send, '{"id": 1}')
        assert await first.event() == await other.event() == ["item_added", {"id": 1}]
        assert (await other.ask("item_removed", {"id": "a"}))["ok"]
        assert await first.event() == await other.event() == ["item_removed", {"id": "a"}]
        # A control message from the other replica closes its first connection.
        async with page(two.port, first.ticket) as second:
            assert second.is_back(first.ticket)
            await until(lambda: one.metric("queuecast_gateway_connections") == 0)
            ticket = second.ticket
        one.process.signal(signal.SIGKILL)
        await asyncio.to_thread(queue.send, '{"id": 2}')
        assert await other.event() == ["item_added", {"id": 2}]
        async with page(two.port, ticket) as third:
            assert third.is_back(ticket)
            assert await third.caught_up(1) == [["item_added", {"id": 2}]]


async def test_a_server_that_asks_for_a_certificate_gets_ours(
    tls_redis: StartRedis, certificates: Certificates
) -> None:
    """Redis asks for one by default (`tls-auth-clients`)."""
    redis = tls_redis(ask_clients=True)
    trusted = f"ssl_ca_certs={certificates['ca']}"
    own = f"ssl_certfile={certificates['client']}&ssl_keyfile={certificates['client']}"
    assert await stored(redis.url(f"{trusted}&{own}"))
    with pytest.raises(BusUnavailable, match=r"(?i)certificate required|reset|closed"):
        await stored(redis.url(trusted))


async def test_a_check_that_is_switched_off_is_off(tls_redis: StartRedis, certificates: Certificates) -> None:
    """It is for a certificate with another name, or from an unknown CA."""
    redis = tls_redis("elsewhere")
    assert await stored(redis.url(f"ssl_ca_certs={certificates['ca']}&ssl_check_hostname=false"))
    assert await stored(redis.url("ssl_cert_reqs=none"))


async def test_a_renewed_certificate_is_read_without_a_restart(
    tls_redis: StartRedis, certificates: Certificates, tmp_path: Path
) -> None:
    """The client that failed with the old certificate goes on with the new one."""
    trusted = tmp_path / "trusted.pem"
    shutil.copy(certificates["other-ca"], trusted)
    url = tls_redis().url(f"ssl_ca_certs={trusted}")
    manager = BusManager(BusSettings.model_validate({"redis_url": url}), write_only=True)
    with pytest.raises(BusUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        await answered(manager)
    shutil.copy(certificates["ca"], trusted)
    assert await answered(manager)
    await manager.aclose()


@pytest.mark.parametrize("scheme", ["rediss+sentinel", "valkeys+sentinel"])
async def test_sentinels_and_their_primary_are_asked_over_tls(
    scheme: str,
    tls_redis: StartRedis,
    certificates: Certificates,
    redis_kind: RedisServer,
    tmp_path: Path,
) -> None:
    """The URL's query applies to both, and neither accepts connections without TLS."""
    # A sentinel that was built without TLS connects to its primary in plain text.
    redis, port = tls_redis(plain_too=True), free_port()
    configuration = tmp_path / "sentinel.conf"
    configuration.write_text(f"bind {HOST}\nsentinel monitor mymaster {HOST} {redis.port} 1\n")
    directives = {**certificates.options(port), **({"tls-replication": "yes"} if has_tls(redis_kind) else {})}
    sentinel = TlsServer(redis_kind, (*redis_kind.command, str(configuration), "--sentinel"), directives)
    try:
        eventually(lambda: "+monitor" in "\n".join(sentinel.processes[0].tail))
        url = f"{scheme}://{HOST}:{port}/0/mymaster?ssl_ca_certs="
        assert await stored(url + certificates["ca"])
        with pytest.raises(BusUnavailable, match=r"no sentinel knows .*CERTIFICATE_VERIFY_FAILED") as refused:
            await stored(url + certificates["other-ca"])
        assert len(str(refused.value)) < 300, "the reason fits in one readable line"
    finally:
        sentinel.stop()


@pytest.mark.parametrize("name", TLS_PARAMETERS)
def test_each_parameter_is_explained(name: str) -> None:
    """Any other parameter is refused, so the docs have to list them all."""
    assert f"`{name}`" in (Path(__file__).parents[2] / "docs" / "redis.md").read_text("utf-8")


# What does not

Wrong = tuple[str, str]
"""A URL, and what the log must say about it."""


@pytest.fixture(
    params=["a CA of others", "no CA", "another host's certificate", "a server without TLS", "no TLS of ours"]
)
def wrong(
    request: pytest.FixtureRequest,
    tls_redis: StartRedis,
    certificates: Certificates,
    any_redis: RedisServer,
    tmp_path: Path,
) -> Iterator[Wrong]:
    trusted = f"ssl_ca_certs={certificates['ca']}"
    match request.param:
        case "a CA of others":
            yield tls_redis().url(f"ssl_ca_certs={certificates['other-ca']}"), "CERTIFICATE_VERIFY_FAILED"
        case "no CA":
            yield tls_redis().url(""), "CERTIFICATE_VERIFY_FAILED"
        case "another host's certificate":
            url = tls_redis("elsewhere").url(trusted, host="localhost")
            yield url, r"Hostname mismatch, certificate is not valid for 'localhost'"
        case "no TLS of ours":
            yield tls_redis().url("", scheme="redis"), r"(?i)reset|closed|lost"
        case "a server without TLS":
            port = free_port()
            plain = Process("redis", (*any_redis.on(port), "--dir", str(tmp_path)))
            eventually(lambda: listens(port))
            yield (
                f"rediss://{HOST}:{port}/0?{trusted}",
                f"SSL handshake is taking longer than {HANDSHAKE_SECONDS} s",
            )
            plain.stop(grace_seconds=0)


NEVER_RETRIEVED = "Future exception was never retrieved"
"""uvloop logs this where a process stood still for so long that a connection times out in the very turn of
the loop in which its handshake fails (uvloop 0.23.0; asyncio's own loop does not)."""


def said_once(service: Service, logger: str, why: str) -> bool:
    """Say whether a part of a service has warned once, with the reason, and nothing has crashed.

    On a busy machine the first attempt may time out before it fails for that reason.
    """
    log = service.log()
    warnings = [line for line in log.splitlines() if f" WARNING {logger}: " in line]
    entries = re.split(r"^(?=\d{4}-\d\d-\d\d )", log, flags=re.MULTILINE)
    assert not [entry for entry in entries if "Traceback" in entry and NEVER_RETRIEVED not in entry]
    assert service.process.exit_code is None
    return len(warnings) == 1 and re.search(f"{why}|{TOO_LATE}", warnings[0]) is not None


def test_a_gateway_that_cannot_trust_redis_stays_unready_and_says_why(
    wrong: Wrong, gateway: Callable[..., Gateway]
) -> None:
    """It stays alive and keeps trying: the certificate may be renewed, and a restart would not help."""
    url, why = wrong
    service = gateway(url)
    eventually(lambda: re.search(why, service.ask("/readyz")[1]))
    assert service.ask("/readyz")[0] == 503
    assert service.ask("/livez")[0] == 200
    for part in ("reader", "subscription"):
        eventually(lambda name=f"queuecast_bus.{part}": said_once(service, name, why))
    assert not listens(service.port)


def test_a_poller_that_cannot_trust_redis_deletes_nothing_and_says_why(
    wrong: Wrong, queue: Queue, start: Callable[..., Service]
) -> None:
    """Messages wait on the queue until somebody reads the log."""
    url, why = wrong
    queue.send('{"id": 1}')
    service = start(POLLER, poller_settings(queue, url))
    eventually(lambda: re.search(why, service.ask("/readyz")[1]))
    assert service.ask("/readyz")[0] == 503
    assert service.ask("/livez")[0] == 200
    eventually(lambda: service.metric("queuecast_poller_publish_failures_total") >= 2)
    assert said_once(service, "queuecast_poller.intake.bus_retry", why)
    assert queue.depth() == 1


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("ssl_ca_cert=/ca.pem", "an unknown 'ssl_ca_cert': did you mean ssl_ca_certs?"),
        ("ssl_ca_certs=/nowhere/ca.pem", "ssl_ca_certs=/nowhere/ca.pem: [Errno 2] No such file"),
    ],
)
@pytest.mark.parametrize("module", [GATEWAY, POLLER])
def test_a_mistake_in_the_query_ends_the_start_with_its_name(
    module: str, query: str, why: str, start: Callable[..., Service]
) -> None:
    """redis-py would raise a `TypeError` at each connection; and a typo in the CA parameter's name would make
    it trust the system's CAs.
    """
    settings = {"QUEUECAST_REDIS_URL": f"rediss://gateway:hush@{HOST}:1/0?{query}"}
    if module == POLLER:
        settings["QUEUECAST_QUEUES"] = "items"
    service = start(module, settings)
    assert service.process.wait(60) == 2
    assert "QUEUECAST_REDIS_URL: " in service.log()
    assert why in service.log()
    assert "hush" not in service.log()
    assert "Traceback" not in service.log()
