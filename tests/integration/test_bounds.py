"""The bytes that one browser can make a gateway and Redis hold are bounded and counted."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from tests.claims import eventually

from queuecast_bus import Record

from . import wire
from .counts import ACKS_REFUSED, EVENTS_REFUSED, HANDSHAKES_REFUSED, Counts
from .crowd import joined, read_to_the_end, resident_kib, unread
from .gateway import Gateway
from .page import page
from .services import Redis
from .site import CONNECTIONS, RECORDS_READ, Site, has_read, until
from .wire import PATH, POLLING, TEXT, Polling, WebSocket

BUFFERED = "queuecast_gateway_buffered_bytes"
DISCONNECTS = "queuecast_gateway_disconnects_total"
LARGE = "x" * 50_000


CONNECT_SECONDS = 8
"""Longer than this process may have to wait for a core, before it has read a metric or gone on."""


@pytest.fixture(scope="module")
def impatient(shared_redis: Redis) -> Iterator[Gateway]:
    """A gateway that does not wait long for the rest of a message that has begun."""
    settings = {"QUEUECAST_CONNECT_SECONDS": f"{CONNECT_SECONDS}", "QUEUECAST_CHANNEL": "impatient"}
    gateway = Gateway(shared_redis.url, **settings)
    eventually(gateway.ready, 30)
    yield gateway
    gateway.process.stop(grace_seconds=0)
    assert "Traceback" not in gateway.log()


async def test_rooms_are_bounded_in_bytes(site: Site) -> None:
    """Each room and all together: a character takes up to four bytes, and twelve in JSON."""
    one = await site.start(max_room_bytes=512)
    counts = Counts(one, ACKS_REFUSED)
    async with page(one.port) as ann:
        longest, too_long = "😀" * 64, "😀" * 64 + "x"
        assert (await ann.ask("subscribe", too_long))["error"]["code"] == "bad_room"
        assert (await ann.ask("subscribe", longest))["rooms"] == [longest]
        assert (await ann.ask("subscribe", ["x" * 256, "y"]))["error"]["code"] == "too_many_rooms"
        assert (await ann.ask("subscribe", ["x" * 256]))["ok"]
        assert counts.more() == {"bad_room": 1, "too_many_rooms": 1}


async def test_a_list_of_rooms_is_no_longer_than_a_session_may_have(site: Site) -> None:
    """One message has room for 24,000 names; to look at them took 14 ms, whoever else waited."""
    one = await site.start(max_rooms=3)
    counts = Counts(one, ACKS_REFUSED)
    async with page(one.port) as ann:
        for event in ("subscribe", "unsubscribe"):
            assert (await ann.ask(event, ["a"] * 3))["ok"]
            assert (await ann.ask(event, ["a"] * 4))["error"]["code"] == "too_many_rooms"
    assert counts.more() == {"too_many_rooms": 2}


async def test_an_answer_is_no_longer_than_what_was_asked(site: Site) -> None:
    """A session in many long rooms could leave a room it is not in, and have all of them sent to it."""
    one = await site.start()
    rooms = [f"{number}".ljust(200, "x") for number in range(40)]
    async with page(one.port) as ann:
        assert (await ann.ask("subscribe", rooms))["rooms"] == rooms
        for event in ("subscribe", "unsubscribe"):
            asked = rooms[0] if event == "subscribe" else "none"
            assert len(json.dumps(await ann.ask(event, asked))) <= len(asked) + 50


@pytest.mark.parametrize("begun", ["attachments", "a message", "a frame"])
async def test_what_is_begun_is_counted_and_has_to_end(impatient: Gateway, begun: str) -> None:
    """46 MB of attachments that never came whole used to stay for ever, and no metric showed them."""
    counts = Counts(impatient, EVENTS_REFUSED)
    one = await joined(impatient.port)
    if begun == "attachments":
        one.send('452-["item_removed",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
        one.send(LARGE.encode())
    elif begun == "a message":
        one.send_frame(TEXT, f'42["item_removed","{LARGE}', final=False)
    else:
        one.send_bytes(wire.frame(TEXT, f'42["item_removed","{LARGE}"]')[:-1])
    await until(lambda: impatient.metric(BUFFERED) >= len(LARGE))
    assert await one.close_code() == 1008
    assert counts.more() == {"slow_message": 1}
    await one.leave()
    await until(lambda: impatient.metric(BUFFERED) == 0)


async def test_what_waits_is_bounded_in_all(site: Site) -> None:
    """Ten attachments are allowed, each as large as a message: all together they have a bound."""
    one = await site.start(max_buffered_bytes=64 << 10, max_replay_bytes=1_000, max_record_bytes=10_000)
    counts = Counts(one, EVENTS_REFUSED)
    ann = await joined(one.port)
    places = ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(3))
    ann.send(f'453-["item_removed",{places}]', LARGE.encode())
    await until(lambda: one.metric(BUFFERED) >= len(LARGE))
    assert counts.more() == {}
    ann.send(b"x" * 20_000)
    assert await ann.close_code() == 1008
    assert counts.more() == {"backlog": 1}
    await ann.leave()


async def test_a_client_that_sends_continuously_is_not_late(impatient: Gateway) -> None:
    """Each message has its own deadline, even if no read ever ends at the end of a message."""
    one = await joined(impatient.port)
    whole = wire.frame(TEXT, '421["subscribe","a"]')
    one.send_bytes(whole[:5])
    for _ in range(4):
        await asyncio.sleep(CONNECT_SECONDS / 3)  # the deadline is what this is about
        one.send_bytes(whole[5:] + whole[:5])
        assert (await one.text()).startswith("431[")
    await one.leave()


async def test_a_packet_is_accepted_once_its_attachments_come(impatient: Gateway) -> None:
    """The deadline ends when the packet is complete."""
    one = await joined(impatient.port)
    one.send('451-7["item_removed",{"_placeholder":true,"num":0}]', b"x")
    while await one.receive() != '437[{"ok":true}]':
        pass  # the event itself, which everybody gets
    await until(lambda: impatient.metric(BUFFERED) == 0)
    await one.leave()


async def test_a_polling_session_posts_one_thing_at_a_time(impatient: Gateway) -> None:
    """400 slow POSTs of one session held 85 MB. The reference server closes such a session, too."""
    counts = Counts(impatient, HANDSHAKES_REFUSED)
    session = await Polling.open(impatient.port)
    slow = wire.head("POST", f"{PATH}?{session.query}", {"Content-Length": "5000"})
    async with wire.stream(impatient.port) as (reader, writer):
        writer.write(slow + b"4" * 4_000)
        await until(lambda: impatient.metric(BUFFERED) >= 4_000)
        assert (await session.post("3")).status == 400
        assert (await session.post("3")).json["code"] == 1, "it is over"
        assert counts.more() == {"bad_request": 1, "session": 1}
        writer.write(b"4" * 1_000)
        assert (await wire.read_answer(reader)).status == 400
    await until(lambda: impatient.metric(BUFFERED) == 0)


@pytest.mark.parametrize("length", [{"Content-Length": "1000000"}, {"Transfer-Encoding": "chunked"}])
async def test_a_request_that_asks_has_no_body(impatient: Gateway, length: dict[str, str | None]) -> None:
    """Nobody reads a GET's body, and it may never end: the connection closes with the answer."""
    async with wire.stream(impatient.port) as (reader, writer):
        writer.write(wire.head("GET", f"{PATH}?{POLLING}", length) + b"5\r\nhello\r\n")
        answer = await wire.read_answer(reader)
        assert (answer.status, answer.headers["connection"]) == (400, "close")
        assert await reader.read() == b""


async def test_who_does_not_read_is_cut_at_the_bound(site: Site) -> None:
    """The kernel's buffer counts too: by itself it grew to 4 MiB before the first byte was counted."""
    one = await site.start(max_buffered_bytes=1 << 20, max_replay_bytes=500_000, max_record_bytes=100_000)
    slow = await asyncio.to_thread(unread, one.port)
    sent = 0
    while not one.metric(DISCONNECTS, reason="slow"):
        await site.publish(Record("e", json.dumps([LARGE]).encode()))
        sent += len(LARGE)
        await has_read(one, sent // len(LARGE))
        assert sent < 2 << 20, "it is not cut yet"
        await asyncio.sleep(0.05)  # one write each
    assert sent > 3 << 18, "it may be this far behind"
    with slow:
        assert (await asyncio.to_thread(read_to_the_end, slow)).endswith(b"slow")


async def test_the_history_is_bounded_whatever_is_published(site: Site) -> None:
    """Rooms count too: 4,000 records with 100 long rooms each took 200 MB."""
    one = await site.start(history_bytes=1 << 20)
    before = resident_kib(one)
    for number in range(0, 4_000, 100):
        rooms = [tuple(f"{number + n}:{room}".ljust(250, "x") for room in range(100)) for n in range(100)]
        await site.publish(*(Record("e", b"[1]", rooms=each) for each in rooms))
        await has_read(one, number + 100)
    assert one.metric(RECORDS_READ, outcome="nobody_here") == 4_000
    assert resident_kib(one) - before < 64 << 10


async def test_an_address_connects_so_often_and_no_more(site: Site) -> None:
    """First a burst, then a rate. A refused client is told when to come back, and then it is let in."""
    one = await site.start(max_connections_per_address=3, max_connects_per_second=0.1)
    counts = Counts(one, HANDSHAKES_REFUSED)
    for _ in range(3):
        await (await joined(one.port)).leave()
    await until(lambda: one.metric(CONNECTIONS) == 0)
    refused = await wire.request(one.port)
    assert refused.status == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 10
    async with await WebSocket.open(one.port) as other:
        assert other.answer.status == 429
    assert counts.more() == {"connects": 2}

    async def is_let_in() -> bool:
        async with await WebSocket.open(one.port) as again:
            return again.accepted

    async with asyncio.timeout(60):
        while not await is_let_in():  # noqa: ASYNC110  # no event tells when
            await asyncio.sleep(0.2)


async def test_an_address_keeps_so_much_in_redis_and_no_more(site: Site) -> None:
    """A connect, long rooms and a drop left 263 kB for five minutes. Beyond the limit, no recovery."""
    one = await site.start(max_session_bytes_per_address=8_000)
    rooms = [f"{number}".ljust(200, "x") for number in range(10)]
    tickets = []
    for _ in range(4):
        async with page(one.port) as ann:
            assert (await ann.ask("subscribe", rooms))["ok"], "it is in its rooms nevertheless"
            tickets.append(ann.ticket)
        await until(lambda: one.metric(CONNECTIONS) == 0)
    await until(lambda: len(site.sessions()) == 2)
    assert one.metric("queuecast_gateway_sessions_not_kept_total") == 2
    for ticket, is_kept in zip(tickets, (True, True, False, False), strict=True):
        async with page(one.port, ticket) as back:
            assert back.is_back(ticket) is is_kept
