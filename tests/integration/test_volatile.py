"""Volatile events: for whoever is there, in the order of the stream; never replayed, never among the past."""

from collections.abc import AsyncIterator

import pytest
import socketio

from queuecast_bus.record import Record

from .page import came_back, page
from .services import HOST, Redis
from .site import RECORDS_READ, RECOVERIES, Site, has_read, item, items, until
from .wire import PATIENCE_SECONDS, soon


@pytest.fixture
async def site(shared_redis: Redis) -> AsyncIterator[Site]:
    site = Site(shared_redis)
    yield site
    await site.close()


def cursor(number: int, *rooms: str) -> Record:
    return item(number, *rooms, volatile=True)


@pytest.mark.parametrize("transport", ["websocket", "polling", "compressed"])
async def test_whoever_is_there_gets_them_in_order(site: Site, transport: str) -> None:
    """Among the others, with an offset of their own."""
    one, two = await site.start_two()
    async with page(one.port, transport=transport) as first, page(two.port) as second:
        for each in (first, second):
            await each.ask("subscribe", "a")
        await site.publish(item(1, "a"), cursor(2, "a"), cursor(3), item(4, "a"), cursor(5, "b"))
        last = await site.publish(cursor(6, "a"))
        for each in (first, second):
            assert await each.events(5) == items(1, 2, 3, 4, 6)
            assert each.offset == last
        assert one.metric(RECORDS_READ, outcome="nobody_here") == 1
        assert one.metric(RECORDS_READ, outcome="unknown_namespace") == 0


@pytest.mark.parametrize("is_new", [False, True])
async def test_a_page_that_was_away_gets_only_the_others(site: Site, is_new: bool) -> None:
    """From the memory of its gateway, or from Redis at a new one. The last that it got is volatile."""
    one = await site.start()
    async with page(one.port) as first, page(one.port) as other:
        for each in (first, other):
            await each.ask("subscribe", "a")
        await site.publish(item(1, "a"), cursor(2, "a"))
        assert await first.events(2) == items(1, 2)
        await first.leave()
        await site.publish(cursor(3, "a"), item(4, "a"), cursor(5), item(6))
        assert await other.events(6) == items(1, 2, 3, 4, 5, 6)
        replica = await site.start() if is_new else one
        back = await came_back(replica.port, first.ticket)
        assert back.is_back(first.ticket)
        assert await back.caught_up(2) == items(4, 6)
        await site.publish(cursor(7, "a"), item(8, "a"))
        assert await back.events(2) == items(7, 8)
        await back.leave()
        assert replica.metric(RECOVERIES, outcome="recovered") == 1


async def test_they_are_among_no_past_events(site: Site) -> None:
    """Neither the last ones nor those since an offset nor the latest of a key."""
    kept = {"keep_latest_seconds": "600"}
    one = await site.start(**kept)
    begin = await site.publish(item(1, "a"))
    await site.publish(cursor(2, "a"), item(3, "a"), cursor(4, "a"))
    await has_read(one, 4)
    async with page(one.port) as first:
        for options, expected in (({"last": 5}, [1, 3]), ({"since": begin}, [3]), ({"latest": True}, [])):
            ack = await first.ask("subscribe", "a", options)
            assert [event["args"][0] for event in ack["events"]] == expected


async def test_a_browser_sends_them_to_everyone(site: Site) -> None:
    """A relayed event is volatile if the settings say so."""
    one, two = await site.start_two(relay_events="cursor,item_removed", volatile_relay_events="cursor")
    async with page(one.port) as first:
        away = None
        async with page(two.port) as second:
            for number in range(3):
                assert (await first.ask("cursor", number))["ok"]
            assert (await first.ask("item_removed", 7))["ok"]
            expected = [["cursor", 0], ["cursor", 1], ["cursor", 2], ["item_removed", 7]]
            assert await first.events(4) == await second.events(4) == expected
            away = second.ticket
        assert (await first.ask("cursor", 3))["ok"]
        assert (await first.ask("item_removed", 8))["ok"]
        assert await first.events(2) == [["cursor", 3], ["item_removed", 8]]
        back = await came_back(two.port, away)
        assert await back.caught_up(1) == [["item_removed", 8]]
        await back.leave()


async def test_the_stock_python_client_gets_them(site: Site) -> None:
    """As any other event."""
    one = await site.start()
    client = socketio.AsyncClient(reconnection=False)
    got: list[int] = []
    client.on("e", lambda number: got.append(number))
    url = f"http://{HOST}:{one.port}"
    await client.connect(url, transports=["websocket"], wait_timeout=PATIENCE_SECONDS)
    try:
        assert (await client.call("subscribe", "a"))["ok"]
        await site.publish(item(1, "a"), cursor(2, "a"), item(3))
        await soon(lambda: len(got) == 3)
        assert got == [1, 2, 3]
    finally:
        await client.disconnect()
    await until(one.ready)
