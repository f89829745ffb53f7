"""What a browser can make a gateway and Redis hold besides its messages: requests, probes and more."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress

import pytest
from tests.claims import eventually

from queuecast_bus import Record
from queuecast_gateway.engine.handshake import MAX_PARAMETERS
from queuecast_gateway.engine.opening_handshake import MAX_PROBE_BYTES, MAX_PROBE_FRAMES
from queuecast_gateway.public.admission import RESERVE
from queuecast_gateway.public.http import MAX_HEADERS, MAX_TARGET_BYTES
from queuecast_gateway.recovery.replay_reader import SCAN_RECORDS

from . import wire
from .counts import ACKS_REFUSED, HANDSHAKES_REFUSED, Counts
from .crowd import unread, unread_answer
from .gateway import Gateway
from .page import page
from .services import Redis
from .site import CONNECTIONS, Site, item, items, until
from .wire import PATH, PING, POLLING, TEXT, Polling

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
    """Before any sent `probe`, one session could open as many as there are descriptors."""
    counts = Counts(gateway, HANDSHAKES_REFUSED)
    session = await Polling.open(gateway.port)
    async with await session.upgrade() as first, await session.upgrade() as second:
        assert first.accepted
        assert await second.close_code() == 1000
    assert counts.more() == {"bad_request": 1}

    async def is_let_in() -> bool:
        async with await session.upgrade() as again:
            again.send("2probe")
            return (await again.next_frame())[0] == TEXT

    async with asyncio.timeout(20):
        while not await is_let_in():  # noqa: ASYNC110  # no event tells when the gateway notices the first one's end
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("too_much", ["a frame", "frames"])
async def test_a_probe_is_short(gateway: Gateway, too_much: str) -> None:
    """A probe could hold an uncounted longest message, and pongs that nobody read."""
    session = await Polling.open(gateway.port)
    async with await session.upgrade() as probe:
        if too_much == "a frame":
            probe.send_bytes(wire.frame(TEXT, "x" * (MAX_PROBE_BYTES + 1))[:8])  # its head is enough
        else:
            for _ in range(MAX_PROBE_FRAMES + 1):
                probe.send_frame(PING)
        await probe.end()
    await session.say("40")
    assert (await session.receive()).startswith("40{"), "the session goes on without it"


async def test_a_request_has_so_many_headers(gateway: Gateway) -> None:
    """Ten thousand short headers are 64 kB on the wire and 2 MB in memory."""
    counts = Counts(gateway, HANDSHAKES_REFUSED)
    for more, status in ((MAX_HEADERS - 2, 200), (MAX_HEADERS - 1, 431)):
        headers = {f"X-{number}": "" for number in range(more)}  # plus Host and Connection
        assert (await wire.request(gateway.port, headers=headers)).status == status
    assert counts.more() == {"too_big": 1}


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/" + "x" * (MAX_TARGET_BYTES - 1), 404),
        ("/" + "x" * MAX_TARGET_BYTES, 431),
        (f"{PATH}?{POLLING}" + "&a" * (MAX_PARAMETERS - 2), 200),
        (f"{PATH}?{POLLING}" + "&a" * (MAX_PARAMETERS - 1), 400),
    ],
)
async def test_a_target_is_so_long_and_has_so_many_parameters(
    gateway: Gateway, target: str, status: int
) -> None:
    """To parse 30,000 parameters took 30 ms, and anybody may send them."""
    async with wire.stream(gateway.port) as (reader, writer):
        writer.write(wire.head("GET", target, {"Connection": "close"}))
        assert (await wire.read_head(reader))[0] == status


async def test_what_is_kept_of_a_request_that_waits_is_counted(gateway: Gateway) -> None:
    """The head stays in memory as long as the poll waits, and the next poll follows."""
    session = await Polling.open(gateway.port)
    await session.say("40")
    await session.receive()
    await until(lambda: gateway.metric(BUFFERED) < len(LARGE))
    await session.get()  # the first offset
    async with wire.stream(gateway.port) as (_, writer):
        writer.write(wire.head("GET", f"{PATH}?{session.query}", {"X-Long": LARGE}))
        await until(lambda: gateway.metric(BUFFERED) >= len(LARGE))
    await until(lambda: gateway.metric(BUFFERED) < len(LARGE))


async def test_what_comes_before_a_session_is_counted(gateway: Gateway) -> None:
    """Half a head, and a body that nobody reads yet, were in no figure: nothing had begun for them."""
    begun = wire.head("GET", PATH, {"X-Long": LARGE})[:-2]
    async with wire.stream(gateway.port) as (_, one), wire.stream(gateway.port) as (_, two):
        one.write(begun)
        two.write(begun)
        await until(lambda: gateway.metric(BUFFERED) >= 2 * len(LARGE))
        assert len(LARGE) <= gateway.metric(f"{BUFFERED}_max") < 2 * len(LARGE)
    await until(lambda: gateway.metric(BUFFERED) < len(LARGE))


async def test_an_answer_that_is_not_read_is_counted_and_cut(site: Site) -> None:
    """Who asked for the next one over another connection, and read none, held all that was published."""
    one = await site.start(ping_interval_seconds=1, ping_timeout_seconds=10)
    counts = Counts(one, HANDSHAKES_REFUSED)
    session = await Polling.open(one.port)
    await session.say("40")
    assert (await session.receive()).startswith("40{")
    text = json.dumps([4 * LARGE]).encode()
    await site.publish(*(Record("e", text) for _ in range(10)))
    await until(lambda: one.metric(BUFFERED) >= 40 * len(LARGE))
    asked = wire.head("GET", f"{PATH}?{session.query}")
    with await asyncio.to_thread(unread_answer, one.port, asked) as slow:
        # The rest is in the kernel.
        await until(lambda: 20 * len(LARGE) < one.metric(BUFFERED) < 40 * len(LARGE))
        assert (await session.get()).status == 400, "nobody asks for more before the end of an answer"
        assert one.metric(BUFFERED) > 20 * len(LARGE)
        # Whoever reads nothing at all is cut off by the kernel, after ten seconds.
        async with asyncio.timeout(120):
            while not one.metric(HANDSHAKES_REFUSED, reason="slow"):
                with suppress(ConnectionError):  # it is over, and the metric is about to say so
                    await asyncio.to_thread(slow.recv, 10_000)
                await asyncio.sleep(0.2)
        await until(lambda: one.metric(BUFFERED) == 0)
    assert counts.more() == {"bad_request": 1, "slow": 1}


async def test_connections_without_a_session_are_limited(site: Site) -> None:
    """They count for no address: their requests may come through a proxy. In all, they do."""
    one = await site.start(max_connections=1)
    counts = Counts(one, HANDSHAKES_REFUSED)
    async with AsyncExitStack() as open_ones:
        for _ in range(2 + RESERVE):
            await open_ones.enter_async_context(wire.stream(one.port))
        assert (await wire.request(one.port)).status == 503
    assert counts.more() == {"full": 1}
    async with asyncio.timeout(20):
        while (await wire.request(one.port)).status != 200:
            pass


async def test_what_a_closed_connection_has_not_taken_is_counted(site: Site) -> None:
    """Until the client has taken it or the gateway gives up, it takes as much memory as before."""
    one = await site.start(max_buffered_bytes=1 << 20, max_replay_bytes=500_000, max_record_bytes=100_000)
    slow = await asyncio.to_thread(unread, one.port)
    with slow:
        while not one.metric(DISCONNECTS, reason="slow"):
            await site.publish(Record("e", json.dumps([LARGE]).encode()))
        assert one.metric(CONNECTIONS) == 0
        assert one.metric(BUFFERED) > 1 << 19
        await until(lambda: one.metric(BUFFERED) == 0)


async def test_an_address_sends_on_so_much_and_no_more(site: Site) -> None:
    """The stream is bounded in records: with 100 kB each, an address's connections filled Redis."""
    one = await site.start(max_relay_bytes_per_address=1_000)
    counts = Counts(one, ACKS_REFUSED)
    large = "x" * 8_000
    async with page(one.port) as ann, page(one.port) as bob:
        assert (await ann.ask("item_removed", large))["ok"], "within the burst"
        assert (await bob.ask("item_removed", large))["ok"]
        assert (await ann.ask("item_removed", "y"))["error"]["code"] == "rate_limited"
        assert (await ann.ask("subscribe", "a"))["ok"], "everything else still works"
        assert counts.more() == {"rate_limited": 1}
        async with asyncio.timeout(60):
            while not (await bob.ask("item_removed", "y"))["ok"]:  # noqa: ASYNC110  # no event tells when
                await asyncio.sleep(0.5)


async def test_a_long_history_is_looked_through_to_its_end(forgetful_redis: Redis) -> None:
    """It is read in parts, so that others get their turn; no record is lost or doubled between parts."""
    long = Site(forgetful_redis, stream_max_records=10_000)
    one = await long.start()
    async with page(one.port) as ann:
        assert (await ann.ask("subscribe", "a"))["ok"]
        await ann.told()
        ticket = ann.ticket
    mine = (0, SCAN_RECORDS - 1, SCAN_RECORDS, 2 * SCAN_RECORDS)
    for first in range(0, 2 * SCAN_RECORDS + 1, 500):
        batch = range(first, min(first + 500, 2 * SCAN_RECORDS + 1))
        await long.publish(*(item(number, "a" if number in mine else "b") for number in batch))
    async with page(one.port, ticket) as back:
        assert back.is_back(ticket)
        assert await back.caught_up(len(mine)) == items(*mine)
    await long.close()
