"""Recovery replays only what was missed: nothing from before the session, or before it joined the room."""

import pytest

from queuecast_gateway.recovery.eligibility import RECOVERIES_AT_ONCE

from .page import Page, page
from .site import RECOVERIES, Site, item, items

LONG_AGO = "1-0"


@pytest.mark.parametrize("offset", [LONG_AGO, None], ids=["long ago", "just before"])
@pytest.mark.parametrize("replicas", ["the same replica", "another replica"])
async def test_a_new_session_does_not_get_what_came_before_it(
    site: Site, replicas: str, offset: str | None
) -> None:
    """Anybody can make up an offset that is older than their session."""
    one, two = await site.start_two()
    async with page(one.port) as there:
        before = await site.publish(item(0), item(1), item(2, "a"))
        assert await there.events(2) == items(0, 1)  # what is read later comes after the session's beginning
        before = f"{int(before.partition('-')[0]) - 1}-0"
        first = await Page.open(one.port)
        assert (await first.ask("subscribe", "a"))["ok"]
        await first.leave()
        await site.publish(item(3), item(4, "a"))
        port = one.port if replicas == "the same replica" else two.port
        async with page(port, first.ticket._replace(offset=offset or before)) as back:
            assert back.is_back(first.ticket)
            assert await back.caught_up(2) == items(3, 4)
            await site.publish(item(5))
            assert await back.event() == ["e", 5]


async def test_of_a_room_it_gets_what_came_since_it_joined(site: Site) -> None:
    """It holds on any replica and however often the session comes back; rejoining a room starts afresh."""
    one, two = await site.start_two()
    first = await Page.open(one.port)
    begun = first.ticket
    await site.publish(item(1, "a"), item(2, "b"), item(3))
    assert await first.event() == ["e", 3]
    assert (await first.ask("subscribe", "a"))["ok"]
    await site.publish(item(4, "a"), item(5, "b"), item(6, "a", "b"))
    assert await first.events(2) == items(4, 6)
    assert (await first.ask("subscribe", "b"))["ok"]
    await first.leave()
    await site.publish(item(7, "b"), item(8, "c"))
    ticket = first.ticket._replace(offset=begun.offset)
    async with page(two.port, ticket) as back:
        assert back.is_back(first.ticket)
        assert await back.caught_up(4) == items(3, 4, 6, 7)
        assert (await back.ask("unsubscribe", "a"))["ok"]
        await site.publish(item(9, "a"), item(0, volatile=True))
        assert await back.event() == ["e", 0]  # and so item 9 was read before it joins again
        assert (await back.ask("subscribe", "a"))["ok"]
        await site.publish(item(10, "a"))
        assert await back.event() == ["e", 10]
    async with page(one.port, ticket) as again:
        assert again.is_back(first.ticket)
        assert await again.caught_up(3) == items(3, 7, 10)


async def test_whoever_comes_back_again_and_again_begins_anew(site: Site) -> None:
    """Each return costs a replay. Beyond what a bad network explains, the page has to fetch its state."""
    gateway = await site.start()
    first = await Page.open(gateway.port)
    await first.leave()
    times = 0
    while True:
        async with page(gateway.port, first.ticket) as back:
            if not back.is_back(first.ticket):
                break
        times += 1
        assert times < 1_000
    assert times >= RECOVERIES_AT_ONCE
    assert gateway.metric(RECOVERIES, outcome="too_often") == 1
    assert gateway.metric(RECOVERIES, outcome="recovered") == times
    async with page(gateway.port, back.ticket) as other:
        assert other.is_back(back.ticket), "the new session has all of its returns left"
