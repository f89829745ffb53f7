"""Commands to sessions on real replicas: all sessions follow them in order, even those that were away."""

import signal

from queuecast_bus.command import Command, Target, Verb

from .commands import SECRET, disconnected, tell, token
from .page import Page, page
from .site import CONNECTIONS, RECORDS_READ, RECOVERIES, Site, item, items, until


async def test_every_replica_follows_a_command_in_its_place_among_the_events(site: Site) -> None:
    """A session gets what is sent to a room after it joined, on any replica, and nothing from before."""
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
    """After a Socket.IO disconnect the stock client does not reconnect by itself; nor is it let in."""
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


async def test_a_session_that_is_away_follows_commands_when_it_comes_back(site: Site) -> None:
    """A browser in a tunnel is no exception, whichever replica it comes back to."""
    one, two = await site.start_two()
    gone, joined = await Page.open(one.port), await Page.open(one.port)
    tickets = []
    for room, each in (("a", gone), ("b", joined)):
        assert (await each.ask("subscribe", room))["ok"]
        tickets.append((room, each.ticket))
        await each.leave()
    await until(lambda: one.metric(CONNECTIONS) == 0)
    await tell(site, Verb.DISCONNECT, Target.ROOM, tickets[0][0])
    await tell(site, Verb.JOIN, Target.ROOM, tickets[1][0], "sku:7")
    await site.publish(item(1, "sku:7"))
    async with page(two.port, tickets[0][1]) as anew:
        assert not anew.is_back(tickets[0][1])
    async with page(two.port, tickets[1][1]) as back:
        assert back.is_back(tickets[1][1])
        assert await back.caught_up(1) == items(1)
        assert await back.rooms("sku:7", "x") == ["sku:7"]
    assert two.metric(RECOVERIES, outcome="disconnected") == 1


async def test_a_command_that_was_followed_is_not_again_when_its_session_comes_back(site: Site) -> None:
    """The session has left the room by itself since: that is newer than the replayed command."""
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
    """A command is a record, not a pub/sub message that a paused replica would miss."""
    one, two = await site.start_two()
    async with page(one.port) as first:
        assert (await first.ask("subscribe", "vip"))["ok"]
        one.process.signal(signal.SIGSTOP)
        await tell(site, Verb.JOIN, Target.ROOM, "vip", "sku:7")
        await site.publish(item(1, "sku:7"))
        await until(lambda: two.metric(RECORDS_READ, outcome="nobody_here") == 2)
        one.process.signal(signal.SIGCONT)
        assert await first.event() == ["e", 1]
