"""Pages that subscribe with `latest`: the newest event of each key, beyond the stream's window."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from queuecast_bus import BusManager, Record

from .gateway import Gateway
from .page import Page, page
from .services import Redis, bus_settings
from .site import Site, has_read, until

READS = "queuecast_gateway_past_reads_total"
SECONDS = 600


def price(key: str, number: int, room: str = "a", **details: Any) -> Record:
    return Record("price", b"[%d]" % number, rooms=(room,), key=key, **details)


def shown(ack: dict[str, Any]) -> dict[str, int]:
    """Return the number of each key, oldest first."""
    assert ack["ok"], ack
    return {event["key"]: event["args"][0] for event in ack["events"]}


class KeepingSite(Site):
    """A site whose publisher and gateways keep the newest event of each key."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        settings = bus_settings(redis.url, channel=self.channel, keep_latest_seconds=SECONDS)
        self._plain, self._bus = self._bus, BusManager(settings, write_only=True)

    async def start(self, **settings: Any) -> Gateway:
        return await super().start(**{"keep_latest_seconds": SECONDS, **settings})

    async def close(self) -> None:
        await self._plain.aclose()
        await super().close()


@pytest.fixture
async def keeping(forgetful_redis: Redis) -> AsyncIterator[KeepingSite]:
    made = KeepingSite(forgetful_redis)
    yield made
    await made.close()


async def test_a_page_opens_with_the_present(keeping: KeepingSite) -> None:
    """The newest of each key, in the order in which they were stored, and then every later event."""
    replica = await keeping.start()
    await keeping.publish(price("x", 1), price("y", 2), price("x", 3), Record("e", b"[0]", rooms=("a",)))
    async with page(replica.port) as opened:
        ack = await opened.ask("subscribe", "a", {"latest": True})
        assert list(shown(ack).items()) == [("y", 2), ("x", 3)]
        assert ack["complete"]
        await keeping.publish(price("y", 4))
        assert await opened.event() == ["price", 4]
    async with page(replica.port) as late:
        assert list(shown(await late.ask("subscribe", "a", {"latest": True})).items()) == [("x", 3), ("y", 4)]
    assert replica.metric(READS, call="latest") == 1


async def test_an_opening_storm_reads_a_room_once(keeping: KeepingSite) -> None:
    """All pages open together after a deployment or a mail."""
    replica = await keeping.start(max_past_bytes_per_address=0)
    await keeping.publish(*(price(f"{number % 5}", number) for number in range(30)))
    pages = await asyncio.gather(*(Page.open(replica.port) for _ in range(100)))
    acks = await asyncio.gather(*(each.ask("subscribe", "a", {"latest": True}) for each in pages))
    assert all(list(shown(ack).values()) == list(range(25, 30)) for ack in acks)
    assert replica.metric(READS, call="latest") == 1
    for each in pages:
        await each.leave()


async def test_it_is_there_when_the_stream_has_gone(keeping: KeepingSite) -> None:
    """A stock level of this morning is still the stock level."""
    replica = await keeping.start()
    await keeping.publish(price("x", 1), price("x", 2, "b"))
    keeping.redis.client.xtrim(keeping.keys.stream, maxlen=0, approximate=False)
    late = await keeping.start()
    for each in (replica, late):
        async with page(each.port) as opened:
            ack = await opened.ask("subscribe", ["a", "b", "c"], {"latest": True})
            assert [event["args"] for event in ack["events"]] == [[1], [2]]
            assert ack["complete"]
    ttl = keeping.redis.client.pttl(keeping.keys.latest("/", "a"))
    assert 0 < ttl <= SECONDS * 1_000


async def test_what_came_while_nobody_was_in_the_room_is_there(keeping: KeepingSite) -> None:
    """The gateway keeps no texts for nobody: it reads the room again, as often as pages need it."""
    replica = await keeping.start()
    for number in range(3):
        await keeping.publish(price("x", number))
        async with page(replica.port) as opened:
            assert shown(await opened.ask("subscribe", "a", {"latest": True})) == {"x": number}
    assert replica.metric(READS, call="latest") == 3


async def test_a_message_that_comes_back_changes_nothing(keeping: KeepingSite) -> None:
    """It is a duplicate: what it said is older than what was said since."""
    replica = await keeping.start()
    for record, dedup_id in ((price("x", 1), "one"), (price("x", 2), "two"), (price("x", 1), "one")):
        await keeping._bus.publish([(record, dedup_id)])
    async with page(replica.port) as opened:
        assert shown(await opened.ask("subscribe", "a", {"latest": True})) == {"x": 2}


async def test_of_too_many_keys_the_newest_are_kept_and_given(keeping: KeepingSite) -> None:
    """Redis's memory is bounded, and so is an answer, which says so."""
    replica = await keeping.start(max_past_events=5)
    for start in range(0, 1_300, 100):
        await keeping.publish(*(price(f"k{number}", number) for number in range(start, start + 100)))
        await has_read(replica, start + 100)
    assert keeping.redis.client.hlen(keeping.keys.latest("/", "a")) <= 1_125
    async with page(replica.port) as opened:
        ack = await opened.ask("subscribe", "a", {"latest": True})
        assert shown(ack) == {f"k{number}": number for number in range(1_295, 1_300)}
        assert not ack["complete"]
        await keeping.publish(price("new", 1))
        await opened.event()
        ack = await opened.ask("subscribe", "a", {"latest": True})
        assert list(shown(ack)) == ["k1296", "k1297", "k1298", "k1299", "new"]


async def test_an_event_that_is_too_large_replaces_what_was_kept(keeping: KeepingSite) -> None:
    """An old value would pass for the present."""
    replica = await keeping.start()
    large = Record("price", b'["%b"]' % (b"x" * 20_000), rooms=("a",), key="x")
    await keeping.publish(price("x", 1), price("y", 2), large)
    async with page(replica.port) as opened:
        assert shown(await opened.ask("subscribe", "a", {"latest": True})) == {"y": 2}


async def test_a_gateway_that_keeps_none_says_so(keeping: KeepingSite) -> None:
    """Off by default: an empty present would be a lie."""
    replica = await keeping.start(keep_latest_seconds=0)
    async with page(replica.port) as opened:
        ack = await opened.ask("subscribe", "a", {"latest": True})
        assert ack["error"]["code"] == "bad_options"
        assert "keeps no latest" in ack["error"]["message"]


async def test_pages_that_open_meanwhile_show_the_same_in_the_end(keeping: KeepingSite) -> None:
    """Two replicas, and keys that change all the time: whoever applies the answer and then each event has the
    newest of each key; and no number goes back.
    """
    replicas = await keeping.start_two(max_past_bytes_per_address=0)
    generator = random.Random(7)
    truth: dict[str, int] = {}
    subscribed: list[int] = []

    async def publish() -> None:
        for number in range(400):
            key = f"k{generator.randrange(20)}"
            text = b'["%b",%d]' % (key.encode(), number)
            await keeping.publish(Record("price", text, rooms=("a",), key=key))
            truth[key] = number
            await asyncio.sleep(0)

    async def follow(place: int) -> dict[str, int]:
        await asyncio.sleep(generator.random())
        opened = await Page.open(replicas[place % 2].port)
        state: dict[str, int] = {}
        try:
            ack = await opened.ask("subscribe", "a", {"latest": True})
            assert opened.early() == []
            assert ack["complete"]
            subscribed.append(place)
            for event in ack["events"]:
                key, number = event["args"]
                state[key] = number
            last = max(state.values(), default=-1)
            while (event := await opened.event())[0] == "price":
                _, key, number = event
                assert number > last, "an event of the answer came again, or out of order"
                last = state[key] = number
        finally:
            await opened.leave()
        return state

    following = [asyncio.create_task(follow(place)) for place in range(30)]
    await publish()
    # The last pages open on a calm bus. Whoever subscribed after the end would wait for it for ever.
    await until(lambda: len(subscribed) == 30 or any(task.done() for task in following))
    await keeping.publish(Record("end", b"[]", rooms=("a",)))
    for state in await asyncio.gather(*following):
        assert state == truth
