"""The gateway's limits: real traffic reaches each; it is reported and counted, and ends again.

test_abuse has the limits of single messages and of silence; test_crowd has that of unread data.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.issuer import signed

from . import wire
from .access import JWT, refusal
from .counts import ACKS_REFUSED, CONNECTS_REFUSED, EVENTS_REFUSED, HANDSHAKES_REFUSED, Counts
from .gateway import Gateway
from .page import Page, page
from .services import HOST, Redis
from .site import CONNECTIONS, Site, until
from .wire import Answer, Polling, WebSocket

BOTH = pytest.mark.parametrize("transport", ["websocket", "polling"])
RELAYS = "queuecast_gateway_relays_total"
DISCONNECTS = "queuecast_gateway_disconnects_total"
PROXIED = {"trusted_proxies": HOST}

TWO = {"max_connections_per_address": 2, "max_connects_per_second": 0}
"""The rate limit is off: these tests count open connections."""

Headers = dict[str, str | None]


def from_address(*hops: str) -> Headers:
    """Return a proxy's headers for a client at this address, behind these proxies."""
    return {"X-Forwarded-For": ", ".join(hops)}


async def handshake(port: int, transport: str, headers: Headers | None = None) -> Answer:
    """Return the answer to a handshake; a WebSocket that it opens is closed again."""
    if transport == "polling":
        return await wire.request(port, headers=headers)
    async with await WebSocket.open(port, headers=headers) as one:
        return one.answer


@asynccontextmanager
async def connected(port: int, *headers: Headers) -> AsyncIterator[list[WebSocket]]:
    """Hold one connection for each of these headers."""
    async with AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(await WebSocket.open(port, headers=each)) for each in headers
        ]
        for each in opened:
            assert each.accepted, each.answer
            await each.opening()
        yield opened


# Connections


@BOTH
async def test_a_replica_that_is_full_sends_browsers_elsewhere(site: Site, transport: str) -> None:
    """It answers 503 with Retry-After and becomes unready; connected browsers notice nothing."""
    one = await site.start(max_connections=2)
    assert one.metric("queuecast_gateway_connections_limit") == 2
    counts = Counts(one, HANDSHAKES_REFUSED)
    async with page(one.port) as first:
        async with page(one.port):
            answer = await handshake(one.port, transport)
            assert answer.status == 503
            assert answer.headers["retry-after"] == "5"
            assert answer.json == {"code": 4, "message": "There is no room here, come back later"}
            status, body = one.ask("/readyz")
            assert status == 503
            assert "full: 2 connections" in body
            assert counts.more() == {"full": 1}
            assert (await first.ask("subscribe", "a"))["ok"]
        await until(one.ready)
        async with page(one.port):
            pass
    assert counts.more() == {"full": 1}
    assert "QUEUECAST_MAX_CONNECTIONS" in one.log()


@BOTH
async def test_an_address_has_so_many_connections_and_others_have_theirs(site: Site, transport: str) -> None:
    """One host cannot take everybody's place; by default an office behind one address may have 1,000."""
    one = await site.start(**TWO, **PROXIED)
    hers, his = from_address("203.0.113.1"), from_address("203.0.113.2")
    counts = Counts(one, HANDSHAKES_REFUSED)
    async with connected(one.port, hers):
        async with connected(one.port, hers):
            answer = await handshake(one.port, transport, hers)
            assert answer.status == 429
            assert answer.headers["retry-after"] == "5"
            assert answer.json == {"code": 4, "message": "Too many connections of this address"}
            assert counts.more() == {"address": 1}
            assert one.ready()
            async with connected(one.port, his, his):
                pass
        await until(lambda: one.metric(CONNECTIONS) == 1)
        async with connected(one.port, hers):
            pass
    assert counts.more() == {"address": 1}
    assert "203.0.113.1 has as many as it may" in one.log()


async def test_a_household_with_ipv6_is_one_address(site: Site) -> None:
    """A household has 2^64 addresses."""
    one = await site.start(**TWO, **PROXIED)
    async with connected(one.port, from_address("2001:db8:0:1::1"), from_address("2001:db8:0:1:ffff::2")):
        assert (await handshake(one.port, "polling", from_address("2001:db8:0:1::3"))).status == 429
        assert (await handshake(one.port, "polling", from_address("2001:db8:0:2::3"))).status == 200


@BOTH
async def test_nobody_chooses_their_own_address(site: Site, transport: str) -> None:
    """The gateway believes only trusted proxies, and only the addresses that they added."""
    closed, proxied = await asyncio.gather(
        site.start(**TWO),
        site.start(**TWO, trusted_proxies=f"{HOST},10.0.0.0/8"),
    )
    async with connected(closed.port, from_address("203.0.113.1"), from_address("203.0.113.2")):
        assert (await handshake(closed.port, transport, from_address("203.0.113.3"))).status == 429
    forged = [from_address(f"198.51.100.{number}", "203.0.113.1", "10.0.0.7") for number in range(3)]
    async with connected(proxied.port, *forged[:2]):
        assert (await handshake(proxied.port, transport, forged[2])).status == 429
        other = from_address("203.0.113.1", "203.0.113.2", "10.0.0.7")
        assert (await handshake(proxied.port, transport, other)).status in (101, 200)


async def test_an_identity_has_so_many_sessions_and_others_have_theirs(site: Site) -> None:
    """It does not matter how many addresses somebody has; a page can show the answer."""
    one = await site.start(**JWT, max_connections_per_identity=2, namespaces="/,/shop")
    counts = Counts(one, CONNECTS_REFUSED)
    too_many = {
        "message": "Too many connections of this identity",
        "data": {"code": "too_many_connections"},
    }
    async with (
        page(one.port, token=signed(300)) as first,
        page(one.port, namespace="/shop", token=signed(300)) as second,
    ):
        assert await refusal(one.port, token=signed(300)) == too_many
        assert counts.more() == {"too_many_connections": 1}
        async with page(one.port, token=signed(300, sub="bob")):
            pass
        assert (await second.ask("subscribe", "user:ann"))["ok"]
        assert (await first.ask("refresh", signed(400)))["ok"], "it is not counted twice"
        await second.send("41/shop,")
        async with asyncio.timeout(60):
            while await refused(one.port, token=signed(300)):
                pass
    async with page(one.port, token=signed(300)), page(one.port, token=signed(300)):
        pass


async def refused(port: int, **auth: Any) -> bool:
    """Connect with this payload; say whether the CONNECT is refused."""
    async with await WebSocket.open(port) as one:
        await one.opening()
        one.send(f"40{json.dumps(auth)}")
        return (await one.text())[:2] == "44"


# Events and bytes per second


@BOTH
async def test_who_says_too_much_is_told_so_and_may_go_on_after_a_pause(site: Site, transport: str) -> None:
    """A burst of two seconds' worth is allowed. A refused event has no effect, and the page is told."""
    one = await site.start(max_events_per_second=3)
    counts = {name: Counts(one, name) for name in (ACKS_REFUSED, EVENTS_REFUSED)}
    async with page(one.port, transport=transport) as eager, page(one.port) as other:
        number = 0
        while (answer := await eager.ask("item_removed", number))["ok"]:
            number += 1
        assert number >= 4, "the burst"
        assert answer["error"]["code"] == "rate_limited"
        assert counts[ACKS_REFUSED].more() == {"rate_limited": 1}
        assert (await other.ask("subscribe", "a"))["ok"], "each session has its own limit"
        assert await other.events(number) == [["item_removed", each] for each in range(number)]
        async with asyncio.timeout(60):
            while True:
                await asyncio.sleep(0.7)
                if (await eager.ask("item_removed", "after a pause"))["ok"]:
                    break
        assert await other.event() == ["item_removed", "after a pause"]
        assert counts[EVENTS_REFUSED].more() == {}


@BOTH
async def test_who_does_not_listen_is_cut_off_and_begins_anew(site: Site, transport: str) -> None:
    """Its waiting events have no effect, and its session is over, so recovery cannot bring them back."""
    one = await site.start(max_events_per_second=5)
    counts = Counts(one, EVENTS_REFUSED)
    async with page(one.port) as other:
        flooding = await Page.open(one.port, transport=transport)
        packets = [f'42["item_removed",{number}]' for number in range(40)]
        if isinstance(flooding.connection, WebSocket):
            flooding.connection.send(*packets)
            assert await last_close_code(flooding.connection) == 4029
        else:
            await flooding.connection.post(*packets)
            assert (await flooding.connection.get()).json["code"] == 1
        assert counts.more() == {"flood": 1}
        await until(lambda: one.metric(DISCONNECTS, reason="flood") == 1)
        assert (await other.ask("subscribe", "a"))["ok"]
        await flooding.leave() if transport == "websocket" else None
        async with page(one.port, flooding.ticket, transport=transport) as again:
            assert not again.is_back(flooding.ticket)
            assert (await again.ask("subscribe", "a"))["ok"]
    lines = [line for line in one.process.tail if "is closed" in line]
    assert len(lines) == 1


async def last_close_code(connection: WebSocket) -> int:
    while True:
        opcode, payload = await connection.next_frame()
        if opcode == wire.CLOSE:
            return int.from_bytes(payload[:2], "big")


@BOTH
async def test_bytes_have_a_pace_as_well(site: Site, transport: str) -> None:
    """A few large messages are as much work as many small ones; unacknowledged ones count, too."""
    one = await site.start(max_bytes_per_second=100, max_message_bytes=4_000, max_events_per_second=0)
    counts = {name: Counts(one, name) for name in (ACKS_REFUSED, EVENTS_REFUSED)}
    large = "x" * 3_000
    async with page(one.port) as other:
        eager = await Page.open(one.port, transport=transport)
        answers = [await eager.ask("subscribe", large) for _ in range(4)]
        assert answers[0]["error"]["code"] == "bad_room"
        assert answers[-1]["error"]["code"] == "rate_limited"
        assert counts[EVENTS_REFUSED].more() == {}
        if isinstance(eager.connection, WebSocket):
            eager.connection.send(*[f'42["unknown","{large}"]'] * 5)
            assert await last_close_code(eager.connection) == 4029
            await eager.leave()
        else:
            for _ in range(5):
                answer = await eager.connection.post(f'42["unknown","{large}"]')
            assert answer.json["code"] == 1
        assert counts[EVENTS_REFUSED].more() == {"flood": 1}
        assert (await other.ask("subscribe", "a"))["ok"]


async def test_pings_and_tries_to_join_count_as_well(site: Site) -> None:
    """Everything that a connection sends costs something, even before anybody has logged in."""
    one = await site.start(**JWT, max_events_per_second=5, max_failed_tries=0)
    counts = Counts(one, EVENTS_REFUSED)
    for frame in (wire.frame(wire.PING), wire.frame(wire.TEXT, '40{"token":"sesame"}')):
        async with await WebSocket.open(one.port) as flooding:
            await flooding.opening()
            flooding.send_bytes(frame * 30)
            assert await last_close_code(flooding) == 4029
    assert counts.more() == {"flood": 2}


async def test_a_session_is_in_so_many_rooms(site: Site) -> None:
    """Rooms that a token joins count, too; after leaving one, a session may join another."""
    one = await site.start(**JWT, max_rooms=4)
    counts = Counts(one, ACKS_REFUSED)
    shown = signed(300, rooms=["sku:*"], join=["team:1"])
    async with page(one.port, token=shown) as ann, page(one.port, token=shown) as other:
        assert (await ann.ask("subscribe", ["sku:1", "sku:2"]))["rooms"] == ["sku:1", "sku:2"]
        answer = await ann.ask("subscribe", ["sku:2", "sku:3"])
        message = "a session may be in 4 rooms at most"
        assert answer == {"ok": False, "error": {"code": "too_many_rooms", "message": message}}
        assert counts.more() == {"too_many_rooms": 1}
        assert (await ann.ask("unsubscribe", ["sku:1", "none"]))["rooms"] == ["sku:1"]
        assert (await ann.ask("subscribe", ["sku:3", "sku:2"]))["ok"]
        assert (await other.ask("subscribe", "sku:1"))["ok"]


SCHEMAS = {
    "item_removed": {
        "type": "object",
        "properties": {"id": {"type": "integer"}},
        "required": ["id"],
        "additionalProperties": False,
    }
}


async def test_what_is_relayed_looks_as_its_schema_says(site: Site, tmp_path: Path) -> None:
    """All other browsers show what one of them sends: its mistake or prank would reach everybody."""
    path = tmp_path / "schemas.json"
    path.write_text(json.dumps(SCHEMAS), "utf-8")
    one = await site.start(relay_schemas=path, relay_events="item_removed,note")
    counts, relays = Counts(one, ACKS_REFUSED), Counts(one, RELAYS)
    async with page(one.port) as ann, page(one.port) as bob:
        for arguments, mistake in (
            (({"id": "7"},), "data.id: expected integer"),
            (({},), "data: expected a property 'id'"),
            (({"id": 7, "html": "<b>"},), "data: expected no property 'html'"),
            (({"id": 7}, 8), "expected one argument, its data, and got 2"),
            ((), "expected one argument, its data, and got 0"),
        ):
            answer = await ann.ask("item_removed", *arguments)
            assert answer == {"ok": False, "error": {"code": "bad_payload", "message": mistake}}
        assert counts.more() == {"bad_payload": 5}
        assert (await ann.ask("item_removed", {"id": 7}))["ok"]
        assert (await ann.ask("note", "what has no schema is free"))["ok"]
        assert await bob.events(2) == [["item_removed", {"id": 7}], ["note", "what has no schema is free"]]
        assert relays.more() == {"refused": 5, "published": 2}


# Origins


@BOTH
async def test_only_pages_of_listed_origins_connect(site: Site, transport: str) -> None:
    """Only exact matches count: anybody can own a similar name. Clients other than browsers send none."""
    listed = "https://shop.example:443,http://localhost:3000,https://*.apps.example,capacitor://localhost"
    one = await site.start(origins=listed)
    for origin in (
        "https://shop.example",
        "http://localhost:3000",
        "https://new.apps.example",
        "capacitor://localhost",
        None,
    ):
        assert (await handshake(one.port, transport, {"Origin": origin})).status in (101, 200), origin
    counts = Counts(one, HANDSHAKES_REFUSED)
    others = (
        "http://shop.example",
        "https://shop.example:8443",
        "https://shop.example.evil.example",
        "https://evilshop.example",
        "https://a.shop.example",
        "https://shop.example/",
        "https://apps.example",
        "https://evilapps.example",
        "ionic://localhost",
        "http://localhost",
        "null",
        "*",
        f"http://{HOST}",
    )
    for origin in others:
        answer = await handshake(one.port, transport, {"Origin": origin})
        assert (answer.status, answer.json) == (403, {"code": 4, "message": "Forbidden"}), origin
        assert "access-control-allow-origin" not in answer.headers
    assert counts.more() == {"origin": len(others)}


@BOTH
async def test_without_a_list_only_the_gateways_own_pages_connect(site: Site, transport: str) -> None:
    """The board is such a page; a page of another site would use its visitor's network."""
    one = await site.start()
    own = {"Host": f"{HOST}:{one.port}"}
    for origin, let_in in (
        (f"http://{HOST}:{one.port}", True),
        (f"https://{HOST}:{one.port}", True),  # a proxy may have ended TLS without saying so
        (f"http://{HOST}:{one.port + 1}", False),
        (f"http://localhost:{one.port}", False),
        ("https://evil.example", False),
        ("null", False),
    ):
        answer = await handshake(one.port, transport, {**own, "Origin": origin})
        assert answer.status in (101, 200) if let_in else answer.status == 403, origin
    for said, origin, let_in in (
        ({"Cookie": "a=1"}, f"https://{HOST}:{one.port}", False),
        ({"X-Forwarded-Proto": "wss"}, f"https://{HOST}:{one.port}", True),
        ({"X-Forwarded-Proto": "ws"}, f"http://{HOST}:{one.port}", True),
        ({"X-Forwarded-Proto": "https", "X-Forwarded-Host": "app.example"}, "https://app.example", True),
    ):
        answer = await handshake(one.port, transport, {**own, **said, "Origin": origin})
        assert answer.status in (101, 200) if let_in else answer.status == 403, (said, origin)


def test_an_empty_list_of_origins_ends_the_start(
    forgetful_redis: Redis, gateway: Callable[..., Gateway]
) -> None:
    """With the stock server an empty list turns the check off."""
    service = gateway(forgetful_redis.url, QUEUECAST_ORIGINS=" , ")
    assert service.process.wait(60) == 2
    assert "QUEUECAST_ORIGINS: an empty list would allow nobody" in service.log()


async def test_a_session_may_be_used_over_the_connections_of_its_browser_alone(site: Site) -> None:
    """Nobody can guess its id, 120 random bits. A full gateway still serves the session."""
    one = await site.start(max_connections=1)
    session = await Polling.open(one.port)
    await session.say("40")
    assert (await session.receive())[:2] == "40"
    guess = await wire.request(one.port, query=f"{wire.POLLING}&sid={session.sid[:-1]}")
    assert (guess.status, guess.json["code"]) == (400, 1)
    async with await session.upgrade() as upgraded:
        upgraded.send("2probe")
        assert await upgraded.text() == "3probe"
        upgraded.send("5", '427["subscribe","a"]')
        assert await upgraded.text() == '437[{"ok":true,"rooms":["a"]}]'
