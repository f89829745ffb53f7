"""Connections that belong to no session: beside one, of old clients, in no namespace; and those to Redis."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tests.issuer import signed

from queuecast_bus.clients import MAX_COMMANDS
from queuecast_bus.command import Target, Verb
from queuecast_gateway.public.admission import RESERVE

from .access import JWT, last_close_code
from .commands import tell
from .counts import EVENTS_REFUSED, HANDSHAKES_REFUSED, Counts
from .gateway import Gateway
from .page import Page, page
from .site import CONNECTIONS, Site, until
from .wire import WEBSOCKET, WebSocket


async def test_further_websockets_of_a_session_count_as_connects(site: Site) -> None:
    """Each is accepted, closed, and held until its client has closed it too. Nothing else counted them."""
    one = await site.start(max_connections_per_address=4, max_connects_per_second=0.01)
    counts = Counts(one, HANDSHAKES_REFUSED)
    async with AsyncExitStack() as open_ones:
        session = await open_ones.enter_async_context(await WebSocket.open(one.port))
        query = f"{WEBSOCKET}&sid={(await session.opening())['sid']}"
        for status in (101, 101, 101, 429):
            further = await open_ones.enter_async_context(await WebSocket.open(one.port, query))
            assert further.answer.status == status
        session.send("40")
        assert (await session.text()).startswith("40{"), "the session goes on"
    assert counts.more() == {"bad_request": 3, "connects": 1}


async def test_a_session_is_no_way_around_the_limits_of_an_address(site: Site) -> None:
    """A request of revision 3 for it counted as a connection that had begun and ended: one less than there
    were.
    """
    one = await site.start(max_connections_per_address=1)
    async with await WebSocket.open(one.port) as session:
        sid = (await session.opening())["sid"]
        for _ in range(3):
            async with await WebSocket.open(one.port, f"EIO=3&transport=websocket&sid={sid}") as old:
                assert (old.answer.status, old.answer.json["code"]) == (400, 5)
        async with await WebSocket.open(one.port) as other:
            assert other.answer.status == 429


async def test_connections_that_have_yet_to_close_are_limited(site: Site) -> None:
    """They are no sessions, but each has a descriptor."""
    one = await site.start(max_connections=2)
    counts = Counts(one, HANDSHAKES_REFUSED)
    async with AsyncExitStack() as open_ones:
        session = await open_ones.enter_async_context(await WebSocket.open(one.port))
        query = f"{WEBSOCKET}&sid={(await session.opening())['sid']}"
        session.send("40")  # whoever joins no namespace is closed after a while
        assert (await session.text()).startswith("40{")
        statuses: list[int] = []
        while 503 not in statuses:
            # At once: one after another, on a slow machine the first are closed before the last are open.
            most = 2 * 2 + RESERVE
            further = await asyncio.gather(*(WebSocket.open(one.port, query) for _ in range(most + 1)))
            for each in further:
                await open_ones.enter_async_context(each)
            statuses += [each.answer.status for each in further]
        assert {*statuses} == {101, 503}
        assert counts.more()["bad_request"] >= most
        assert counts.more()["full"] == statuses.count(503)
    async with page(one.port):
        pass


@pytest.mark.parametrize("ends", ["its own", "the gateway's"])
async def test_whoever_has_left_every_namespace_has_to_join_one_or_go(site: Site, ends: str) -> None:
    """Without a namespace a connection has no token that could expire, and counts for no identity."""
    one = await site.start(**JWT, connect_seconds=1)
    ann = await joined_in_time(one, token=signed())
    counts = Counts(one, EVENTS_REFUSED)
    async with await WebSocket.open(one.port) as other:
        assert await last_close_code(other) == 1008, "that of whoever never joins"
        if ends == "its own":
            await ann.send("41")
        else:
            await tell(site, Verb.DISCONNECT, Target.USER, "ann")
        await until(lambda: counts.more() == {"no_connect": 2})
        await until(lambda: one.metric(CONNECTIONS) == 0)
    await ann.leave()


async def test_whoever_joins_again_in_time_stays(site: Site) -> None:
    """A page may leave a namespace and come back to it, as often as it likes."""
    one = await site.start(connect_seconds=1)
    ann = await joined_in_time(one)
    for _ in range(3):
        await ann.send("41")
        await ann.connect()
    async with await WebSocket.open(one.port) as other:
        assert await last_close_code(other) == 1008, "longer than a page may be in no namespace"
    assert (await ann.ask("subscribe", "a"))["ok"]
    await ann.leave()


async def joined_in_time(replica: Gateway, **auth: Any) -> Page:
    """Open a page of a gateway that waits for a second only: a busy machine may need more than one try."""
    async with asyncio.timeout(60):
        while True:
            before = replica.metric(EVENTS_REFUSED, reason="no_connect")
            try:
                return await Page.open(replica.port, **auth)
            except (AssertionError, OSError, asyncio.IncompleteReadError):
                assert replica.metric(EVENTS_REFUSED, reason="no_connect") > before


async def test_events_of_many_browsers_take_few_connections_to_redis(site: Site) -> None:
    """Redis has a limit for all clients, and these stay open. An event may wait, and none is lost."""
    one = await site.start()
    pages = await asyncio.gather(*(Page.open(one.port) for _ in range(150)))
    before = site.redis.client.info("clients")["connected_clients"]
    for number in range(3):
        acks = await asyncio.gather(*(each.ask("item_removed", number) for each in pages))
        assert all(ack["ok"] for ack in acks)
    assert site.redis.client.info("clients")["connected_clients"] <= before + MAX_COMMANDS
    for each in pages:
        await each.leave()
