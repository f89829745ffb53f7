"""Keys from a real HTTP server, which changes them, goes away and gives every kind of answer."""

import asyncio
import ssl

import pytest
import trustme
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from tests.issuer import EC, RSA, jwk, key_set, token
from tests.unit.fakes import FakeClock

from queuecast_gateway.access import download as module
from queuecast_gateway.access.download import MAX_BYTES, MAX_REDIRECTS
from queuecast_gateway.access.jwks import MIN_SECONDS, Jwks
from queuecast_gateway.access.tokens import BadToken, Rules, Tokens

from .key_server import Answer, Issuer
from .services import HOST
from .site import until

ALGORITHMS = ("RS256", "ES256")
NEXT = ec.generate_private_key(ec.SECP256R1())


class Gate:
    """Verifies tokens with keys from a URL; `pass_by` moves the clock on until it may fetch them again."""

    def __init__(self, url: str) -> None:
        self.failures: list[None] = []
        self._clock = FakeClock()
        self.jwks = Jwks(url, ALGORITHMS, on_failure=lambda: self.failures.append(None), clock=self._clock)
        self._tokens = Tokens(self.jwks, Rules(ALGORITHMS))

    def pass_by(self) -> None:
        self._clock.pass_by(MIN_SECONDS)

    async def said(self, shown: str) -> str:
        """Return a token's subject, or the reason why the token is refused."""
        try:
            return str((await self._tokens.verify(shown)).claims["sub"])
        except BadToken as exc:
            return exc.reason


def old() -> str:
    return token(RSA, "RS256", "1")


def new() -> str:
    return token(EC, "ES256", "2")


@pytest.fixture
def gate(issuer: Issuer) -> Gate:
    return Gate(issuer.url)


async def test_an_issuer_may_change_its_keys(issuer: Issuer, gate: Gate) -> None:
    """A new key is accepted at once, an old one for as long as it is published and no longer."""
    assert await gate.said(old()) == "ann"
    issuer.keys = key_set(jwk(RSA, kid="1"), jwk(EC, kid="2"))
    gate.pass_by()
    assert await gate.said(new()) == await gate.said(old()) == "ann"
    issuer.keys = key_set(jwk(EC, kid="2"), jwk(NEXT, kid="3"))
    gate.pass_by()
    assert await gate.said(token(NEXT, "ES256", "3")) == "ann"
    assert await gate.said(old()) == "key"
    assert await gate.said(token(RSA, "RS256", "2")) == "key"
    assert await gate.said(token(NEXT, "ES256", "2")) == "signature"


async def test_an_id_that_nobody_knows_is_asked_for_once_in_ten_seconds(issuer: Issuer, gate: Gate) -> None:
    """It does not matter how many browsers show it at the same time."""
    assert await gate.said(old()) == "ann"
    for times in (2, 3):
        gate.pass_by()
        unknown = [token(EC, "ES256", f"unknown-{number}") for number in range(50)]
        assert set(await asyncio.gather(*map(gate.said, unknown))) == {"key"}
        assert len(issuer.requests) == times
    assert not gate.failures


async def test_an_issuer_that_is_down_stops_nobody_whose_key_is_known(issuer: Issuer, gate: Gate) -> None:
    """Once it is back, the gateway finds its new key."""
    assert await gate.said(old()) == "ann"
    await issuer.stop()
    gate.pass_by()
    assert await gate.said(new()) == "keys_unavailable"
    assert await gate.said(old()) == "ann"
    issuer.keys = key_set(jwk(EC, kid="2"))
    await issuer.start()
    gate.pass_by()
    assert await gate.said(new()) == "ann"
    assert await gate.said(old()) == "key"
    assert len(gate.failures) == 1


async def test_a_gateway_that_starts_before_its_issuer_has_the_keys_once_it_is_there(
    issuer: Issuer, gate: Gate
) -> None:
    """Both may be part of one rollout."""
    await issuer.stop()
    assert await gate.said(old()) == "keys_unavailable"
    assert not gate.jwks.ready().healthy
    await issuer.start()
    gate.pass_by()
    assert await gate.said(old()) == "ann"
    assert gate.jwks.ready().healthy


async def test_a_set_may_be_large(issuer: Issuer, gate: Gate) -> None:
    """The issuer may have many tenants, or publish certificates with the keys."""
    issuer.keys = key_set(jwk(RSA, kid="1"), jwk(EC, x5c="")).replace(b'""', b'"%s"' % (b"A" * 260_000))
    assert 260_000 < len(issuer.keys) <= MAX_BYTES
    assert await gate.said(old()) == "ann"


async def test_the_keys_are_there_before_the_first_browser(issuer: Issuer, gate: Gate) -> None:
    """The first browser should not have to wait for an issuer that may be slow."""
    running = asyncio.create_task(gate.jwks.run())
    await until(lambda: gate.jwks.ready().healthy)
    await issuer.stop()
    assert await gate.said(old()) == "ann"
    assert not running.done()
    running.cancel()
    await asyncio.wait([running])


async def status_500(_: web.Request) -> web.StreamResponse:
    return web.Response(status=500, body=key_set(jwk(EC, kid="2")))


async def no_content(_: web.Request) -> web.StreamResponse:
    return web.Response(status=204)


async def garbage(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b"\x00\xff<html>", content_type="application/json")


async def huge(_: web.Request) -> web.StreamResponse:
    return web.Response(body=key_set(jwk(EC, kid="2")) + b" " * MAX_BYTES)


async def without_end(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" " * 65536)


async def compressed_bomb(_: web.Request) -> web.StreamResponse:
    response = web.Response(body=b" " * 50_000_000 + key_set(jwk(EC, kid="2")))
    response.enable_compression(web.ContentCoding.gzip)
    return response


async def cut_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(key_set(jwk(EC, kid="2")))
    assert request.transport is not None
    request.transport.abort()
    return response


async def no_http(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.write(b"+PONG\r\n\r\n")
    request.transport.close()
    return web.Response()


@pytest.mark.parametrize(
    "answer",
    [status_500, no_content, garbage, huge, without_end, compressed_bomb, cut_off, no_http],
    ids=lambda answer: answer.__name__,
)
async def test_an_answer_without_a_key_set_changes_nothing(
    answer: Answer, issuer: Issuer, gate: Gate
) -> None:
    """An issuer in trouble, or a proxy in front of it, may answer anything; the known keys stay."""
    assert await gate.said(old()) == "ann"
    issuer.instead = answer
    gate.pass_by()
    assert await gate.said(new()) == "keys_unavailable"
    assert await gate.said(old()) == "ann"
    assert len(gate.failures) == 1


@pytest.mark.parametrize("trickling", [False, True])
async def test_a_slow_answer_is_not_waited_for(
    trickling: bool, issuer: Issuer, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser waits meanwhile; and an answer that trickles in is too slow, too."""

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if trickling:
            await response.prepare(request)
        while request.transport is not None:
            await asyncio.sleep(0.02)
            if trickling:
                await response.write(b" ")
        return response

    assert await gate.said(old()) == "ann"
    monkeypatch.setattr(module, "ANSWER_SECONDS", 2.0)
    issuer.instead = slow
    gate.pass_by()
    async with asyncio.timeout(60):
        assert await gate.said(new()) == "keys_unavailable"
    assert await gate.said(old()) == "ann"


@pytest.mark.parametrize("hops", [1, MAX_REDIRECTS])
async def test_an_issuer_may_have_moved_its_keys(hops: int, issuer: Issuer) -> None:
    """Some issuers redirect to the keys' new URL."""
    gate = Gate(issuer.url.replace("/keys", f"/hops/{hops}"))
    assert await gate.said(old()) == "ann"
    assert len(issuer.requests) == 1 + hops


async def test_redirects_come_to_an_end(issuer: Issuer) -> None:
    """Some redirects lead round in a circle."""
    gate = Gate(issuer.url.replace("/keys", f"/hops/{MAX_REDIRECTS + 1}"))
    assert await gate.said(old()) == "keys_unavailable"
    assert len(issuer.requests) == 1 + MAX_REDIRECTS
    assert "more than 3 redirects" in gate.jwks.ready().reasons[0]


@pytest.mark.parametrize(
    "location", ["http://issuer.example/keys", "ftp://127.0.0.1/keys", "http://a:b@[::1]/"]
)
async def test_a_redirect_to_where_keys_may_not_come_from_is_not_followed(
    location: str, issuer: Issuer
) -> None:
    """No request goes there: the reason is our own refusal, not a host that was not found."""
    issuer.location = location
    gate = Gate(issuer.url.replace("/keys", "/away"))
    assert await gate.said(old()) == "keys_unavailable"
    assert "expected" in gate.jwks.ready().reasons[0]
    assert issuer.requests == ["/away"]


async def test_a_server_with_an_untrusted_certificate_is_not_believed() -> None:
    """Without this check HTTPS is worth nothing: anybody on the way could pose as that server."""
    issuer = Issuer()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(HOST).configure_cert(tls)
    await issuer.start(tls)
    gate = Gate(issuer.url.replace("http:", "https:"))
    assert await gate.said(old()) == "keys_unavailable"
    assert "CertificateError" in gate.jwks.ready().reasons[0]
    assert not issuer.requests
    await issuer.stop()
