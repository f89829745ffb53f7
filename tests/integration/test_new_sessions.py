"""Browsers that cannot recover their session get a new one, are told so, and are counted by reason."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from queuecast_bus import Record
from queuecast_bus.record import offset_ms
from queuecast_local.redis_server import RedisServer

from .gateway import Gateway
from .page import Page, Ticket, page
from .services import Redis
from .site import CONNECTIONS, RECOVERIES, Site, item, items, until

OUTCOMES = ("recovered", "unknown", "expired", "trimmed", "lost", "too_much", "malformed")
MAX_EVENTS, MAX_BYTES = 50, 5_000


@pytest.fixture(scope="module")
def redis(any_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """One Redis for all of these tests, which leave it alive."""
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
    """Assert that the ticket begins a new session, which misses nothing from then on and replays nothing.

    The recovery is counted once, as one of `outcomes`.
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
    """No guess opens a session or is used as another Redis key."""
    replica = await start(site)
    ticket = await away(replica)
    await assert_new(site, replica, ticket._replace(pid=pid), "unknown")


async def test_a_session_of_another_namespace(site: Site) -> None:
    """In its own namespace the session can still be recovered."""
    replica = await start(site)
    ticket = await away(replica)
    async with page(replica.port, ticket, namespace="/shop") as anew:
        assert not anew.is_back(ticket)
    assert replica.metric(RECOVERIES, outcome="unknown") == 1
    async with page(replica.port, ticket) as back:
        assert back.is_back(ticket)


async def test_a_session_that_lives_is_not_harmed_from_another_namespace(site: Site) -> None:
    """Its replica stays the owner and keeps its state up to date: its rooms are there when it comes back."""
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
        assert await back.caught_up(1) == items(1)


@pytest.mark.parametrize(
    "offset", ["", "$", "+", "1", "1-", "-1-0", "1-0 2-0", "NaN", "9" * 40, "(1-0", "٣-0"]
)
async def test_an_invalid_offset(site: Site, offset: str) -> None:
    """An invalid offset must neither reach a Redis command nor end the connection."""
    replica = await start(site)
    ticket = await away(replica)
    await assert_new(site, replica, ticket._replace(offset=offset), "malformed")


async def test_an_offset_of_another_type(site: Site) -> None:
    """A page may have put an `offset` of its own into `auth`."""
    replica = await start(site)
    ticket = await away(replica)
    await assert_new(site, replica, ticket, "malformed", offset=["1-0"])


async def test_an_offset_of_the_future(site: Site) -> None:
    """The client got records that Redis does not have any more."""
    replica = await start(site)
    ticket = await away(replica)
    ahead = offset_ms(await site.publish(item(1))) + 1_000_000
    await assert_new(site, replica, ticket._replace(offset=f"{ahead}-0"), "lost")


async def test_a_session_that_has_left_for_good(site: Site) -> None:
    """It left by `socket.disconnect()` or broke the protocol."""
    replica = await start(site)
    for last_words in ("41", "49"):
        async with page(replica.port) as first:
            await first.send(last_words)
            # The answer for a second namespace proves that the first packet was processed.
            if last_words == "41":
                await first.send("40/shop,")
                assert (await first.connection.receive())[:8] in ("40/shop,", '42["queu')
            else:
                await until(lambda: replica.metric(CONNECTIONS) == 0)
        await until(lambda: replica.metric(CONNECTIONS) == 0)
        await assert_new(site, replica, first.ticket, "unknown")


async def test_an_engine_io_close_is_no_farewell(site: Site) -> None:
    """A page that goes to sleep closes its connection, not its session."""
    replica = await start(site)
    async with page(replica.port) as first:
        await first.send("1")
        await until(lambda: replica.metric(CONNECTIONS) == 0)
    await site.publish(item(1))
    async with page(replica.port, first.ticket) as back:
        assert back.is_back(first.ticket)
        assert await back.caught_up(1) == items(1)


async def test_a_ticket_is_good_once(site: Site) -> None:
    """If a ticket failed to recover a session, it fails with another offset as well."""
    replica = await start(site)
    ticket = await away(replica)
    await assert_new(site, replica, ticket._replace(offset="nonsense"), "malformed")
    await until(lambda: site.keys.session(ticket.pid).encode() not in site.sessions())
    await assert_new(site, replica, ticket, "unknown")


@pytest.mark.parametrize("from_redis", [False, True], ids=["from memory", "from Redis"])
async def test_too_many_events(site: Site, from_redis: bool) -> None:
    """At the limit all are replayed; with one more, none is."""
    replica = await start(site)
    just, over = await away(replica), await away(replica)
    if from_redis:
        await site.publish(*(item(number) for number in range(MAX_EVENTS)))
        replica = await start(site)
    else:
        await site.publish(*(item(number) for number in range(MAX_EVENTS)))
    async with page(replica.port, just) as back:
        assert back.is_back(just)
        assert await back.caught_up(MAX_EVENTS) == items(*range(MAX_EVENTS))
    await site.publish(item(MAX_EVENTS))
    await assert_new(site, replica, over, "too_much")


async def test_too_many_bytes(site: Site) -> None:
    """A few large events may be more than a browser may be behind."""
    replica = await start(site)
    just, over = await away(replica), await away(replica)
    big = Record("e", b'["' + b"x" * (MAX_BYTES // 2 - 100) + b'"]')
    await site.publish(big, big)
    async with page(replica.port, just) as back:
        assert back.is_back(just)
        assert len(await back.caught_up(2)) == 2
    await site.publish(big)
    await assert_new(site, replica, over, "too_much")


async def test_records_that_the_stream_has_dropped(site: Site) -> None:
    """A replica that has not read them cannot replay them, and tells the browser."""
    old = await start(site, max_replay_events=10_000)
    ticket = await away(old)
    for _ in range(20):
        await site.publish(*(item(0, "somebody's") for _ in range(100)))
    replica = await start(site)
    await assert_new(site, replica, ticket, "trimmed")


async def test_a_session_that_was_away_for_too_long(site: Site) -> None:
    """Redis's clock decides; it moves with every record, and services publish some themselves."""
    replica = await start(site, recovery_seconds=2, ping_interval_seconds=1, ping_timeout_seconds=1)
    ticket = await away(replica)
    offset = ticket.offset or await site.publish(item(0))
    client = site.redis.client
    await until(lambda: offset_ms(client.get(site.keys.tail).decode()) - offset_ms(offset) > 4_000)
    # On a busy machine Redis may have forgotten it meanwhile.
    await assert_new(site, replica, ticket._replace(offset=offset), "expired", "unknown")


async def test_sessions_do_not_stay_for_ever(site: Site) -> None:
    """Redis expires them by itself, but not those of connected browsers."""
    replica = await start(site, recovery_seconds=1, ping_interval_seconds=0.2, ping_timeout_seconds=4)
    async with page(replica.port) as there:
        async with page(replica.port):
            await until(lambda: len(site.sessions()) == 2)

        async def alone() -> None:
            while len(site.sessions()) > 1:
                await there.told()

        def ends() -> float:
            left: int = site.redis.client.pttl(site.keys.session(there.ticket.pid))
            assert left > 0
            return time.monotonic() + left / 1000

        await asyncio.wait_for(alone(), 60)
        assert site.sessions() == [site.keys.session(there.ticket.pid).encode()]
        first = ends()
        while ends() < first + 1:
            await there.told()  # each ping keeps the session alive


async def test_a_private_id_is_unguessable_and_known_to_its_browser_alone(site: Site) -> None:
    """Whoever has the private id owns the session: it has 120 random bits and is in no log."""
    replica = await start(site, log_level="debug")
    ticket = await away(replica)
    async with page(replica.port, ticket) as back:
        assert back.is_back(ticket)
    assert re.fullmatch(r"[\w-]{20}", ticket.pid)
    assert ticket.pid not in replica.log()


async def test_switched_off_recovery_leaves_no_trace(site: Site) -> None:
    """With `QUEUECAST_RECOVERY_SECONDS=0` the protocol is the stock one, and Redis has no sessions."""
    replica = await start(site, recovery_seconds=0, ping_interval_seconds=0.2, ping_timeout_seconds=5)
    async with page(replica.port, Ticket("sid", "pid", "1-0")) as first:
        assert list(first.answer) == ["sid"]
        assert (await first.ask("subscribe", "a"))["ok"]
        await site.publish(item(1), Record("e", b'["2"]'))
        assert await first.events(2) == [["e", 1], ["e", "2"]]
        for _ in range(3):
            opcode, payload = await first.connection.next_frame()  # type: ignore[union-attr]
            assert (opcode, payload) == (1, b"2"), "a ping and nothing else"
            await first.send("3")
        assert site.sessions() == []


async def test_a_client_that_opts_out_sees_no_trace_of_recovery(site: Site) -> None:
    """`auth: {recovery: false}` is for clients that would take the offset for an argument."""
    replica = await start(site, ping_interval_seconds=0.2, ping_timeout_seconds=5)
    async with page(replica.port, recovery=False) as first:
        assert list(first.answer) == ["sid"]
        await site.publish(item(1), Record("e", b'["2"]'))
        assert await first.events(2) == [["e", 1], ["e", "2"]]
        for _ in range(3):
            assert (await first.connection.next_frame())[1] == b"2"  # type: ignore[union-attr]
            await first.send("3")
        assert site.sessions() == []


async def test_a_foreign_entry_does_not_prevent_recovery(site: Site) -> None:
    """Nobody got the foreign entry; the records around it are replayed, even from Redis."""
    replica = await start(site)
    ticket = await away(replica)
    for number in (1, 2):
        site.redis.client.xadd(site.keys.stream, {"not": "a record"})
        await site.publish(item(number))
    site.redis.client.xadd(site.keys.stream, {"p": "garbage", "a": "garbage"})
    fresh = await start(site)
    async with page(fresh.port, ticket) as back:
        assert back.is_back(ticket)
        assert await back.caught_up(2) == items(1, 2)
