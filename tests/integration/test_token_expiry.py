"""A session ends with its token, and goes on with another one."""

import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from tests.issuer import signed

from .access import DISCONNECTS, JWT, UNAUTHORIZED, good, is_quiet, last_close_code, refusal
from .counts import ACKS_REFUSED, CONNECTS_REFUSED, Counts
from .gateway import Gateway
from .page import Page, page
from .site import Site, item, items, until
from .wire import WebSocket

BOTH = pytest.mark.parametrize("transport", ["websocket", "polling"])

SOON_SECONDS = 10
"""How long a token lasts whose end a test waits for: a busy machine has to show it before that."""


@BOTH
async def test_a_session_ends_with_its_token_and_comes_back_with_another(site: Site, transport: str) -> None:
    """The connection closes below Socket.IO, so the stock client reconnects by itself and misses nothing."""
    one, two = await site.start_two(**JWT)
    first = await Page.open(one.port, transport=transport, token=signed(SOON_SECONDS, rooms=["sku:*"]))
    assert (await first.ask("subscribe", "sku:7"))["rooms"] == ["sku:7"]
    event, told = await first.event()
    assert event == "token_expiring"
    assert 0 < told["expires_in"] <= SOON_SECONDS
    if isinstance(first.connection, WebSocket):
        assert await first.connection.close_code() == 4001
    else:
        while (answer := await first.connection.get()).status == 200:
            assert "1" not in answer.packets, "some clients stay away after a close packet"
    await until(lambda: one.metric(DISCONNECTS, reason="token_expired") == 1)
    await site.publish(item(1, "sku:7"), item(2, "user:ann"), item(3, "sku:8"))
    assert await refusal(two.port, token=signed(-1), pid=first.ticket.pid) == UNAUTHORIZED
    fresh = signed(rooms=["sku:*"])
    async with page(two.port, first.ticket, transport=transport, token=fresh) as second:
        assert second.is_back(first.ticket)
        assert await second.caught_up(2) == items(1, 2)
    await first.leave()


async def test_somebody_is_told_a_minute_before_their_token_ends(token_gateway: Gateway) -> None:
    """There is time to fetch a new one; for a shorter token the warning comes at once."""
    exp = time.time() + 62.5
    async with (
        page(token_gateway.port, token=good(exp=exp)) as one,
        page(token_gateway.port, token=good(30)) as other,
    ):
        (event, told) = await other.event()
        assert event == "token_expiring"
        assert 20 < told["expires_in"] <= 30
        assert await is_quiet(one) or time.time() > exp - 60.5
        (event, told) = await one.event()
        assert event == "token_expiring"
        assert 50 < told["expires_in"] <= 60
        assert time.time() > exp - 60.5
        assert await is_quiet(other), "the warning came twice"


async def test_a_token_is_good_for_as_long_as_clocks_may_be_apart(site: Site) -> None:
    """Its session lasts just as long and no longer."""
    one = await site.start(**JWT | {"auth_leeway_seconds": SOON_SECONDS})
    assert await refusal(one.port, token=signed(-SOON_SECONDS - 0.1)) == UNAUTHORIZED
    assert await refusal(one.port, token=signed(nbf=time.time() + 59)) == UNAUTHORIZED
    async with page(one.port, token=signed(nbf=time.time() + SOON_SECONDS - 1)):
        pass
    exp = time.time() - 1
    async with page(one.port, token=signed(exp=exp)) as late:
        assert isinstance(late.connection, WebSocket)
        assert (await late.event())[0] == "token_expiring"
        assert await late.connection.close_code() == 4001
        assert 0 <= time.time() - (exp + SOON_SECONDS) < SOON_SECONDS


async def test_a_refresh_prolongs_a_session_without_another_connection(token_gateway: Gateway) -> None:
    """A page refreshes when it is warned; if it does not, its connection is closed at expiry."""
    short, fresh = good(SOON_SECONDS), good(50, rooms=["sku:*"])
    async with page(token_gateway.port, token=short) as one, page(token_gateway.port, token=short) as other:
        assert (await one.event())[0] == "token_expiring"
        answer = await one.ask("refresh", fresh)
        exp = jwt.decode(fresh, options={"verify_signature": False})["exp"]
        assert answer == {"ok": True, "rooms": ["user:ann"], "expires": exp}
        assert isinstance(other.connection, WebSocket)
        await other.event()
        assert await other.connection.close_code() == 4001
        assert (await one.event())[0] == "token_expiring", "the warning for the new token"
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
async def test_a_refresh_with_a_bad_token_changes_nothing(token_gateway: Gateway, what: str) -> None:
    """The session keeps its token and ends with it."""
    counts = {name: Counts(token_gateway, name) for name in (ACKS_REFUSED, CONNECTS_REFUSED)}
    async with page(token_gateway.port, token=good(rooms=["sku:*"])) as one:
        await one.event()
        await one.ask("subscribe", "sku:1")
        answer = await one.ask("refresh", *REFRESHES[what]())
        assert answer == {"ok": False, "error": {"code": "unauthorized", "message": "Not authorised"}}
        assert counts[ACKS_REFUSED].more() == {"unauthorized": 1}
        assert sum(counts[CONNECTS_REFUSED].more().values()) == 1
        assert (await one.ask("subscribe", ["sku:1", "sku:2"]))["rooms"] == ["sku:2"]


async def test_a_refresh_brings_the_new_tokens_rooms_and_rights(site: Site) -> None:
    """The session leaves rooms that are no longer allowed before the acknowledgement."""
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
    """Each namespace has its own token, and `refresh` applies to the namespace it is sent in."""
    one = await site.start(**JWT, namespaces="/,/shop")
    async with page(one.port, token=signed(SOON_SECONDS)) as ann:
        await ann.send(f'40/shop,{{"token":"{signed(600)}"}}')
        assert isinstance(ann.connection, WebSocket)
        assert await last_close_code(ann.connection) == 4001
