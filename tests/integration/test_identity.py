"""Authentication with real tokens, which raw clients show to running gateways."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tests.issuer import EC, ED, RSA, SECRET, jwk, key_set, pem, signed, token

from queuecast_gateway.access.tokens import BAD_TOKEN_REASONS

from . import wire
from .access import JWT, NAMED, UNAUTHORIZED, environment, good, refusal
from .counts import CONNECTS_REFUSED, Counts
from .gateway import Gateway
from .key_server import Issuer
from .page import page
from .services import Redis, Service, free_port
from .site import Site, until
from .wire import WebSocket

BOTH = pytest.mark.parametrize("transport", ["websocket", "polling"])
NOBODYS = ec.generate_private_key(ec.SECP256R1())


# Showing a token


@BOTH
async def test_a_client_with_a_good_token_is_let_in(token_gateway: Gateway, transport: str) -> None:
    """It comes in the payload of the CONNECT packet, where the stock client puts its `auth`."""
    async with page(token_gateway.port, transport=transport, token=good()) as one:
        assert await one.rooms("user:ann") == ["user:ann"]


# Made when they are shown, because a token made at import would have expired if its test ran late.
BAD: dict[str, Callable[[], Any]] = {
    "missing": lambda: None,
    "malformed": lambda: "sesame",
    "algorithm": lambda: jwt.encode({"sub": "ann", "exp": time.time() + 60}, None, "none"),
    "key": lambda: jwt.encode({"sub": "ann"}, SECRET, "HS256", headers={"jwk": jwk(EC)}),
    "type": lambda: token(SECRET, "HS256", None, header={"typ": "logout+jwt"}),
    "signature": lambda: good()[:-8] + "AAAAAAAA",
    "expired": lambda: good(-1),
    "not_yet": lambda: good(nbf=time.time() + 1_000),
    "issuer": lambda: good(iss="https://issuer.example.evil"),
    "audience": lambda: good(aud="another"),
    "claims": lambda: good(exp="tomorrow"),
}


@pytest.mark.parametrize("fault", BAD)
async def test_every_bad_token_is_refused_in_the_same_words(token_gateway: Gateway, fault: str) -> None:
    """Somebody who guesses learns nothing; the operator sees what was wrong."""
    counts = Counts(token_gateway, CONNECTS_REFUSED)
    assert await refusal(token_gateway.port, token=BAD[fault]()) == UNAUTHORIZED
    assert counts.more() == {fault: 1}


async def test_the_log_says_what_is_wrong_with_every_bad_token(site: Site) -> None:
    """Of a gateway that refuses nothing else: only ten such lines a second are logged."""
    one = await site.start(**JWT, **NAMED)
    for bad in BAD.values():
        await refusal(one.port, token=bad())
    await until(lambda: re.findall(r"may not join: (\w+)", one.log()) == [*BAD])


def test_every_fault_of_a_token_is_shown() -> None:
    """The one exception, keys that cannot be fetched, is no fault of the token and has a test below."""
    assert {*BAD} == {*BAD_TOKEN_REASONS} - {"keys_unavailable"}


OTHERS: dict[str, Callable[[], Any]] = {
    "nothing": lambda: "",
    "a number": lambda: 7,
    "true": lambda: True,
    "a list": lambda: [good()],
    "an object": lambda: {"token": good()},
    "a line more": lambda: good() + "\n",
    "a blank before": lambda: " " + good(),
    "a header's": lambda: "Bearer " + good(),
    "a part more": lambda: good() + ".AAAA",
    "9,000 characters": lambda: good(more="A" * 9_000),
    "no exp": lambda: good(exp=...),
    "exp as text": lambda: good(exp=f"{time.time() + 60}"),
    "no sub": lambda: good(sub=...),
    "sub as a number": lambda: good(sub=7),
    "an empty sub": lambda: good(sub=""),
    "a long sub": lambda: good(sub="a" * 257),
    "a long sub in bytes": lambda: good(sub="ж" * 129),
    "no aud": lambda: good(aud=...),
    "no iss": lambda: good(iss=...),
    "rooms as text": lambda: good(rooms="sku:7"),
    "a star in the middle": lambda: good(rooms=["sku:*:x"]),
    "a star at the beginning": lambda: good(rooms=["*x"]),
    "201 rooms": lambda: good(rooms=["a"] * 201),
    "a room without a name": lambda: good(join=[""]),
    "a reserved event": lambda: good(relay=["connect"]),
    "HS512": lambda: token(SECRET * 2, "HS512", None, iss="https://issuer.example", aud="queuecast"),
    "another secret": lambda: token("x" * 32, "HS256", None, iss="https://issuer.example", aud="queuecast"),
    "another's key": lambda: token(RSA, "RS256", None, iss="https://issuer.example", aud="queuecast"),
}


@pytest.mark.parametrize("what", OTHERS)
async def test_nothing_else_passes_for_a_token(token_gateway: Gateway, what: str) -> None:
    """An almost valid token is refused, and so is one with a claim that we cannot interpret."""
    assert await refusal(token_gateway.port, token=OTHERS[what]()) == UNAUTHORIZED


async def test_a_token_in_the_query_is_not_looked_at(token_gateway: Gateway) -> None:
    """Every proxy on the way logs URLs: whoever puts a token there should notice at once."""
    counts = Counts(token_gateway, CONNECTS_REFUSED)
    assert await refusal(token_gateway.port, f"{wire.WEBSOCKET}&token={good()}") == UNAUTHORIZED
    headers = {"Authorization": f"Bearer {good()}", "Cookie": f"token={good()}"}
    async with await WebSocket.open(token_gateway.port, headers=headers) as one:
        await one.opening()
        one.send("40")
        assert json.loads((await one.text())[2:]) == UNAUTHORIZED
    assert counts.more() == {"missing": 2}


async def test_a_refused_client_may_try_again_over_the_same_connection(token_gateway: Gateway) -> None:
    """Before that it can neither receive nor send anything."""
    async with await WebSocket.open(token_gateway.port) as one:
        await one.opening()
        one.send('40{"token":"sesame"}')
        assert (await one.text())[:2] == "44"
        one.send(f'40{{"token":"{good()}"}}')
        assert (await one.text()).startswith('40{"sid":')
    async with await WebSocket.open(token_gateway.port) as one:
        await one.opening()
        one.send('40{"token":"sesame"}', '427["subscribe","user:ann"]')
        assert (await one.text())[:2] == "44"
        assert await one.close_code() == 1008


@pytest.mark.parametrize(
    ("key", "algorithm"), [(RSA, "RS256"), (EC, "ES256"), (ED, "EdDSA")], ids=["RS256", "ES256", "EdDSA"]
)
async def test_a_public_key_lets_in_whom_its_owner_vouches_for(site: Site, key: Any, algorithm: str) -> None:
    """It lets in nobody who signs with the public key as a secret, or with another algorithm."""
    public = pem(key)
    one = await site.start(auth="jwt", auth_public_key=public)
    async with page(one.port, token=token(key, algorithm, "any")) as ann:
        assert (await ann.ask("unsubscribe", "none"))["ok"]
    assert "open" not in one.ask("/readyz")[1]
    counts = Counts(one, CONNECTS_REFUSED)
    forged = _signed_with_text(public)
    for shown in (forged, signed(), jwt.encode({"sub": "ann", "exp": time.time() + 60}, None, "none")):
        assert await refusal(one.port, token=shown) == UNAUTHORIZED
    assert counts.more() == {"algorithm": 3}


def _signed_with_text(public: str) -> str:
    """Return a token whose HMAC secret is a public key, which PyJWT refuses to make."""
    unsigned = jwt.encode({"sub": "ann", "exp": time.time() + 60}, "x" * 32, "HS256").rpartition(".")[0]
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        unsigned.encode(), public.encode()
    )
    return f"{unsigned}.{jwt.utils.base64url_encode(signature).decode()}"


def _with_keys_from(issuer: Issuer, redis: Redis) -> tuple[Service, int]:
    """Start a gateway that may ask its issuer for keys every half second."""
    port = free_port()
    often = (
        "from queuecast_gateway.access import jwks; jwks.MIN_SECONDS = 0.5;"
        "from queuecast_gateway.__main__ import main; main()"
    )
    settings = {"auth": "jwt", "auth_jwks_url": issuer.url, "max_failed_tries": 0, "port": port}
    return Service("queuecast_gateway", environment(redis_url=redis.url, **settings), often), port


@pytest.fixture
async def fetching(issuer: Issuer, forgetful_redis: Redis) -> AsyncIterator[tuple[Service, int]]:
    service, port = _with_keys_from(issuer, forgetful_redis)
    yield service, port
    service.process.stop(grace_seconds=0)
    assert "Traceback" not in service.log()


async def test_an_issuer_changes_its_key_and_nobody_restarts_anything(
    issuer: Issuer, fetching: tuple[Service, int]
) -> None:
    """The new key's first token is accepted at once; made-up key ids do not cause a request each."""
    service, port = fetching
    await until(service.ready)
    old, new = token(RSA, "RS256", "1"), token(EC, "ES256", "2")
    async with page(port, token=old):
        issuer.keys = key_set(jwk(RSA, kid="1"), jwk(EC, kid="2"))
        assert await _let_in(port, new)
        asked, began = len(issuer.requests), time.monotonic()
        unknown = [token(NOBODYS, "ES256", f"made-up-{number}") for number in range(30)]
        answers = await asyncio.gather(*(refusal(port, token=each) for each in unknown))
        assert answers == [UNAUTHORIZED] * 30
        assert len(issuer.requests) <= asked + 2 + (time.monotonic() - began) / 0.5
    issuer.keys = key_set(jwk(EC, kid="2"))
    await _until_refused(port, token(NOBODYS, "ES256", "made-up"), issuer, asked=len(issuer.requests))
    assert await refusal(port, token=old) == UNAUTHORIZED
    assert await _let_in(port, new)


async def test_while_the_issuer_is_away_its_last_keys_go_on(
    issuer: Issuer, fetching: tuple[Service, int]
) -> None:
    """A token with an unknown key gets "come back later" instead of "bad token"."""
    service, port = fetching
    await until(service.ready)
    await issuer.stop()
    async with asyncio.timeout(60):
        while await _close_code_of(port, token(EC, "ES256", "2")) != 1013:
            pass  # the issuer was asked just before, so it is not asked again yet
    assert await _let_in(port, token(RSA, "RS256", "1"))
    assert service.ready()
    assert service.metric("queuecast_gateway_auth_key_failures_total") >= 1
    assert service.metric(CONNECTS_REFUSED, reason="keys_unavailable") >= 1
    issuer.keys = key_set(jwk(EC, kid="2"))
    await issuer.start()
    assert await _let_in(port, token(EC, "ES256", "2"))


async def test_a_gateway_without_keys_is_not_ready_and_says_why(
    issuer: Issuer, fetching: tuple[Service, int]
) -> None:
    """It would refuse everybody; a balancer can send them elsewhere."""
    service, port = fetching
    await issuer.stop()
    await until(lambda: [reason.split(":")[0] for reason in service.reasons()] == ["token keys"])
    assert service.ask("/readyz")[0] == 503
    assert await _close_code_of(port, token(RSA, "RS256", "1")) == 1013
    await issuer.start()
    assert await _let_in(port, token(RSA, "RS256", "1")), "the next client causes the keys to be fetched"
    assert service.ready()


async def _let_in(port: int, shown: str) -> bool:
    """Show a token until it is let in: the issuer may have been asked for keys just before."""
    async with asyncio.timeout(60):
        while True:
            code = await _close_code_of(port, shown)
            if code == 0:
                return True
            await asyncio.sleep(0.05)


async def _close_code_of(port: int, shown: str) -> int:
    """Show a token; return 0 if it is let in, 1 if it is refused, or the code that ends the connection."""
    async with await WebSocket.open(port) as one:
        await one.opening()
        one.send(f'40{{"token":"{shown}"}}')
        opcode, payload = await one.next_frame()
        if opcode == wire.CLOSE:
            return int.from_bytes(payload[:2], "big")
        return 0 if payload[:2] == b"40" else 1


async def _until_refused(port: int, shown: str, issuer: Issuer, asked: int) -> None:
    """Show a token with an unknown key until the issuer has been asked for it."""
    async with asyncio.timeout(60):
        while len(issuer.requests) == asked:
            assert await refusal(port, token=shown) == UNAUTHORIZED
