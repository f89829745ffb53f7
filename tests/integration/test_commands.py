"""Commands to sessions on real replicas: all of them follow, those that were away too, in order."""

import asyncio
import signal
from typing import Any

import jwt

from queuecast_bus.command import Command, Target, Verb

from .page import Page, page
from .site import CONNECTIONS, RECOVERIES, Site, item, items, kept_site, site, until

__all__ = ["kept_site", "site"]

SECRET = "a secret of thirty-two bytes at least"
ENDLESS = 4_102_444_800


def token(subject: str, *rooms: str) -> dict[str, Any]:
    claims = {"sub": subject, "exp": ENDLESS, "rooms": list(rooms)}
    return {"token": jwt.encode(claims, SECRET, algorithm="HS256")}


async def tell(site: Site, verb: Verb, target: Target, name: str, *rooms: str) -> None:
    await site.publish(Command(verb, "/", target, name, rooms).record())


async def disconnected(page: Page) -> None:
    """Read until Socket.IO's DISCONNECT."""
    async with asyncio.timeout(20):
        while await page.connection.receive() != "41":
            pass


async def test_every_replica_follows_a_command_in_its_place_among_the_events(site: Site) -> None:
    """What is sent behind a join is for whoever joined, wherever it is connected; before it, it is not."""
    one, two = await site.start_two()
    async with page(one.port) as first, page(two.port) as second, page(two.port) as other:
        for each in (first, second):
            assert (await each.ask("subscribe", "vip"))["ok"]
        await site.publish(
            item(1, "sku:7"),
            Command(Verb.JOIN, "/", Target.ROOM, "vip", ("sku:7",)).record(),
            item(2, "sku:7"),
            Command(Verb.LEAVE, "/", Target.ROOM, "vip", ("sku:7",)).record(),
            item(3, "sku:7"),
            item(4),
        )
        for each in (first, second):
            assert await each.events(2) == items(2, 4)
        assert await other.event() == ["e", 4]
    for replica in (one, two):
        assert replica.metric("queuecast_gateway_commands_total", outcome="joined") == 1


async def test_all_sessions_of_a_user_are_disconnected_everywhere_and_stay_away(site: Site) -> None:
    """By a Socket.IO disconnect, after which the stock client does not come back by itself; nor may it."""
    replicas = await site.start_two(auth="jwt", auth_secret=SECRET)
    ann = [await Page.open(each.port, **token("ann")) for each in replicas]
    bob = await Page.open(replicas[0].port, **token("bob"))
    await tell(site, Verb.DISCONNECT, Target.USER, "ann")
    for each in ann:
        await disconnected(each)
    await site.publish(item(1))
    assert await bob.event() == ["e", 1]
    again = await Page.open(replicas[1].port, ann[0].ticket, **token("ann"))
    assert not again.is_back(ann[0].ticket)
    for each in (*ann, bob, again):
        await each.leave()


async def test_who_is_away_meanwhile_is_disconnected_or_joins_when_it_comes_back(site: Site) -> None:
    """A browser in a tunnel is no exception, whatever replica it comes back to."""
    one, two = await site.start_two()
    gone, joined = await Page.open(one.port), await Page.open(one.port)
    tickets = []
    for each in (gone, joined):
        assert (await each.ask("subscribe", each.sid[:5]))["ok"]
        tickets.append((each.sid[:5], each.ticket))
        await each.leave()
    await until(lambda: one.metric(CONNECTIONS) == 0)
    await tell(site, Verb.DISCONNECT, Target.ROOM, tickets[0][0])
    await tell(site, Verb.JOIN, Target.ROOM, tickets[1][0], "sku:7")
    await site.publish(item(1, "sku:7"))
    async with page(two.port, tickets[0][1]) as anew:
        assert not anew.is_back(tickets[0][1])
    async with page(two.port, tickets[1][1]) as back:
        assert back.is_back(tickets[1][1])
        assert back.missed == items(1)
        assert await back.rooms("sku:7", "x") == ["sku:7"]
    assert two.metric(RECOVERIES, outcome="disconnected") == 1


async def test_a_command_that_was_followed_is_not_again_when_its_session_comes_back(site: Site) -> None:
    """It has left the room since, by its own will: that is newer than what it missed."""
    one = await site.start()
    first = await Page.open(one.port)
    await tell(site, Verb.JOIN, Target.ROOM, first.sid, "sku:7")
    await until(lambda: one.metric("queuecast_gateway_commands_total", outcome="joined") == 1)
    await site.publish(item(1))
    assert await first.event() == ["e", 1]
    assert (await first.ask("unsubscribe", "sku:7"))["rooms"] == ["sku:7"]
    await first.leave()
    async with page(one.port, first.ticket) as back:
        assert back.is_back(first.ticket)
        assert await back.rooms("sku:7") == []


async def test_a_replica_that_stands_still_follows_later(site: Site) -> None:
    """A command is a record, and not a word on a channel that is over when it was said."""
    one, two = await site.start_two()
    async with page(one.port) as first:
        assert (await first.ask("subscribe", "vip"))["ok"]
        one.process.signal(signal.SIGSTOP)
        await tell(site, Verb.JOIN, Target.ROOM, "vip", "sku:7")
        await site.publish(item(1, "sku:7"))
        await until(lambda: two.metric("queuecast_gateway_records_read_total", outcome="nobody_here") == 2)
        one.process.signal(signal.SIGCONT)
        assert await first.event() == ["e", 1]
