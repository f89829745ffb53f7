"""No log contains a secret: services get every secret and log all they can, and all of it is searched."""

import asyncio
import json
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import redis as sync_redis
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.issuer import EC, RSA, SECRET, jwk, key_set, pem, signed, token

from queuecast_local.redis_server import RedisServer

from . import wire
from .access import environment, refusal
from .api import TOKENS, connected, write_tokens
from .gateway import Gateway
from .key_server import Issuer
from .page import Page, page
from .poller import POLLER
from .services import HOST, Queue, Redis, Service, free_port
from .site import until
from .wire import WebSocket

PASSWORD = f"password/{uuid.uuid4().hex}"
AWS_SECRET = uuid.uuid4().hex
AWS_SESSION = uuid.uuid4().hex
PART = 8
"""This many consecutive characters of a token count as a leak, except at its start, which all share."""


class LockedRedis(Redis):
    """A Redis with a password."""

    def start(self) -> None:
        self.client.close()
        self.client = sync_redis.Redis(port=self.port, password=PASSWORD, socket_timeout=30)
        super().start()

    @property
    def url(self) -> str:
        return f"redis://:{quote(PASSWORD, safe='')}@{HOST}:{self.port}/0"


@pytest.fixture
def locked_redis(any_redis: RedisServer, tmp_path: Path) -> Iterator[LockedRedis]:
    redis = LockedRedis(any_redis, tmp_path, "--requirepass", PASSWORD)
    yield redis
    redis.close()


def talkative(service: Service) -> None:
    """Keep a service's whole log, not only its last lines."""
    service.process.keep(None)


class Shown:
    """The tokens that were shown, good and bad."""

    def __init__(self) -> None:
        self.all: list[str] = []

    def __call__(self, shown: str) -> str:
        self.all.append(shown)
        return shown

    def parts(self) -> Iterator[str]:
        """Yield what must not be in a log: each part of each token, and pieces from its middle."""
        for each in self.all:
            yield each
            for part in each.split("."):
                if len(part) >= 3 * PART:
                    yield part[PART : 2 * PART]
                    yield part[-2 * PART : -PART]


async def say_everything(port: int, shown: Shown) -> None:
    """Connect, be refused, refresh, recover, break every rule, with tokens wherever one could be."""
    good = shown(signed(300, rooms=["sku:*"], join=["team:1"], relay=["item_removed"]))
    bad = [
        shown(signed(-100)),
        shown(signed(300, nbf=1e12)),
        shown(signed(300, rooms="secret-room-name")),
        shown(signed(300, rooms=["*secret-room-name"])),
        shown(signed(300, join=["secret-room-name", ""])),
        shown(signed(300, sub="secret\nsubject" * 30)),
        shown(signed(300, aud="somebody-else-entirely")),
        shown(token("another-secret-of-somebody-elses", "HS256", None)),
        shown(token(RSA, "RS256", "id-of-a-key")),
        shown(good[:-20] + "x" * 20),
        shown(good + "." + "y" * 9_000),
        shown("not-a-token-at-all-but-secret-anyway"),
        shown("ünïcode-that-is-secret-anyway-though"),
    ]
    for each in bad:
        await refusal(port, token=each)
    for strange in ([good], {"token": good}, 7):
        await refusal(port, token=strange)
    headers = {"Authorization": f"Bearer {good}", "Cookie": f"token={good}", "X-Forwarded-For": good}
    for query in (wire.POLLING, f"EIO=4&transport={good}", f"{wire.POLLING}&sid={good}", "EIO=5"):
        await wire.request(port, query=f"{query}&token={good}", headers=headers)
        await wire.request(port, "POST", f"{query}&token={good}", f'40{{"token":"{good}"}}', headers)
        async with await WebSocket.open(port, f"{query}&token={good}", headers=headers):
            pass
    async with await WebSocket.open(port, f"token={good}", path=f"/{good}", headers=headers):
        pass
    async with wire.stream(port) as (reader, writer):
        writer.write(f"GET /{good} HTTP/9.9\r\nAuthorization: {good}\r\n\r\n".encode())
        await reader.read()
    async with wire.stream(port) as (reader, writer):
        writer.write(f"GET /{good} HTTP/1.1\r\nAuthorization: {good}".encode())
        await reader.read()
    async with wire.stream(port) as (reader, writer):
        writer.write(wire.head("GET", f"/{good}", {"Connection": "Upgrade", "Upgrade": "h2c", **headers}))
        await wire.read_answer(reader)
    for packet in (
        f'40{{"token":"{good}"',
        f'42["connect",{{"token":"{good}"}}]',
        f'42["{good}"',
        f'40{{"token":"{good}"}}]',
        f"4{good}",
        good,
        f'451-["refresh","{good}"]',
        f'41["{good}"]',
    ):
        async with page(port, token=good) as one:
            await one.send(packet)
            await one.send("4")
            assert isinstance(one.connection, WebSocket)
            while (await one.connection.next_frame())[0] != wire.CLOSE:
                pass
    async with page(port, token=good) as one:
        await one.ask(good, good)
        await one.ask("subscribe", [good, "sku:1"])
        await one.ask("item_removed", {"token": good})
        for each in (*bad, shown(signed(400))):
            await one.ask("refresh", each)
        await one.ask("refresh", {"token": good})
        ticket = one.ticket
    async with page(port, ticket, token=shown(signed(300))):
        pass
    ending = await Page.open(port, token=shown(signed(10)))
    assert isinstance(ending.connection, WebSocket)
    while (await ending.connection.next_frame())[0] != wire.CLOSE:
        pass
    await ending.leave()


async def use_the_api(port: int, shown: Shown) -> None:
    """Publish with a good token, and show good and bad ones wherever one could be."""
    good = shown(TOKENS["ops"][1])
    bad = shown("an-unknown-token-that-is-secret-anyway-though")
    async with connected(port) as api:
        event = {"event": "e", "data": "x", "rooms": ["sku:7"]}
        assert (
            await api.ask("POST", "/v1/publish", event, key=shown("a-secret-key-of-idempotency"))
        ).status == 200
        assert (await api.ask("POST", "/v1/publish", event, holder=bad)).status == 401
        for header in (good, f"Basic {good}", f"Bearer {good} {bad}", f"Bearer {bad}\t"):
            assert (await api.ask("GET", "/v1/rooms", headers={"Authorization": header})).status == 401
        assert (await api.ask("GET", "/v1/rooms", access_token=good)).status == 400
        assert (await api.ask("GET", f"/{good}")).status == 404
        assert (await api.ask("POST", "/v1/publish", f'{{"{good}'.encode())).status == 400
        assert (await api.ask("POST", "/v1/publish", {"event": "e", good: bad})).status == 422


def leaked(said: str, secrets: dict[str, str], shown: Shown) -> list[str]:
    """Return the secrets that are in a log."""
    names = [name for name, secret in secrets.items() if secret in said or quote(secret, safe="") in said]
    return names + [part for part in shown.parts() if part in said]


async def test_nothing_secret_is_in_the_logs_of_services_that_are_at_work(
    locked_redis: LockedRedis, queue: Queue, tmp_path: Path
) -> None:
    """More people read logs than secrets, and for longer. Outages and debug level are no exception."""
    gateway = Gateway(
        locked_redis.url,
        **environment(
            log_level="debug",
            auth="jwt",
            auth_secret=SECRET,
            auth_leeway_seconds=0,
            max_failed_tries=0,
            max_events_per_second=0,
            max_bytes_per_second=0,
            relay_events="item_removed",
            trusted_proxies=HOST,
            connect_seconds=5,
            drain_seconds=0,
            api_port=(api_port := free_port()),
            api_token_file=write_tokens(tmp_path),
        ),
    )
    credentials = {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLEEXAMPLE00",
        "AWS_SECRET_ACCESS_KEY": AWS_SECRET,
        "AWS_SESSION_TOKEN": AWS_SESSION,
    }
    settings = {"redis_url": locked_redis.url, "queues": queue.name, "wait_seconds": 1}
    talk = environment(log_level="debug", log_format="json")
    poller = Service(POLLER, environment(**settings) | talk | queue.environment | credentials)
    services, shown = (gateway, poller), Shown()
    for service in services:
        talkative(service)
    try:
        for service in services:
            await until(service.ready)
        await say_everything(gateway.port, shown)
        await use_the_api(api_port, shown)
        await asyncio.to_thread(queue.send, '{"id":1}', "no JSON", '{"id":2}')
        await until(lambda: poller.metric("queuecast_poller_left_total", reason="not_json") >= 1)
        await _through_trouble(locked_redis, gateway, shown)
        pages = "".join(service.ask(path)[1] for service in services for path in ("/readyz", "/metrics"))
        for service in services:
            service.process.signal(signal.SIGTERM)
        for service in services:
            assert await asyncio.to_thread(service.process.wait, 60) == 0
    finally:
        for service in services:
            service.process.stop(grace_seconds=0)
    said = "\n".join(service.log() for service in services)
    secrets = {
        "the password of Redis": PASSWORD,
        "the secret of tokens": SECRET,
        "the AWS secret": AWS_SECRET,
        "the AWS session": AWS_SESSION,
        "a claim": "secret-room-name",
        "a subject": "secret\nsubject",
    }
    for spoken in ("may not join: expired", "is turned away", "is closed: ", "stopping", "not JSON"):
        assert spoken in said, "the service did some work"
    assert leaked(said + pages, secrets, shown) == []
    assert "Traceback" not in said


async def _through_trouble(redis: LockedRedis, gateway: Gateway, shown: Shown) -> None:
    """Stop Redis, and run it with another password for a while."""
    async with page(gateway.port, token=shown(signed(300, relay=["item_removed"]))) as one:
        redis.client.config_set("requirepass", "changed")
        redis.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        redis.client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        await until(lambda: not gateway.ready())
        await one.ask("item_removed", 1)
        await one.ask("subscribe", "user:ann")
        redis.client.config_set("requirepass", PASSWORD)
        await until(gateway.ready)
        redis.kill()
        await one.ask("item_removed", 1)
        redis.start()
        await until(gateway.ready)


PRIVATE = RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
WRONG: dict[str, dict[str, str]] = {
    "a secret that is too short": {"auth": "jwt", "auth_secret": "short-but-secret"},
    "a secret that is a key": {"auth": "jwt", "auth_secret": pem(EC)},
    "a private key": {"auth": "jwt", "auth_public_key": PRIVATE},
    "no key": {"auth": "jwt", "auth_public_key": "sesame-sesame-sesame"},
    "a path that is none": {"auth": "jwt", "auth_public_key": "/no/such/file"},
    "two keys": {"auth": "jwt", "auth_secret": SECRET, "auth_jwks_url": "https://issuer.example/keys"},
    "a secret without a use": {"auth_secret": SECRET},
    "a password in an issuer's URL": {"auth": "jwt", "auth_jwks_url": f"https://a:{AWS_SECRET}@i.example/"},
    "a port that is none": {"redis_url": f"redis://:{quote(PASSWORD, safe='')}@{HOST}:port/0"},
    "a scheme that is none": {"redis_url": f"http://:{quote(PASSWORD, safe='')}@{HOST}:1/0"},
    "a parameter that is none": {"redis_url": f"redis://:{quote(PASSWORD, safe='')}@{HOST}:1/0?typo=1"},
    "a password as it is": {"redis_url": f"redis://:{PASSWORD}@{HOST}:1/0"},
    "sentinels without a service": {
        "redis_url": f"redis+sentinel://:{quote(PASSWORD, safe='')}@{HOST}:1?sentinel_password={AWS_SECRET}"
    },
    "a name that is none": {"auth_secrets": SECRET},
}


@pytest.mark.parametrize("what", WRONG)
async def test_a_mistake_in_a_secret_is_told_without_the_secret(what: str) -> None:
    """Somebody makes it at a terminal, and it ends up in a cluster's log."""
    settings = environment(port=free_port(), log_level="debug", **WRONG[what])
    service = Service("queuecast_gateway", settings)
    try:
        assert await asyncio.to_thread(service.process.wait, 60) == 2
    finally:
        service.process.stop(grace_seconds=0)
    lines = PRIVATE.splitlines()[1:-1] + pem(EC).splitlines()[1:-1]
    secrets = {
        name: name for name in (PASSWORD, SECRET, AWS_SECRET, "short-but-secret", "sesame-sesame", *lines)
    }
    assert "QUEUECAST_" in service.log()
    assert leaked(service.log(), secrets, Shown()) == []
    assert "Traceback" not in service.log()


async def test_a_wrong_password_is_not_logged(locked_redis: LockedRedis) -> None:
    """Neither service logs it, however often it tries."""
    wrong = uuid.uuid4().hex
    url = f"redis://ann:{wrong}@{HOST}:{locked_redis.port}/0"
    gateway = Gateway(url, QUEUECAST_LOG_LEVEL="debug")
    try:
        await until(lambda: "WRONGPASS" in gateway.log() or "invalid username" in gateway.log())
        assert not gateway.ready()
        assert wrong not in gateway.log() + gateway.ask("/readyz")[1]
    finally:
        gateway.process.stop(grace_seconds=0)


async def test_an_issuers_trouble_is_logged_without_a_token(issuer: Issuer, forgetful_redis: Redis) -> None:
    """The issuer's keys are public; the tokens that they verify are not."""
    issuer.keys = key_set(jwk(RSA, kid="1"))
    port, shown = free_port(), Shown()
    settings = {"auth": "jwt", "auth_jwks_url": issuer.url, "redis_url": forgetful_redis.url, "port": port}
    service = Service("queuecast_gateway", environment(log_level="debug", max_failed_tries=0, **settings))
    talkative(service)
    try:
        await until(service.ready)
        async with page(port, token=shown(token(RSA, "RS256", "1"))) as one:
            await one.ask("refresh", shown(token(EC, "ES256", "made-up")))
            await refusal(port, token=shown(token(EC, "ES256", "1")))
        assert leaked(service.log(), {}, shown) == []
    finally:
        service.process.stop(grace_seconds=0)


def test_a_leak_would_be_found() -> None:
    """A search that finds nothing proves something only if it can find a leak."""
    shown = Shown()
    good = shown(signed())
    claims = good.split(".")[1]
    for said in (f"token {good}", json.dumps({"message": claims}), f"…{claims[PART : 3 * PART]}…"):
        assert leaked(said, {}, shown), said
    assert leaked(f"redis://:{quote(PASSWORD, safe='')}@host", {"password": PASSWORD}, shown) == ["password"]
    assert leaked("connection x may not join: expired: ExpiredSignatureError", {}, shown) == []
