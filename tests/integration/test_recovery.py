"""Browsers return to any replica and get exactly what they missed: real Redis, real kills, raw clients."""

import asyncio
import contextlib
import itertools
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.claims import WITHIN_SECONDS

from queuecast_bus import Record

from .counts import Counts
from .gateway import Gateway
from .page import Page, Ticket, came_back, page
from .services import Redis
from .site import BROKEN_OFF, CONNECTIONS, RECORDS_READ, RECOVERIES, Site, has_read, item, items, until
from .wire import WebSocket

BOTH = pytest.mark.parametrize("transport", ["websocket", "polling"])


async def connections(*replicas: Gateway) -> None:
    """Wait until these replicas have one connection in all."""
    await until(lambda: sum(replica.metric(CONNECTIONS) for replica in replicas) == 1)


@BOTH
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
@pytest.mark.parametrize("namespace", ["/", "/shop"])
async def test_what_a_killed_replicas_browser_misses_it_gets_from_another(
    site: Site, transport: str, end: signal.Signals, namespace: str
) -> None:
    """It keeps its rooms and gets each event once, in order, before anything newer."""
    one, two = await site.start_two(namespaces="/,/shop", drain_seconds=0)
    first = await Page.open(one.port, namespace=namespace, transport=transport)
    assert await first.ask("subscribe", ["a", "b"]) == {"ok": True, "rooms": ["a", "b"]}
    await site.publish(item(1, "a", namespace=namespace))
    assert await first.event() == ["e", 1]
    one.process.signal(end)
    await asyncio.to_thread(one.process.wait, 60)
    await site.publish(
        item(2, namespace=namespace),
        item(3, "b", "a", namespace=namespace),
        item(4, "c", namespace=namespace),
        item(5, namespace="/" if namespace == "/shop" else "/shop"),
        item(6, first.sid, namespace=namespace),
        Record("e", b"[7]", namespace, skip_sids=(first.sid,)),
    )
    await has_read(two, 7)  # what it reads later is not replayed
    async with page(two.port, first.ticket, namespace=namespace, transport=transport) as second:
        assert second.is_back(first.ticket)
        assert await second.caught_up(3) == items(2, 3, 6)
        await site.publish(item(8, "b", namespace=namespace), item(9, "c", namespace=namespace))
        await site.publish(item(10, namespace=namespace))
        assert await second.events(2) == items(8, 10)
        assert (await second.ask("subscribe", ["a", "b", "c"]))["rooms"] == ["c"]
    assert two.metric(RECOVERIES, outcome="recovered") == 1
    assert two.metric(BROKEN_OFF) == (end is signal.SIGKILL)
    assert two.metric("queuecast_gateway_events_replayed_total") == 3
    with contextlib.suppress(OSError):
        await first.leave()


@BOTH
async def test_attachments_are_missed_and_got_like_text(site: Site, transport: str) -> None:
    """Binary events carry their offset after their placeholders."""
    one = await site.start()
    first = await Page.open(one.port, transport=transport)
    await first.leave()
    text = b'[{"png":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1}]'
    await site.publish(item(1), Record("image", text, attachments=(b"\x00\xff", b"")), item(2))
    async with page(one.port, first.ticket, transport=transport) as second:
        assert await second.caught_up(3) == [["e", 1], ["image", {"png": b"\x00\xff"}, b""], ["e", 2]]
        await site.publish(Record("image", text, attachments=(b"\x01", b"\x02")))
        assert await second.event() == ["image", {"png": b"\x01"}, b"\x02"]


async def test_a_session_that_has_seen_nothing_comes_back(site: Site) -> None:
    """If the connection breaks right after CONNECT, the client has a private id but no offset."""
    one, two = await site.start_two()
    await site.publish(item(1))
    await until(lambda: one.metric(RECORDS_READ) == 1)
    first = await Page.open(one.port)
    await site.saved(first.ticket.pid)
    await first.leave()
    await site.publish(item(2))
    ticket = first.ticket._replace(offset=None)
    async with page(two.port, ticket) as second:
        assert second.is_back(ticket)
        assert await second.caught_up(1) == items(2), "nothing from before it began"


async def test_a_ping_tells_the_offset(site: Site) -> None:
    """A browser can recover after hours of silence as well as after an event."""
    one = await site.start(ping_interval_seconds=0.3, ping_timeout_seconds=10)
    async with page(one.port) as first:
        at_first = await first.told()
        latest = await site.publish(Record("e", b"[]", "/elsewhere"))
        while await first.told() < latest:
            pass
        assert at_first < latest


@pytest.mark.parametrize("event", ["subscribe", "unsubscribe"])
async def test_rooms_that_were_acknowledged_survive_a_kill(site: Site, event: str) -> None:
    """They are in Redis before the browser gets the acknowledgement."""
    one, two = await site.start_two()
    first = await Page.open(one.port)
    await first.ask("subscribe", "a")
    await first.ask(event, "b" if event == "subscribe" else "a")
    one.process.signal(signal.SIGKILL)
    await site.publish(item(1, "a"), item(2, "b"), item(3))
    async with page(two.port, first.ticket) as second:
        assert second.is_back(first.ticket)
        expected = items(1, 2, 3) if event == "subscribe" else items(3)
        assert await second.caught_up(len(expected)) == expected
        assert await second.rooms("a", "b") == (["a", "b"] if event == "subscribe" else [])
    await first.leave()


async def test_a_half_open_connection_is_closed_before_the_session_goes_on(site: Site) -> None:
    """The browser has changed networks; its old connection would stay in its rooms for 45 seconds."""
    one, two = await site.start_two()
    old = await Page.open(one.port)
    await old.ask("subscribe", "a")
    async with page(two.port, old.ticket) as new:
        assert new.is_back(old.ticket)
        assert one.metric(CONNECTIONS) == 0
        await site.publish(item(1, "a"))
        assert await new.event() == ["e", 1]
        await until(lambda: one.metric(RECORDS_READ, outcome="nobody_here") >= 1)
        assert one.metric(RECORDS_READ, outcome="delivered") == 0
    await old.leave()


@pytest.mark.parametrize("replicas", [1, 2])
async def test_of_a_session_that_is_opened_twice_at_once_one_lives(site: Site, replicas: int) -> None:
    """A browser retried too soon, so two connections claim the session; events must not double."""
    found = [await site.start() for _ in range(replicas)]
    ticket = await _away(found[0], "a")
    for number in range(10):
        opened = await asyncio.gather(
            *(Page.open(replica.port, ticket) for replica, _ in zip(itertools.cycle(found), range(2))),
            return_exceptions=True,
        )
        await connections(*found)
        pages = [each for each in opened if isinstance(each, Page)]
        assert all(each.is_back(ticket) for each in pages)
        before = _delivered(found)
        ticket = ticket._replace(offset=await site.publish(item(number, "a")))
        await until(lambda before=before: _delivered(found) == before + 1)
        for each in pages:
            await each.leave()
        await until(lambda: sum(replica.metric(CONNECTIONS) for replica in found) == 0)


def _delivered(replicas: list[Gateway]) -> float:
    """Return the number of delivered events; a session that is in a room twice shows here."""
    return sum(replica.metric("queuecast_gateway_events_delivered_total") for replica in replicas)


async def test_a_replica_that_stands_still_holds_up_nobody(site: Site) -> None:
    """Its browsers have moved on when it resumes, and its late updates about them have no effect."""
    one, two = await site.start_two()
    old = await Page.open(one.port)
    await old.ask("subscribe", "a")
    one.process.signal(signal.SIGSTOP)
    await site.publish(item(1), item(2, "a"))
    new = await Page.open(two.port, old.ticket)
    assert new.is_back(old.ticket)
    assert await new.caught_up(2) == items(1, 2)
    await new.ask("subscribe", "b")
    one.process.signal(signal.SIGCONT)
    await until(lambda: one.ready() and one.metric(CONNECTIONS) == 0)
    await site.publish(item(3, "b"))
    assert await new.event() == ["e", 3]
    await new.leave()
    await old.leave()
    await until(lambda: two.metric(CONNECTIONS) == 0)
    async with page(one.port, new.ticket) as again:
        assert again.is_back(old.ticket)
        assert again.missed == []
        assert await again.rooms("a", "b", "c") == ["a", "b"]


@pytest.fixture
async def roomy_site(forgetful_redis: Redis) -> AsyncIterator[Site]:
    """A site whose stream keeps all that a test publishes, however slow the machine is."""
    made = Site(forgetful_redis, stream_max_records=1_000_000)
    yield made
    await made.close()


async def test_moving_between_replicas_under_load_loses_and_doubles_nothing(roomy_site: Site) -> None:
    """1,000 records a second. One replica has the missed records; the other started later and asks Redis."""
    site = roomy_site
    more = {"max_replay_events": 10_000, "namespaces": "/,/shop"}
    one = await site.start(**more)
    here = await Page.open(one.port)
    enough = asyncio.Event()
    publishing = asyncio.create_task(_stream(site, enough))
    course = Course()
    course.got += await here.events(200)
    await here.leave()
    two = await site.start(**more)
    for replica in itertools.islice(itertools.cycle((two, one)), 12):
        here = await course.move(replica, here.ticket)
        course.got += await here.events(100)
        await here.leave()
    here = await course.move(two, here.ticket)
    enough.set()
    count = await publishing
    last = await site.publish(item(count))
    while course.got[-1:] != items(count):
        course.got.append(await here.event())
    assert here.offset == last
    assert course.recovered > 0
    assert course.got == items(*course.due())
    await here.leave()


class Course:
    """The events that a page got over many connections, and where it had to begin a new session."""

    def __init__(self) -> None:
        self.got: list[list[Any]] = []
        self.recovered = 0
        self._breaks: list[int] = []

    async def move(self, replica: Gateway, ticket: Ticket) -> Page:
        """Reconnect to a replica: the session is recovered, or a named limit was exceeded."""
        outcomes = Counts(replica, RECOVERIES)
        here = await came_back(replica.port, ticket, WITHIN_SECONDS)
        if here.is_back(ticket):
            self.recovered += 1
        else:
            assert set(outcomes.more()) & {"trimmed", "too_much", "expired"}, outcomes.more()
            assert here.missed == []
            self._breaks.append(len(self.got))
        self.got += here.missed
        return here

    def due(self) -> list[int]:
        """Return the numbers that it must have: all but those missed before a new session."""
        numbers: list[int] = []
        for at, (_, number) in enumerate(self.got):
            expected = numbers[-1] + 1 if numbers else 0
            numbers.append(max(number, expected) if at in self._breaks else expected)
        return numbers


async def _stream(site: Site, enough: asyncio.Event) -> int:
    """Publish until `enough` is set; return the number of records."""
    loop = asyncio.get_running_loop()
    began, count = loop.time(), 0
    while not enough.is_set():
        await asyncio.sleep(max(0.0, began + count / 1_000 - loop.time()))
        await site.publish(*(item(each) for each in range(count, count + 10)))
        count += 10
    return count


async def _away(replica: Gateway, *rooms: str, **options: Any) -> Ticket:
    """Open and leave a session; return its ticket."""
    first = await Page.open(replica.port, **options)
    if rooms:
        assert (await first.ask("subscribe", list(rooms)))["ok"]
    await first.leave()
    await until(lambda: replica.metric(CONNECTIONS) == 0)
    return first.ticket


# Redis


async def test_when_redis_restarts_with_its_data_everybody_goes_on(kept_site: Site) -> None:
    """Connected browsers notice nothing, and one that was away recovers."""
    site = kept_site
    one, two = await site.start_two()
    async with page(one.port) as there:
        await there.ask("subscribe", "a")
        ticket = await _away(two, "a")
        await site.publish(item(1))
        assert await there.event() == ["e", 1]
        site.redis.kill()
        site.redis.start()
        await until(lambda: one.ready() and two.ready())
        await site.publish(item(2, "a"))
        assert await there.event() == ["e", 2]
        async with page(two.port, ticket) as back:
            assert back.is_back(ticket)
            # This replica may not have read the second record yet.
            assert await back.caught_up(2) == items(1, 2)
        assert one.metric("queuecast_gateway_bus_gaps_total", reason="rewound") == 0


async def test_while_redis_is_away_a_returning_browser_is_told_to_come_later(kept_site: Site) -> None:
    """Close code 1013 makes the stock client retry; a new session would lose what it missed."""
    site = kept_site
    one = await site.start()
    ticket = await _away(one, "a")
    await site.publish(item(1, "a"))
    site.redis.kill()
    async with await _websocket(one) as early:
        early.send(f'40{{"pid":"{ticket.pid}","offset":"{ticket.offset}"}}')
        assert await early.close_code() == 1013
    site.redis.start()
    await until(one.ready)
    async with page(one.port, ticket) as back:
        assert back.is_back(ticket)
        assert await back.caught_up(1) == items(1)


async def test_when_redis_comes_back_empty_everybody_begins_anew(site: Site) -> None:
    """Unread records may be lost, so every browser is told, connected or away, on every replica."""
    one, two = await site.start_two(drain_seconds=0)
    there = await Page.open(one.port)
    ticket = await _away(two)
    await site.publish(item(1))
    assert await there.event() == ["e", 1]
    site.redis.kill()
    site.redis.start()
    assert await there.connection.close_code() == 1012  # type: ignore[union-attr]
    for replica in (one, two):
        await until(lambda one=replica: one.metric("queuecast_gateway_bus_gaps_total", reason="rewound") == 1)
        await until(replica.ready)
    for lost, replica in ((there.ticket, two), (ticket, one)):
        async with page(replica.port, lost) as anew:
            assert not anew.is_back(lost)
            assert anew.missed == []
            await site.publish(item(2))
            assert await anew.event() == ["e", 2]
    # Lost, if the replica's last update of the session came only after Redis was back.
    outcomes = [each.metric(RECOVERIES, outcome=why) for each in (one, two) for why in ("unknown", "lost")]
    assert sum(outcomes) == 2


async def _websocket(replica: Gateway) -> WebSocket:
    connection = await WebSocket.open(replica.port)
    await connection.opening()
    return connection
