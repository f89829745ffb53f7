"""An issuer withdraws its keys: who is still let in, for how long at most, and who is disconnected."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.issuer import EC, RSA, SECRET, jwk, key_set, signed, token

from .access import UNAUTHORIZED, environment, last_close_code, refusal
from .key_server import Issuer
from .page import page
from .services import Redis, Service, free_port
from .site import until
from .wire import WebSocket

SOON = (
    "from queuecast_gateway.access import download, jwks;"
    "download.ANSWER_SECONDS = 60.0; jwks.MIN_SECONDS = 0.5;"
    "from queuecast_gateway.__main__ import main; main()"
)
"""A gateway that may ask its issuer for keys every half second, and waits for an answer that is late."""

KEYS = "queuecast_gateway_auth_keys"

Start = Callable[..., tuple[Service, int]]


@pytest.fixture
async def start(forgetful_redis: Redis) -> AsyncIterator[Start]:
    """Start gateways that require tokens; each ends with the test."""
    started: list[Service] = []

    def run(**settings: Any) -> tuple[Service, int]:
        port = free_port()
        all_settings = {"auth": "jwt", "redis_url": forgetful_redis.url, "port": port, **settings}
        service = Service("queuecast_gateway", environment(**all_settings), SOON)
        started.append(service)
        return service, port

    yield run
    for service in started:
        service.process.stop(grace_seconds=0)
        assert "Traceback" not in service.log()


@pytest.mark.parametrize("published", [key_set(), key_set({"kty": "oct", "k": "AAAA"})])
async def test_an_issuer_that_publishes_no_key_lets_nobody_in(
    issuer: Issuer, start: Start, published: bytes
) -> None:
    """That is how a stolen last key is withdrawn. In an outage, the last known keys stay valid."""
    service, port = start(auth_jwks_url=issuer.url, auth_jwks_seconds=1)
    await until(service.ready)
    stolen = token(RSA, "RS256", "1", exp=9e9)
    async with page(port, token=stolen, recovery=False) as thief:
        assert service.metric(KEYS) == 1
        issuer.keys = published
        await until(lambda: service.metric(KEYS) == 0)
        assert await refusal(port, token=stolen) == UNAUTHORIZED
        status, body = service.ask("/readyz")
        assert status == 200, "it stays ready: another gateway could do no better"
        assert "the issuer publishes no usable key" in body
        assert (await thief.ask("unsubscribe", "none"))["ok"], "a session lasts as long as its token"
    assert service.metric("queuecast_gateway_auth_key_failures_total") == 0
    assert "so no browser can connect" in service.log()
    issuer.keys = key_set(jwk(EC, kid="2"))
    await until(lambda: service.metric(KEYS) == 1)
    async with page(port, token=token(EC, "ES256", "2")):
        pass


async def test_the_last_keys_go_on_for_so_long_and_no_longer(issuer: Issuer, start: Start) -> None:
    """Somebody who blocks the issuer must not keep a stolen key valid for ever."""
    service, port = start(auth_jwks_url=issuer.url, auth_jwks_seconds=1, auth_jwks_stale_seconds=2)
    await until(service.ready)
    await issuer.stop()
    await until(lambda: "token keys" in service.ask("/readyz")[1])
    assert "are too old, so no browser can connect" in service.log()
    await issuer.start()
    await until(service.ready)
    async with page(port, token=token(RSA, "RS256", "1")):
        pass


async def test_sessions_end_with_their_key_where_that_is_asked_for(issuer: Issuer, start: Start) -> None:
    """Sessions of another key stay, and a disconnected browser comes back with that key's token."""
    issuer.keys = key_set(jwk(RSA, kid="1"), jwk(EC, kid="2"))
    service, port = start(
        auth_jwks_url=issuer.url, auth_jwks_seconds=1, auth_jwks_end_sessions="true", drain_seconds=0.5
    )
    await until(service.ready)
    async with (
        page(port, token=token(RSA, "RS256", "1", exp=9e9)) as old,
        page(port, token=token(EC, "ES256", "2", exp=9e9)) as other,
    ):
        ticket = old.ticket
        issuer.keys = key_set(jwk(EC, kid="2"))
        async with asyncio.timeout(60):
            assert isinstance(old.connection, WebSocket)
            assert await last_close_code(old.connection) == 4001
        assert (await other.ask("unsubscribe", "none"))["ok"]
        ended = "queuecast_gateway_disconnects_total"
        await until(lambda: service.metric(ended, reason="key_withdrawn") == 1)
        async with page(port, ticket, token=token(EC, "ES256", "2", exp=9e9)) as back:
            assert back.is_back(ticket)


async def test_a_secret_in_a_file_is_changed_while_the_gateway_runs(start: Start, tmp_path: Path) -> None:
    """The new secret is added, the issuer switches, the old one is removed, and nobody is refused."""
    path = tmp_path / "secret"
    path.write_text(SECRET)
    # The test reconnects until the file has been reread, and neither limit may stop it.
    service, port = start(auth_secret_file=path, max_failed_tries=0, max_connects_per_second=0)
    await until(service.ready)
    then = "the secret that comes after this one"
    assert await refusal(port, token=token(then, "HS256", None)) == UNAUTHORIZED
    async with page(port, token=signed()):
        pass
    path.write_text(f"{then}\n{SECRET}\n")
    await _until_let_in(port, then)
    async with page(port, token=signed()):
        pass
    path.write_text(then)
    async with asyncio.timeout(60):
        while not await _is_refused(port, SECRET):
            pass
    await _until_let_in(port, then)
    assert SECRET not in service.log()


async def _until_let_in(port: int, secret: str) -> None:
    async with asyncio.timeout(60):
        while await _is_refused(port, secret):
            pass


async def _is_refused(port: int, secret: str) -> bool:
    shown = token(secret, "HS256", None)
    try:
        return bool(await refusal(port, token=shown) == UNAUTHORIZED)
    except AssertionError as exc:
        assert "40{" in str(exc)  # noqa: PT017  # `refusal` reports what came instead
        return False
