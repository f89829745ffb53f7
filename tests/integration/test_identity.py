"""Who somebody is and what they may: real tokens, shown to running gateways by raw clients."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tests.issuer import EC, ED, RSA, SECRET, jwk, key_set, pem, signed, token

from queuecast_bus import Record
from queuecast_gateway.access.tokens import TOKEN_FAULTS
from queuecast_local.redis_server import RedisServer

from . import wire
from .conftest import Redis, Service, free_port
from .counts import ACKS_REFUSED, CONNECTS_REFUSED, Counts
from .page import Page, Ticket, page
from .site import CONNECTIONS, RECOVERIES, Site, item, items, site, until
from .test_gateway import Gateway
from .test_jwks import Issuer, issuer
from .wire import Polling, WebSocket

__all__ = ["issuer", "site"]

JWT = {"auth": "jwt", "auth_secret": SECRET, "auth_leeway_seconds": 0}
UNAUTHORIZED = {"message": "Not authorised", "data": {"code": "unauthorized"}}
DISCONNECTS = "queuecast_gateway_disconnects_total"
BOTH = pytest.mark.parametrize("transport", ["websocket", "polling"])
NOBODYS = ec.generate_private_key(ec.SECP256R1())


def environment(**settings: Any) -> dict[str, str]:
    return {f"QUEUECAST_{name.upper()}": f"{value}" for name, value in settings.items()}


@pytest.fixture(scope="module")
def guarded(any_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that asks for tokens, for tests that leave it as it was."""
    redis = Redis(any_redis, tmp_path_factory.mktemp("redis"))
    settings = {"auth_issuer": "https://issuer.example", "auth_audience": "queuecast", "max_failed_tries": 0}
    made = Gateway(redis.url, **environment(**JWT | settings))
    yield made
    made.process.stop(grace_seconds=0)
    assert "Traceback" not in made.log()
    redis.close()


@pytest.fixture
async def gateway(guarded: Gateway) -> AsyncIterator[Gateway]:
    await until(guarded.ready)
    yield guarded
    await until(lambda: guarded.metric(CONNECTIONS) == 0)


def good(seconds: float = 60, **claims: Any) -> str:
    """Return a token as the gateway of this module wants it; a claim of `...` is left out."""
    return signed(seconds, **{"iss": "https://issuer.example", "aud": "queuecast", **claims})


async def refusal(port: int, query: str = wire.WEBSOCKET, **auth: Any) -> Any:
    """Return what a CONNECT_ERROR says to this payload; the connection is left."""
    async with await WebSocket.open(port, query) as one:
        await one.opening()
        one.send(f"40{json.dumps(auth) if auth else ''}")
        packet = await one.text()
        assert packet[:2] == "44", packet
        return json.loads(packet[2:])


async def is_quiet(one: Page) -> bool:
    """Say that nothing waits that was sent to a page before now."""
    await one.ask("unsubscribe", "none")
    return not one._came


# A token is shown


@BOTH
async def test_who_has_a_good_token_is_let_in(gateway: Gateway, transport: str) -> None:
    """In the payload of the CONNECT packet: what `auth` gives to the stock client."""
    async with page(gateway.port, transport=transport, token=good()) as one:
        assert await one.rooms("user:ann") == ["user:ann"]


# Made when they are shown: a token that was made for a test in time has expired when it runs late.
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
async def test_every_bad_token_is_refused_in_the_same_words(gateway: Gateway, fault: str) -> None:
    """Who guesses learns nothing; who runs the gateway sees which it was."""
    counts = Counts(gateway, CONNECTS_REFUSED)
    assert await refusal(gateway.port, token=BAD[fault]()) == UNAUTHORIZED
    assert counts.more() == {fault: 1}
    await until(lambda: f"may not join: {fault}" in gateway.process.tail[-1])


def test_every_fault_of_a_token_is_shown() -> None:
    """Keys that cannot be had are nobody's fault, and have a test below."""
    assert {*BAD} == {*TOKEN_FAULTS} - {"keys_unavailable"}


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
async def test_nothing_else_passes_for_a_token(gateway: Gateway, what: str) -> None:
    """Close is not good; what a claim says that we cannot follow is not passed over either."""
    assert await refusal(gateway.port, token=OTHERS[what]()) == UNAUTHORIZED


async def test_a_token_in_the_query_is_not_looked_at(gateway: Gateway) -> None:
    """Addresses are in the logs of every proxy on the way: who puts tokens there should find out at once."""
    counts = Counts(gateway, CONNECTS_REFUSED)
    assert await refusal(gateway.port, f"{wire.WEBSOCKET}&token={good()}") == UNAUTHORIZED
    headers = {"Authorization": f"Bearer {good()}", "Cookie": f"token={good()}"}
    async with await WebSocket.open(gateway.port, headers=headers) as one:
        await one.opening()
        one.send("40")
        assert json.loads((await one.text())[2:]) == UNAUTHORIZED
    assert counts.more() == {"missing": 2}


async def test_who_was_refused_may_try_again_over_the_same_connection(gateway: Gateway) -> None:
    """But not hear or say anything before."""
    async with await WebSocket.open(gateway.port) as one:
        await one.opening()
        one.send('40{"token":"sesame"}')
        assert (await one.text())[:2] == "44"
        one.send(f'40{{"token":"{good()}"}}')
        assert (await one.text()).startswith('40{"sid":')
    async with await WebSocket.open(gateway.port) as one:
        await one.opening()
        one.send('40{"token":"sesame"}', '427["subscribe","user:ann"]')
        assert (await one.text())[:2] == "44"
        assert await one.close_code() == 1008


@pytest.mark.parametrize(
    ("key", "algorithm"), [(RSA, "RS256"), (EC, "ES256"), (ED, "EdDSA")], ids=["RS256", "ES256", "EdDSA"]
)
async def test_a_public_key_lets_in_whom_its_owner_vouches_for(site: Site, key: Any, algorithm: str) -> None:
    """And nobody who signs with what is public, or with another algorithm."""
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
    """Return a token whose HMAC has a public key for its secret, which PyJWT would not make."""
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
    """The new key's first token is good at once; who makes up ids of keys does not make us ask for each."""
    service, port = fetching
    await until(service.ready)
    old, new = token(RSA, "RS256", "1"), token(EC, "ES256", "2")
    async with page(port, token=old):
        issuer.keys = key_set(jwk(RSA, kid="1"), jwk(EC, kid="2"))
        assert await _let_in(port, new)
        asked = len(issuer.requests)
        unknown = [token(NOBODYS, "ES256", f"made-up-{number}") for number in range(30)]
        answers = await asyncio.gather(*(refusal(port, token=each) for each in unknown))
        assert answers == [UNAUTHORIZED] * 30
        assert len(issuer.requests) <= asked + 2
    issuer.keys = key_set(jwk(EC, kid="2"))
    await _until_refused(port, token(NOBODYS, "ES256", "made-up"), issuer, asked=len(issuer.requests))
    assert await refusal(port, token=old) == UNAUTHORIZED
    assert await _let_in(port, new)


async def test_while_the_issuer_is_away_its_last_keys_go_on(
    issuer: Issuer, fetching: tuple[Service, int]
) -> None:
    """Who has a key that nobody knows yet is told to come later, and not that the token is bad."""
    service, port = fetching
    await until(service.ready)
    await issuer.stop()
    async with asyncio.timeout(60):
        while await _close_code_of(port, token(EC, "ES256", "2")) != 1013:
            pass  # not asked yet, as it was asked just before
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
    """It would send everybody away; a balancer can do better."""
    service, port = fetching
    await issuer.stop()
    await until(lambda: "keys of tokens" in service.ask("/readyz")[1])
    assert service.ask("/readyz")[0] == 503
    assert await _close_code_of(port, token(RSA, "RS256", "1")) == 1013
    await issuer.start()
    assert await _let_in(port, token(RSA, "RS256", "1")), "whoever comes has them asked for"
    assert service.ready()


async def _let_in(port: int, shown: str) -> bool:
    """Show a token until it is let in: keys may have been asked for just before."""
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
    """Show a token of nobody's until the issuer was asked for its key."""
    async with asyncio.timeout(60):
        while len(issuer.requests) == asked:
            assert await refusal(port, token=shown) == UNAUTHORIZED


# A token ends


@BOTH
async def test_a_session_ends_with_its_token_and_comes_back_with_another(site: Site, transport: str) -> None:
    """Below Socket.IO, so that the stock client comes back by itself; it has missed nothing."""
    one, two = await site.start_two(**JWT)
    first = await Page.open(one.port, transport=transport, token=signed(3, rooms=["sku:*"]))
    assert (await first.ask("subscribe", "sku:7"))["rooms"] == ["sku:7"]
    assert await first.event() in (["token_expiring", {"expires_in": seconds}] for seconds in (1, 2, 3))
    if isinstance(first.connection, WebSocket):
        assert await first.connection.close_code() == 4001
    else:
        assert await first.connection.receive() == "1"
    assert one.metric(DISCONNECTS, reason="token_expired") == 1
    await site.publish(item(1, "sku:7"), item(2, "user:ann"), item(3, "sku:8"))
    assert await refusal(two.port, token=signed(-1), pid=first.ticket.pid) == UNAUTHORIZED
    fresh = signed(rooms=["sku:*"])
    async with page(two.port, first.ticket, transport=transport, token=fresh) as second:
        assert second.is_back(first.ticket)
        assert second.missed == items(1, 2)
    await first.leave()


async def test_somebody_is_told_a_minute_before_their_token_ends(gateway: Gateway) -> None:
    """Time to fetch another one; a token that lasts less long is told of at once."""
    exp = time.time() + 62.5
    async with page(gateway.port, token=good(exp=exp)) as one, page(gateway.port, token=good(30)) as other:
        (event, told) = await other.event()
        assert event == "token_expiring"
        assert 20 < told["expires_in"] <= 30
        assert await is_quiet(one)
        (event, told) = await one.event()
        assert event == "token_expiring"
        assert 50 < told["expires_in"] <= 60
        assert time.time() > exp - 60.5
        assert await is_quiet(other), "told twice"


async def test_a_token_is_good_for_as_long_as_clocks_may_be_apart(site: Site) -> None:
    """And its session lasts as long, no longer."""
    one = await site.start(**JWT | {"auth_leeway_seconds": 3})
    assert await refusal(one.port, token=signed(-3.1)) == UNAUTHORIZED
    assert await refusal(one.port, token=signed(nbf=time.time() + 5)) == UNAUTHORIZED
    async with page(one.port, token=signed(nbf=time.time() + 2)):
        pass
    exp = time.time() - 1
    async with page(one.port, token=signed(exp=exp)) as late:
        assert isinstance(late.connection, WebSocket)
        assert (await late.event())[0] == "token_expiring"
        assert await late.connection.close_code() == 4001
        assert 0 <= time.time() - (exp + 3) < 5


async def test_a_refresh_prolongs_a_session_without_another_connection(gateway: Gateway) -> None:
    """What the page does when it is told; who does not is shown the door at that moment."""
    short, fresh = good(3), good(50, rooms=["sku:*"])
    async with page(gateway.port, token=short) as one, page(gateway.port, token=short) as other:
        assert (await one.event())[0] == "token_expiring"
        answer = await one.ask("refresh", fresh)
        exp = jwt.decode(fresh, options={"verify_signature": False})["exp"]
        assert answer == {"ok": True, "rooms": ["user:ann"], "expires": exp}
        assert isinstance(other.connection, WebSocket)
        await other.event()
        assert await other.connection.close_code() == 4001
        assert (await one.event())[0] == "token_expiring", "of the new one"
        assert (await one.ask("subscribe", "sku:1"))["rooms"] == ["sku:1"]


REFRESHES: dict[str, Callable[[], tuple[Any, ...]]] = {
    "none": lambda: (),
    "null": lambda: (None,),
    "malformed": lambda: ("sesame",),
    "expired": lambda: (good(-1),),
    "another's": lambda: (good(sub="bob"),),
    "two": lambda: (good(), good()),
    "wrapped": lambda: ({"token": good()},),
}


@pytest.mark.parametrize("what", REFRESHES)
async def test_a_refresh_with_a_bad_token_changes_nothing(gateway: Gateway, what: str) -> None:
    """The session goes on with what it has, and ends with that."""
    counts = {name: Counts(gateway, name) for name in (ACKS_REFUSED, CONNECTS_REFUSED)}
    async with page(gateway.port, token=good(rooms=["sku:*"])) as one:
        await one.event()
        await one.ask("subscribe", "sku:1")
        answer = await one.ask("refresh", *REFRESHES[what]())
        assert answer == {"ok": False, "error": {"code": "unauthorized", "message": "Not authorised"}}
        assert counts[ACKS_REFUSED].more() == {"unauthorized": 1}
        assert sum(counts[CONNECTS_REFUSED].more().values()) == 1
        assert (await one.ask("subscribe", ["sku:1", "sku:2"]))["rooms"] == ["sku:2"]


async def test_a_refresh_brings_the_new_tokens_rooms_and_rights(site: Site) -> None:
    """Rooms that it does not allow any more are left before it is acknowledged."""
    one = await site.start(**JWT)
    first = signed(rooms=["sku:*"], join=["team:1"], relay=["item_removed"])
    async with page(one.port, token=first) as ann:
        await ann.event()
        await ann.ask("subscribe", ["sku:1", "sku:2"])
        answer = await ann.ask("refresh", signed(300, rooms=["sku:2"], join=["team:2"]))
        assert answer["rooms"] == ["sku:2", "team:2", "user:ann"]
        await site.publish(item(1, "sku:1"), item(2, "team:1"), item(3, "team:2"), item(4, "sku:2"))
        assert await ann.events(2) == items(3, 4)
        assert (await ann.ask("item_removed", 1))["error"]["code"] == "forbidden"
        assert (await ann.ask("subscribe", "sku:1"))["error"]["code"] == "forbidden"
        ticket = ann.ticket
    async with page(one.port, ticket, token=signed(300, rooms=["*"])) as back:
        assert back.is_back(ticket)
        assert await back.rooms("sku:1", "sku:2", "team:1", "team:2", "user:ann") == [
            "sku:2",
            "team:2",
            "user:ann",
        ]


async def test_a_connection_ends_with_the_first_of_its_tokens(site: Site) -> None:
    """Each namespace has its own, and `refresh` is for the one it is said in."""
    one = await site.start(**JWT, namespaces="/,/shop")
    async with page(one.port, token=signed(1)) as ann:
        await ann.send(f'40/shop,{{"token":"{signed(600)}"}}')
        assert isinstance(ann.connection, WebSocket)
        assert await last_close_code(ann.connection) == 4001


async def last_close_code(connection: WebSocket) -> int:
    while True:
        opcode, payload = await connection.next_frame()
        if opcode == wire.CLOSE:
            return int.from_bytes(payload[:2], "big")


# Rooms


async def test_a_token_names_the_rooms_that_may_be_joined(gateway: Gateway) -> None:
    """By name, or by what names begin with. It is never a regular expression."""
    shown = good(300, rooms=["sku:*", "order:17", "a.c", "x.*"])
    async with page(gateway.port, token=shown) as one:
        for room in ("sku:7", "sku:", "order:17", "a.c", "x.y", "user:ann"):
            assert (await one.ask("subscribe", room))["ok"], room
        counts = Counts(gateway, ACKS_REFUSED)
        others = ["order:170", "order:1", "my-sku:7", "SKU:7", "abc", "xy", "user:anna", "user:bob", "sku*"]
        for room in others:
            answer = await one.ask("subscribe", ["sku:8", room])
            assert answer["error"] == {
                "code": "forbidden",
                "message": f"this session may not join {room!r}",
            }
        assert counts.more() == {"forbidden": len(others)}
        assert (await one.ask("unsubscribe", ["sku:8", *others]))["rooms"] == [], "all or nothing"


async def test_a_token_names_rooms_that_somebody_is_in_from_the_start(site: Site) -> None:
    """And everybody is in their own, `user:{sub}`: a sender needs to know nothing else."""
    one, two = await site.start_two(**JWT)
    async with (
        page(one.port, token=signed(300, sub="ann", join=["team:1"])) as ann,
        page(two.port, token=signed(300, sub="bob")) as bob,
    ):
        await site.publish(item(1, "user:ann"), item(2, "user:bob"), item(3, "team:1"), item(4))
        assert await ann.events(3) == items(1, 3, 4)
        assert await bob.events(2) == items(2, 4)
        assert (await ann.ask("unsubscribe", "team:1"))["rooms"] == ["team:1"]
        assert (await ann.ask("subscribe", ["team:1", "user:ann"]))["rooms"] == ["team:1"]


async def test_a_token_names_the_events_that_may_be_relayed(site: Site) -> None:
    """Who only looks cannot speak to everybody."""
    one = await site.start(**JWT, relay_events="item_removed,note")
    async with (
        page(one.port, token=signed(300, sub="ann", relay=["item_removed", "other"])) as ann,
        page(one.port, token=signed(300, sub="bob")) as bob,
    ):
        assert await ann.ask("item_removed", {"id": 1}) == {"ok": True}
        assert await bob.event() == ["item_removed", {"id": 1}]
        for who, event in ((ann, "note"), (bob, "note"), (bob, "item_removed")):
            answer = await who.ask(event, {"id": 2})
            message = f"this session may not send {event!r}"
            assert answer == {"ok": False, "error": {"code": "forbidden", "message": message}}
        assert (await ann.ask("other", 1))["error"]["code"] == "unknown_event"
        assert await is_quiet(bob)


@pytest.mark.parametrize("auth", ["none", "jwt"])
async def test_public_rooms_may_be_joined_by_everybody_and_no_others(site: Site, auth: str) -> None:
    """Without identities this is all that can be said; with them it need not be in every token."""
    settings = JWT if auth == "jwt" else {}
    one = await site.start(**settings, public_rooms="news,sku:*")
    shown = {"token": signed(300)} if auth == "jwt" else {}
    async with page(one.port, **shown) as somebody:
        assert (await somebody.ask("subscribe", ["news", "sku:7"]))["ok"]
        for room in ("newspaper", "order:1", "user:bob"):
            assert (await somebody.ask("subscribe", room))["error"]["code"] == "forbidden"


@pytest.mark.parametrize(("origins", "where"), [(None, ""), ("*", ", from any origin (QUEUECAST_ORIGINS=*)")])
async def test_a_gateway_that_asks_for_nothing_says_so(site: Site, origins: str | None, where: str) -> None:
    """To whoever runs it, in the log and on `/readyz`. Any room may be joined, no token is looked at."""
    one = await site.start(**({} if origins is None else {"origins": origins}))
    note = f"open: anybody may connect{where} (QUEUECAST_AUTH=none)"
    status, body = one.ask("/readyz")
    assert (status, json.loads(body)["notes"]) == (200, [note])
    assert note in one.log()
    async with page(one.port, token=BAD["malformed"]()) as somebody:
        assert (await somebody.ask("subscribe", ["user:ann", "anything"]))["ok"]
        assert (await somebody.ask("item_removed", 1))["ok"]
        answer = await somebody.ask("refresh", "sesame")
        assert answer["ok"]
        assert answer["expires"] is None


async def test_a_room_is_another_one_in_another_namespace(site: Site) -> None:
    """Also that of a subject, and that of a session that comes back."""
    one = await site.start(**JWT, namespaces="/,/shop")
    shown = signed(300, rooms=["a"])
    async with (
        page(one.port, token=shown) as here,
        page(one.port, namespace="/shop", token=shown) as there,
    ):
        for each in (here, there):
            await each.ask("subscribe", "a")
        await site.publish(
            item(1, "a"), item(2, "a", namespace="/shop"), item(3, "user:ann"), item(4, here.sid),
            item(5, "user:ann", namespace="/shop"), item(6, here.sid, namespace="/shop"), item(7),
            item(8, namespace="/shop"),
        )  # fmt: skip
        assert await here.events(4) == items(1, 3, 4, 7)
        assert await there.events(3) == items(2, 5, 8)
        stolen = there.ticket
        async with page(one.port, stolen, token=shown) as elsewhere:
            assert not elsewhere.is_back(stolen)
        assert (await there.ask("unsubscribe", "none"))["ok"], "it lives on"


# Coming back


@BOTH
async def test_who_comes_back_with_fewer_rights_gets_what_these_allow(site: Site, transport: str) -> None:
    """Its session, and the rooms that it may still be in; what the others missed is not replayed."""
    one, two = await site.start_two(**JWT)
    wide = signed(300, rooms=["sku:*", "order:*"], join=["team:1"])
    first = await Page.open(one.port, transport=transport, token=wide)
    await first.ask("subscribe", ["sku:1", "sku:2", "order:1"])
    await first.leave()
    await site.publish(
        item(1, "sku:1"), item(2, "sku:2"), item(3, "order:1"), item(4, "team:1"), item(5, "user:ann"),
        item(6, "sku:1", "order:1"), item(7),
    )  # fmt: skip
    narrow = signed(300, rooms=["sku:1"], join=["team:2"])
    async with page(two.port, first.ticket, transport=transport, token=narrow) as second:
        assert second.is_back(first.ticket)
        assert second.missed == items(1, 5, 6, 7)
        rooms = ["sku:1", "team:2", "user:ann"]
        assert await second.rooms(*rooms, "sku:2", "order:1", "team:1") == rooms
        await site.publish(item(8, "sku:2"), item(9, "order:1"), item(10, "team:2"), item(11, "sku:1"))
        assert await second.events(2) == items(10, 11)
        assert (await second.ask("subscribe", "sku:2"))["error"]["code"] == "forbidden"
    assert two.metric(RECOVERIES, outcome="recovered") == 1


@pytest.mark.parametrize("there", [True, False], ids=["there", "away"])
async def test_a_stolen_private_id_is_of_no_use_to_another_subject(site: Site, there: bool) -> None:
    """The thief gets a session of their own; the owner's lives on, connected or away."""
    one, two = await site.start_two(**JWT)
    owner = await Page.open(one.port, token=signed(300, sub="ann", rooms=["sku:*"]))
    await owner.ask("subscribe", "sku:1")
    if not there:
        await owner.leave()
        await until(lambda: one.metric(CONNECTIONS) == 0)
    await site.publish(item(1, "sku:1"), item(2, "user:ann"))
    stolen = Ticket(owner.sid, owner.ticket.pid, owner.ticket.offset)
    assert await refusal(two.port, token=signed(-1), pid=stolen.pid) == UNAUTHORIZED
    async with page(two.port, stolen, token=signed(300, sub="bob", rooms=["*"])) as thief:
        assert not thief.is_back(stolen)
        assert thief.missed == []
        assert await thief.rooms("sku:1", "user:ann", "user:bob") == ["user:bob"]
    assert two.metric(RECOVERIES, outcome="unknown") == 1
    if there:
        assert await owner.events(2) == items(1, 2)
        await owner.leave()
        await until(lambda: one.metric(CONNECTIONS) == 0)
    ticket = owner.ticket
    async with page(two.port, ticket, token=signed(300, sub="ann", rooms=["sku:*"])) as back:
        assert back.is_back(ticket)
        assert back.missed == ([] if there else items(1, 2))
        assert await back.rooms("sku:1", "user:ann", "user:bob") == ["sku:1", "user:ann"]


async def test_what_was_said_to_somebody_while_they_are_refused_is_not_theirs(site: Site) -> None:
    """Nothing of a namespace reaches a connection before it is let in."""
    one = await site.start(**JWT)
    async with await WebSocket.open(one.port) as stranger, page(one.port, token=signed(300)) as ann:
        await stranger.opening()
        await site.publish(Record("e", b"[1]"))
        assert await ann.event() == ["e", 1]
        stranger.send('40{"token":"sesame"}')
        assert (await stranger.text())[:2] == "44"
        session = await Polling.open(one.port)
        await session.say("40")
        assert (await session.receive())[:2] == "44"
