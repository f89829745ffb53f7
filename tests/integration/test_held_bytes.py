"""What a browser can make a gateway and Redis hold beside its messages: requests, probes, the rest."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from tests.claims import eventually

from queuecast_bus import Record
from queuecast_gateway.engine.opening import MAX_PROBE_BYTES, MAX_PROBE_FRAMES
from queuecast_gateway.http import MAX_HEADERS
from queuecast_gateway.recovery import LOOK_RECORDS

from . import wire
from .conftest import Redis
from .counts import ACKS_REFUSED, HANDSHAKES_REFUSED, Counts
from .page import page
from .site import CONNECTIONS, Site, item, items, site, until
from .test_crowd import unread
from .test_gateway import Gateway
from .wire import PATH, PING, TEXT, Polling

__all__ = ["site"]

BUFFERED = "queuecast_gateway_buffered_bytes"
DISCONNECTS = "queuecast_gateway_disconnects_total"
LARGE = "x" * 50_000


@pytest.fixture(scope="module")
def gateway(shared_redis: Redis) -> Iterator[Gateway]:
    gateway = Gateway(shared_redis.url, QUEUECAST_CHANNEL="held-bytes")
    eventually(gateway.ready, 30)
    yield gateway
    gateway.process.stop(grace_seconds=0)
    assert "Traceback" not in gateway.log()


async def test_a_polling_session_tries_one_websocket_at_a_time(gateway: Gateway) -> None:
    """Others were let in while none had said `probe`: as many as there are descriptors, for one session."""
    counts = Counts(gateway, HANDSHAKES_REFUSED)
    session = await Polling.open(gateway.port)
    async with await session.upgrade() as first, await session.upgrade() as second:
        assert (first.accepted, second.answer.status) == (True, 400)
    assert counts.more() == {"bad_request": 1}

    async def is_let_in() -> bool:
        async with await session.upgrade() as again:
            return again.accepted

    async with asyncio.timeout(20):
        while not await is_let_in():  # noqa: ASYNC110  # when the end of the first is heard, nobody says
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("too_much", ["a frame", "frames"])
async def test_a_probe_is_short(gateway: Gateway, too_much: str) -> None:
    """It held as much as the longest message, in no figure, and answers to pings that nobody read."""
    session = await Polling.open(gateway.port)
    async with await session.upgrade() as probe:
        if too_much == "a frame":
            probe.send_bytes(wire.frame(TEXT, "x" * (MAX_PROBE_BYTES + 1))[:8])  # by its head
        else:
            for _ in range(MAX_PROBE_FRAMES + 1):
                probe.send_frame(PING)
        await probe.end()
    await session.say("40")
    assert (await session.receive()).startswith("40{"), "the session goes on without it"


async def test_a_request_has_so_many_headers(gateway: Gateway) -> None:
    """Ten thousand short ones are 64 kB on the wire and 2 MB here."""
    counts = Counts(gateway, HANDSHAKES_REFUSED)
    for more, status in ((MAX_HEADERS - 2, 200), (MAX_HEADERS - 1, 431)):
        headers = {f"X-{number}": "" for number in range(more)}  # and Host, and Connection
        assert (await wire.request(gateway.port, headers=headers)).status == status
    assert counts.more() == {"too_big": 1}


async def test_what_is_kept_of_a_request_that_waits_is_counted(gateway: Gateway) -> None:
    """Its head stays here as long as the poll does, and the next poll follows."""
    session = await Polling.open(gateway.port)
    await session.say("40")
    await session.receive()
    await until(lambda: gateway.metric(BUFFERED) < len(LARGE))
    await session.get()  # the first offset
    async with wire.stream(gateway.port) as (_, writer):
        writer.write(wire.head("GET", f"{PATH}?{session.query}", {"X-Long": LARGE}))
        await until(lambda: gateway.metric(BUFFERED) >= len(LARGE))
    await until(lambda: gateway.metric(BUFFERED) < len(LARGE))


async def test_what_a_closed_connection_has_not_taken_is_counted(site: Site) -> None:
    """Until it is taken, or nobody waits for that any more, it is as much memory as before."""
    one = await site.start(max_buffered_bytes=1 << 20, max_replay_bytes=500_000, max_record_bytes=100_000)
    slow = await asyncio.to_thread(unread, one.port)
    with slow:
        while not one.metric(DISCONNECTS, reason="slow"):
            await site.publish(Record("e", json.dumps([LARGE]).encode()))
        assert one.metric(CONNECTIONS) == 0
        assert one.metric(BUFFERED) > 1 << 19
        await until(lambda: one.metric(BUFFERED) == 0)


async def test_an_address_sends_on_so_much_and_no_more(site: Site) -> None:
    """The stream is bounded in records: each of 100 kB, an address's thousand connections filled Redis."""
    one = await site.start(max_relay_bytes_per_address=1_000)
    counts = Counts(one, ACKS_REFUSED)
    large = "x" * 6_000
    async with page(one.port) as ann, page(one.port) as bob:
        assert (await ann.ask("item_removed", large))["ok"], "less than what it may at once"
        assert (await bob.ask("item_removed", large))["ok"]
        assert (await ann.ask("item_removed", "y"))["error"]["code"] == "rate_limited"
        assert (await ann.ask("subscribe", "a"))["ok"], "all else goes on"
        assert counts.more() == {"rate_limited": 1}
        async with asyncio.timeout(20):
            while not (await bob.ask("item_removed", "y"))["ok"]:  # noqa: ASYNC110  # nobody says when
                await asyncio.sleep(0.5)


async def test_a_long_history_is_looked_through_to_its_end(forgetful_redis: Redis) -> None:
    """In parts, between which others have their turn; nothing is lost or doubled where one ends."""
    long = Site(forgetful_redis, stream_max_records=10_000)
    one = await long.start()
    async with page(one.port) as ann:
        assert (await ann.ask("subscribe", "a"))["ok"]
        await ann.told()
        ticket = ann.ticket
    mine = (0, LOOK_RECORDS - 1, LOOK_RECORDS, 2 * LOOK_RECORDS)
    for first in range(0, 2 * LOOK_RECORDS + 1, 500):
        batch = range(first, min(first + 500, 2 * LOOK_RECORDS + 1))
        await long.publish(*(item(number, "a" if number in mine else "b") for number in batch))
    async with page(one.port, ticket) as back:
        assert back.is_back(ticket)
        assert back.missed == items(*mine)
    await long.close()
