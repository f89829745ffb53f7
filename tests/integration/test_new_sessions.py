"""Browsers that do not get their session back: told so, with a new one, and counted by why."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from queuecast_bus import Record
from queuecast_bus.record import offset_ms
from queuecast_local.redis_server import RedisServer

from .conftest import Redis
from .page import Page, Ticket, page
from .site import CONNECTIONS, RECOVERIES, Site, item, items, until
from .test_gateway import Gateway

OUTCOMES = ("recovered", "unknown", "expired", "trimmed", "lost", "too_much", "malformed")
MAX_EVENTS, MAX_BYTES = 50, 5_000


@pytest.fixture(scope="module")
def redis(any_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """One Redis for all of these: they leave it alive."""
    started = Redis(any_redis, tmp_path_factory.mktemp("redis"))
    yield started
    started.close()


@pytest.fixture
async def site(redis: Redis) -> AsyncIterator[Site]:
    made = Site(redis)
    yield made
    await made.close()


async def start(site: Site, **settings: Any) -> Gateway:
    bounds = {"max_replay_events": MAX_EVENTS, "max_replay_bytes": MAX_BYTES}
    return await site.start(**{"namespaces": "/,/shop", **bounds, **settings})


async def away(replica: Gateway, **options: Any) -> Ticket:
    """Return the ticket of a session whose connection has ended."""
    before = replica.metric(CONNECTIONS)
    first = await Page.open(replica.port, **options)
    await first.leave()
    await until(lambda: replica.metric(CONNECTIONS) == before)
    return first.ticket


async def assert_new(site: Site, replica: Gateway, ticket: Ticket, *outcomes: str, **options: Any) -> None:
    """It is told that it begins anew, gets nothing of before, and all that is new; its old id is void.

    It is counted once, as one of `outcomes`.
    """
    before = {each: replica.metric(RECOVERIES, outcome=each) for each in OUTCOMES}
    async with page(replica.port, ticket, **options) as anew:
        assert not anew.is_back(ticket)
        assert anew.missed == []
        namespace = options.get("namespace", "/")
        await site.publish(item(-1, namespace=namespace))
        assert await anew.event() == ["e", -1]
    after = {each: replica.metric(RECOVERIES, outcome=each) for each in OUTCOMES}
    more = {each: count - before[each] for each, count in after.items() if count != before[each]}
    assert more in [{outcome: 1} for outcome in outcomes]


@pytest.mark.parametrize("pid", ["guessed", "", "x" * 5_000, "*", "\x00", "é{}", "\ud800"])
async def test_a_private_id_that_nobody_has(site: Site, pid: str) -> None:
    """Whatever it is: a guess opens nothing, and is no key of ours."""
    replica = await start(site)
    ticket = await away(replica)
    await assert_new(site, replica, ticket._replace(pid=pid), "unknown")


async def test_a_session_of_another_namespace(site: Site) -> None:
    """It stays what it is there, and goes on."""
    replica = await start(site)
    ticket = await away(replica)
    async with page(replica.port, ticket, namespace="/shop") as anew:
        assert not anew.is_back(ticket)
    assert replica.metric(RECOVERIES, outcome="unknown") == 1
    async with page(replica.port, ticket) as back:
        assert back.is_back(ticket)


async def test_a_session_that_lives_is_not_harmed_from_another_namespace(site: Site) -> None:
    """The replica that has it still says what becomes of it: its rooms are there when it comes back."""
    one, two = await asyncio.gather(start(site), start(site))
    living = await Page.open(one.port)
    async with page(two.port, living.ticket, namespace="/shop") as anew:
        assert not anew.is_back(living.ticket)
    assert (await living.ask("subscribe", "a"))["ok"]
    await living.leave()
    await until(lambda: one.metric(CONNECTIONS) == 0)
    await site.publish(item(1, "a"))
    async with page(two.port, living.ticket) as back:
        assert back.is_back(living.ticket)
        assert back.missed == items(1)


@pytest.mark.parametrize(
    "offset", ["", "$", "+", "1", "1-", "-1-0", "1-0 2-0", "NaN", "9" * 40, "(1-0", "٣-0"]
)
async def test_an_offset_that_is_none(site: Site, offset: str) -> None:
    """It must reach no command to Redis, nor end the connection."""
    replica = await start(site)
    ticket = await away(replica)
    await assert_new(site, replica, ticket._replace(offset=offset), "malformed")


async def test_an_offset_that_is_no_text(site: Site) -> None:
    """A page that has put its own `offset` into `auth`."""
    replica = await start(site)
    ticket = await away(replica)
    await assert_new(site, replica, ticket, "malformed", offset=["1-0"])


async def test_an_offset_of_the_future(site: Site) -> None:
    """What this client was given, Redis does not have."""
    replica = await start(site)
    ticket = await away(replica)
    ahead = offset_ms(await site.publish(item(1))) + 1_000_000
    await assert_new(site, replica, ticket._replace(offset=f"{ahead}-0"), "lost")


async def test_a_session_that_has_left_for_good(site: Site) -> None:
    """By `socket.disconnect()`, or by breaking the protocol."""
    replica = await start(site)
    for last_words in ("41", "49"):
        async with page(replica.port) as first:
            await first.send(last_words)
            # A second session tells that the first packet was worked on.
            if last_words == "41":
                await first.send("40/shop,")
                assert (await first.connection.receive())[:8] in ("40/shop,", '42["queu')
            else:
                await until(lambda: replica.metric(CONNECTIONS) == 0)
        await until(lambda: replica.metric(CONNECTIONS) == 0)
        await assert_new(site, replica, first.ticket, "unknown")


async def test_an_engine_io_close_is_no_farewell(site: Site) -> None:
    """A page that is put to sleep closes its connection, not its session."""
    replica = await start(site)
    async with page(replica.port) as first:
        await first.send("1")
        await until(lambda: replica.metric(CONNECTIONS) == 0)
    await site.publish(item(1))
    async with page(replica.port, first.ticket) as back:
        assert back.is_back(first.ticket)
        assert back.missed == items(1)


async def test_a_ticket_is_good_once(site: Site) -> None:
    """Who did not get the session back with it does not get it with another offset."""
    replica = await start(site)
    ticket = await away(replica)
    await assert_new(site, replica, ticket._replace(offset="nonsense"), "malformed")
    await until(lambda: site.keys.session(ticket.pid).encode() not in site.sessions())
    await assert_new(site, replica, ticket, "unknown")


@pytest.mark.parametrize("from_redis", [False, True], ids=["from memory", "from Redis"])
async def test_too_many_events(site: Site, from_redis: bool) -> None:
    """One too many is none; as many as may be are all."""
    replica = await start(site)
    just, over = await away(replica), await away(replica)
    if from_redis:
        await site.publish(*(item(number) for number in range(MAX_EVENTS)))
        replica = await start(site)
    else:
        await site.publish(*(item(number) for number in range(MAX_EVENTS)))
    async with page(replica.port, just) as back:
        assert back.is_back(just)
        assert back.missed == items(*range(MAX_EVENTS))
    await site.publish(item(MAX_EVENTS))
    await assert_new(site, replica, over, "too_much")


async def test_too_many_bytes(site: Site) -> None:
    """Two events may be more than a browser may be behind."""
    replica = await start(site)
    just, over = await away(replica), await away(replica)
    big = Record("e", b'["' + b"x" * (MAX_BYTES // 2 - 100) + b'"]')
    await site.publish(big, big)
    async with page(replica.port, just) as back:
        assert back.is_back(just)
        assert len(back.missed) == 2
    await site.publish(big)
    await assert_new(site, replica, over, "too_much")


async def test_records_that_the_stream_has_dropped(site: Site) -> None:
    """A replica that has not read them cannot replay them, and says so."""
    old = await start(site, max_replay_events=10_000)
    ticket = await away(old)
    for _ in range(20):
        await site.publish(*(item(0, "somebody's") for _ in range(100)))
    replica = await start(site)
    await assert_new(site, replica, ticket, "trimmed")


async def test_a_session_that_was_away_for_too_long(site: Site) -> None:
    """By the clock of Redis, which goes on with every record: services send themselves some."""
    replica = await start(site, recovery_seconds=2, ping_interval_seconds=1, ping_timeout_seconds=1)
    ticket = await away(replica)
    offset = ticket.offset or await site.publish(item(0))
    client = site.redis.client
    await until(lambda: offset_ms(client.get(site.keys.tail).decode()) - offset_ms(offset) > 4_000)
    # On a busy machine Redis has forgotten it meanwhile.
    await assert_new(site, replica, ticket._replace(offset=offset), "expired", "unknown")


async def test_sessions_do_not_stay_for_ever(site: Site) -> None:
    """Redis forgets them by itself; those of who is connected live on."""
    replica = await start(site, recovery_seconds=1, ping_interval_seconds=0.2, ping_timeout_seconds=0.3)
    async with page(replica.port) as there:
        await away(replica)
        await until(lambda: len(site.sessions()) == 2)

        async def alone() -> None:
            while len(site.sessions()) > 1:
                await there.told()

        await asyncio.wait_for(alone(), 60)
        assert site.sessions() == [site.keys.session(there.ticket.pid).encode()]
        for _ in range(20):
            await there.told()
        assert len(site.sessions()) == 1, "it is said again with each ping"


async def test_a_private_id_is_unguessable_and_known_to_its_browser_alone(site: Site) -> None:
    """Whoever has it is the session: 120 random bits, in no log."""
    replica = await start(site, log_level="debug")
    ticket = await away(replica)
    async with page(replica.port, ticket) as back:
        assert back.is_back(ticket)
    assert re.fullmatch(r"[\w-]{20}", ticket.pid)
    assert ticket.pid not in replica.log()


async def test_off_there_is_no_trace_of_it(site: Site) -> None:
    """`QUEUECAST_RECOVERY_SECONDS=0`: the protocol as it was, and nothing in Redis."""
    replica = await start(site, recovery_seconds=0, ping_interval_seconds=0.2, ping_timeout_seconds=5)
    async with page(replica.port, Ticket("sid", "pid", "1-0")) as first:
        assert list(first.answer) == ["sid"]
        assert (await first.ask("subscribe", "a"))["ok"]
        await site.publish(item(1), Record("e", b'["2"]'))
        assert await first.events(2) == [["e", 1], ["e", "2"]]
        for _ in range(3):
            opcode, payload = await first.connection.next_frame()  # type: ignore[union-attr]
            assert (opcode, payload) == (1, b"2"), "a ping, and nothing beside it"
            await first.send("3")
        assert site.sessions() == []


async def test_who_does_not_want_it_has_no_trace_of_it(site: Site) -> None:
    """`auth: {recovery: false}`, for clients that would take the offset for an argument."""
    replica = await start(site, ping_interval_seconds=0.2, ping_timeout_seconds=5)
    async with page(replica.port, recovery=False) as first:
        assert list(first.answer) == ["sid"]
        await site.publish(item(1), Record("e", b'["2"]'))
        assert await first.events(2) == [["e", 1], ["e", "2"]]
        for _ in range(3):
            assert (await first.connection.next_frame())[1] == b"2"  # type: ignore[union-attr]
            await first.send("3")
        assert site.sessions() == []


async def test_an_entry_of_somebody_else_is_no_obstacle(site: Site) -> None:
    """What is no record was given to nobody; what is around it is replayed, also from Redis."""
    replica = await start(site)
    ticket = await away(replica)
    for number in (1, 2):
        site.redis.client.xadd(site.keys.stream, {"not": "a record"})
        await site.publish(item(number))
    site.redis.client.xadd(site.keys.stream, {"p": "garbage", "a": "garbage"})
    fresh = await start(site)
    async with page(fresh.port, ticket) as back:
        assert back.is_back(ticket)
        assert back.missed == items(1, 2)
