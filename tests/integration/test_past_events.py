"""Pages that subscribe with `last` or `since`: what came before, then every later event, none twice."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest

from queuecast_bus import Record

from .commands import SECRET, token
from .page import Page, page
from .services import Redis
from .site import RECOVERIES, Site, has_read, item, items, until
from .wire import soon

READS = "queuecast_gateway_past_reads_total"
ANSWERS = "queuecast_gateway_past_answers_total"


@pytest.fixture
async def large_site(forgetful_redis: Redis) -> AsyncIterator[Site]:
    """A site whose stream is not trimmed while a starved machine catches up."""
    made = Site(forgetful_redis, stream_max_records=100_000)
    yield made
    await made.close()


def numbers(ack: dict[str, Any]) -> list[int]:
    """Return the numbers of the items in an acknowledgement, whose events are as documented."""
    assert ack["ok"], ack
    assert all(set(event) == {"event", "args", "offset"} and event["event"] == "e" for event in ack["events"])
    return [event["args"][0] for event in ack["events"]]


async def test_the_last_events_of_a_room_come_with_the_answer_and_later_ones_follow(site: Site) -> None:
    """The page that opens late shows what the others show, whether the text is in memory or in Redis."""
    replica = await site.start()
    await site.publish(*(item(number, "sku:7", "sku:8") for number in range(5)), item(5), item(6, "sku:8"))
    await has_read(replica, 7)
    async with page(replica.port) as first:
        ack = await first.ask("subscribe", "sku:7", {"last": 3})
        assert numbers(ack) == [2, 3, 4]
        assert ack["rooms"] == ["sku:7"]
        assert ack["complete"]
        last = await site.publish(item(7, "sku:7"))
        assert await first.event() == ["e", 7]
        assert first.offset == last
        async with page(replica.port, recovery=False) as second:
            ack = await second.ask("subscribe", ["sku:7", "sku:8"], {"last": 2})
            assert numbers(ack) == [4, 6, 7], "two of each room, each event once, in the stream's order"


async def test_all_events_since_an_offset_come_with_the_answer(site: Site) -> None:
    """A page that was away longer than the recovery window goes on where it stopped, on any replica."""
    one, two = await site.start_two()
    async with page(one.port) as first:
        since = (await first.ask("subscribe", "a", {"last": 1}))["offset"]
        await site.publish(item(1, "a"), item(2, "b"), item(3, "a"))
        await has_read(one, 3)
        ack = await first.ask("subscribe", "a", {"since": since})
        assert numbers(ack) == [1, 3]
        assert ack["complete"]
        assert ack["rooms"] == [], "it was there already"
    await has_read(two, 3)
    async with page(two.port) as second:
        ack = await second.ask("subscribe", "a", {"since": ack["events"][0]["offset"]})
        assert numbers(ack) == [3]
        assert ack["complete"]
        assert (await second.ask("subscribe", "a", {"since": ack["offset"]}))["events"] == []


async def test_an_answer_says_when_the_stream_no_longer_has_all(site: Site) -> None:
    """Silence would be a gap that the page cannot see."""
    replica = await site.start()
    first = await site.publish(item(0, "a"))
    for start in range(1, 3_000, 500):
        await site.publish(*(item(number, "b") for number in range(start, start + 500)))
        await has_read(replica, start + 500)
    async with page(replica.port) as opened:
        ack = await opened.ask("subscribe", "a", {"since": "0-0"})
        assert ack["events"] == []
        assert not ack["complete"]
        assert not (await opened.ask("subscribe", "a", {"last": 1}))["complete"]
        assert (await opened.ask("subscribe", "a", {"since": first}))["complete"], "it has read all of it"
        assert (await opened.ask("subscribe", "b", {"last": 2}))["complete"]
    late = await site.start()
    async with page(late.port) as opened:
        assert not (await opened.ask("subscribe", "a", {"since": first}))["complete"]
        ack = await opened.ask("subscribe", "b", {"last": 2})
        assert ack["complete"]
        assert numbers(ack)[0] == numbers(ack)[1] - 1


async def test_answers_are_bounded_and_say_so(site: Site) -> None:
    """By number, by bytes, and by age."""
    replica = await site.start(max_past_events=5, max_past_bytes=1_000, max_past_seconds=30)
    await site.publish(*(item(number, "few") for number in range(7)))
    await site.publish(
        *(Record("e", b'[%d,"%b"]' % (number, b"x" * 300), rooms=("long",)) for number in range(4))
    )
    await has_read(replica, 11)
    async with page(replica.port) as opened:
        ack = await opened.ask("subscribe", "few", {"since": "0-0"})
        assert numbers(ack) == [2, 3, 4, 5, 6]
        assert not ack["complete"]
        ack = await opened.ask("subscribe", "long", {"last": 4})
        assert numbers(ack) == [2, 3]
        assert not ack["complete"]
        refused = await opened.ask("subscribe", "few", {"last": 6})
        assert refused["error"]["code"] == "bad_options"
        assert "1 to 5" in refused["error"]["message"]
    brief = await site.start(max_past_seconds=0.001)
    async with page(brief.port) as opened:
        ack = await opened.ask("subscribe", "few", {"last": 2})
        assert (ack["events"], ack["complete"]) == ([], False)


async def test_an_opening_storm_reads_redis_once(site: Site) -> None:
    """All pages open together after a deployment or a mail; each page must not cost a read."""
    replica = await site.start(max_past_bytes_per_address=0)
    await site.publish(*(item(number, "a") for number in range(30)))
    await has_read(replica, 30)
    pages = await asyncio.gather(*(Page.open(replica.port) for _ in range(200)))
    acks = await asyncio.gather(*(each.ask("subscribe", "a", {"last": 20}) for each in pages))
    assert all(numbers(ack) == list(range(10, 30)) for ack in acks)
    assert replica.metric(READS, call="events") == 1
    assert replica.metric(READS, call="index") == 0, "all of them are in this replica's history"
    assert replica.metric(ANSWERS, outcome="complete") == 200
    await site.publish(item(30, "a"))
    for each in pages:
        assert await each.event() == ["e", 30]
        await each.leave()
    late = await site.start(max_past_bytes_per_address=0)
    pages = await asyncio.gather(*(Page.open(late.port) for _ in range(100)))
    acks = await asyncio.gather(*(each.ask("subscribe", "a", {"last": 20}) for each in pages))
    assert all(numbers(ack) == list(range(11, 31)) for ack in acks)
    assert (late.metric(READS, call="events"), late.metric(READS, call="index")) == (1, 1)
    for each in pages:
        await each.leave()


async def test_a_storm_of_pages_that_know_an_offset_reads_redis_once(site: Site) -> None:
    """As after a deployment of the page: each has fetched a state, and asks for what came since."""
    replica = await site.start(max_past_bytes_per_address=0)
    before = await site.publish(item(0))
    await site.publish(*(item(number, "a") for number in range(1, 21)))
    await has_read(replica, 21)
    pages = await asyncio.gather(*(Page.open(replica.port) for _ in range(100)))
    acks = await asyncio.gather(*(each.ask("subscribe", "a", {"since": before}) for each in pages))
    assert all(numbers(ack) == list(range(1, 21)) and ack["complete"] for ack in acks)
    assert (replica.metric(READS, call="events"), replica.metric(READS, call="index")) == (1, 0)
    assert replica.metric(READS, call="marks") < 50, "what Redis has lost is asked for once for all who wait"
    for each in pages:
        await each.leave()


@pytest.mark.parametrize("transport", ["websocket", "polling", "compressed"])
async def test_attachments_come_with_the_answer(site: Site, transport: str) -> None:
    """As in any Socket.IO packet; a packet may have ten, so that older events are left out."""
    replica = await site.start()
    held = b'[{"a":{"_placeholder":true,"num":0},"b":{"_placeholder":true,"num":1}}]'
    await site.publish(
        *(Record("e", held, rooms=("a",), attachments=(b"%d" % n, b"x")) for n in range(7)), item(7, "a")
    )
    await has_read(replica, 8)
    async with page(replica.port, transport=transport) as opened:
        ack = await opened.ask("subscribe", "a", {"last": 4})
        assert [event["args"][0] for event in ack["events"]] == [
            *({"a": b"%d" % n, "b": b"x"} for n in (4, 5, 6)),
            7,
        ]
        assert ack["complete"]
        ack = await opened.ask("subscribe", "a", {"last": 8})
        assert ack["events"][0]["args"][0] == {"a": b"2", "b": b"x"}
        assert not ack["complete"]


async def test_a_page_recovers_without_what_its_answer_had(site: Site) -> None:
    """Its connection breaks off right after the answer: none of these events is replayed."""
    replica = await site.start()
    await site.publish(item(1, "a"))
    await has_read(replica, 1)
    async with page(replica.port) as first:
        await first.ask("subscribe", "a", {"last": 1})
        await site.publish(item(2, "a"))
        await has_read(replica, 2)
        ack = await first.ask("subscribe", "b", {"last": 1})
        assert ack["offset"] == first.offset
        ticket = first.ticket
    await site.publish(item(3, "b"), item(4, "a"))
    await has_read(replica, 4)
    async with page(replica.port, ticket) as back:
        assert back.is_back(ticket)
        assert back.missed == items(3, 4)
    assert replica.metric(RECOVERIES, outcome="recovered") == 1


async def test_nobody_joins_while_redis_is_away(site: Site) -> None:
    """The page tries again; a room without its past would look complete."""
    replica = await site.start()
    await site.publish(item(1, "a"))
    async with page(replica.port) as opened:
        assert (await opened.ask("subscribe", "b"))["ok"]
        site.redis.process.signal(signal.SIGSTOP)
        try:
            refused = await opened.ask("subscribe", "a", {"last": 5})
        finally:
            site.redis.process.signal(signal.SIGCONT)
        assert refused["error"]["code"] == "bus_unavailable"
        await until(replica.ready)
        await site.publish(item(2, "a"), item(3, "b"))
        assert await opened.event() == ["e", 3]
        assert numbers(await opened.ask("subscribe", "a", {"last": 5})) == [1, 2]


async def test_pages_join_at_any_moment_without_a_gap_or_a_duplicate(large_site: Site) -> None:
    """Two publishers, two replicas, and 40 pages that subscribe, leave and subscribe again meanwhile: what
    each page has of a publisher is every number from its first one on.
    """
    bounds = {"max_past_bytes_per_address": 0, "max_past_events": 10_000, "max_past_bytes": 1 << 20}
    replicas = await large_site.start_two(**bounds)
    generator = random.Random(20)
    published = {"x": 0, "y": 0}

    async def publish(name: str) -> None:
        for _ in range(60):
            numbers = range(published[name], published[name] + generator.randrange(1, 12))
            texts = [b'["%b",%d]' % (name.encode(), number) for number in numbers]
            await large_site.publish(*(Record("e", text, rooms=("a",)) for text in texts))
            published[name] = numbers.stop
            await asyncio.sleep(generator.random() / 50)

    async def follow(number: int, options: dict[str, Any]) -> list[list[Any]]:
        moment = generator.randrange(300)
        await soon(lambda: published["x"] >= moment or all(each.done() for each in publishing), 120)
        opened = await Page.open(
            replicas[number % 2].port, transport=("websocket", "polling")[number % 7 == 0]
        )
        got: list[list[Any]] = []
        try:
            ack = await opened.ask("subscribe", "a", options)
            assert opened.early() == [], "events before the answer"
            got += [event["args"] for event in ack["events"]]
            if number % 3 == 0:
                # It leaves for a while, as a page in the background does, and goes on where it was.
                await opened.ask("unsubscribe", "a")
                got += [event[1:] for event in opened.early()]
                since = opened.offset
                await asyncio.sleep(generator.random() / 5)
                ack = await opened.ask("subscribe", "a", {"since": since})
                assert ack["complete"]
                got += [event["args"] for event in ack["events"]]
            while ["end"] not in got:
                got.append((await opened.event())[1:])
        finally:
            await opened.leave()
        return got

    publishing = [asyncio.create_task(publish(name)) for name in published]
    choices = ({"last": 20}, {"last": 1}, {"last": 100}, {"since": "0-0"})
    following = [asyncio.create_task(follow(n, choices[n % len(choices)])) for n in range(40)]
    await asyncio.gather(*publishing)
    await large_site.publish(Record("e", b'["end"]', rooms=("a",)))
    for got in await asyncio.gather(*following):
        assert got.pop() == ["end"]
        for name, count in published.items():
            mine = [number for each, number in got if each == name]
            assert mine == list(range(count - len(mine), count))
    assert all(each.metric("queuecast_gateway_bus_gaps_total", reason="trimmed") == 0 for each in replicas)


async def test_who_may_not_join_may_not_read(site: Site) -> None:
    """The claims that name the rooms of a token name its past too."""
    replica = await site.start(auth="jwt", auth_secret=SECRET)
    await site.publish(item(1, "sku:7"), item(2, "order:1"))
    await has_read(replica, 2)
    async with page(replica.port, **token("ann", "sku:*")) as opened:
        assert (await opened.ask("subscribe", ["sku:7", "order:1"], {"last": 5}))["error"][
            "code"
        ] == "forbidden"
        assert numbers(await opened.ask("subscribe", "sku:7", {"last": 5})) == [1]


async def test_an_address_is_sent_so_many_bytes(site: Site) -> None:
    """Beyond it a page is told to slow down; it may still subscribe, and others are served."""
    replica = await site.start(max_past_bytes_per_address=100)
    await site.publish(*(Record("e", b'["%b"]' % (b"x" * 9_000), rooms=("a",)) for _ in range(2)))
    await has_read(replica, 2)
    async with page(replica.port) as opened:
        assert len((await opened.ask("subscribe", "a", {"last": 2}))["events"]) == 2
        refused = await opened.ask("subscribe", "b", {"last": 2})
        assert refused["error"]["code"] == "rate_limited"
        assert (await opened.ask("subscribe", "b"))["ok"]
    assert replica.metric("queuecast_gateway_acks_refused_total", code="rate_limited") == 1


async def test_pages_that_ask_at_the_same_time_are_sent_no_more(site: Site) -> None:
    """While all of them read, none has been sent anything. A thousand sessions were sent 256 MB at once."""
    replica = await site.start(max_past_bytes_per_address=100)
    await site.publish(*(Record("e", b'["%b"]' % (b"x" * 9_000), rooms=("a",)) for _ in range(2)))
    await has_read(replica, 2)
    pages = await asyncio.gather(*(Page.open(replica.port) for _ in range(20)))
    acks = await asyncio.gather(*(each.ask("subscribe", "a", {"last": 2}) for each in pages))
    assert [len(ack["events"]) for ack in acks if ack["ok"]] == [2]
    assert {ack["error"]["code"] for ack in acks if not ack["ok"]} == {"rate_limited"}
    for each, ack in zip(pages, acks, strict=True):
        assert await each.rooms("a") == ["a"] * ack["ok"]
        await each.leave()
