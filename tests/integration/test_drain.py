"""Leaving: SIGTERM, and connections that have lasted long enough. Browsers come back by themselves."""

import asyncio
import signal
import socket
import time
from typing import Any

from .counts import HANDSHAKES_REFUSED
from .page import Page, page
from .site import CONNECTIONS, RECOVERIES, Site, item, items, kept_site, site, until
from .test_crowd import unread
from .test_gateway import Gateway
from .wire import CLOSE, POLLING, WEBSOCKET, Polling, WebSocket, request

__all__ = ["kept_site", "site"]

DRAIN_SECONDS = 4.0
LEAVING = "queuecast_gateway_disconnects_total"


async def ended(one: Page) -> float:
    """Answer pings until the connection ends as it should; return when that was."""
    connection = one.connection
    if isinstance(connection, WebSocket):
        while (frame := await connection.next_frame())[0] != CLOSE:
            if frame[1] == b"2":
                connection.send("3")
        assert frame[1][:2] == (1012).to_bytes(2, "big"), "the code that says: come back"
        await connection.leave()
    else:
        await _closed(connection)
    return time.monotonic()


async def _closed(polling: Polling) -> None:
    """Poll until the session is closed: even one that was between two polls is told."""
    while True:
        answer = await polling.get()
        assert answer.status == 200, answer
        if answer.packets[-1] == "1":
            return
        if "2" in answer.packets:
            await polling.say("3")


async def refusals(replica: Gateway) -> list[Any]:
    """Return the answers to new handshakes over both transports."""
    polled = await request(replica.port, query=POLLING)
    async with await WebSocket.open(replica.port, WEBSOCKET) as refused:
        return [polled, refused.answer]


def terminate(replica: Gateway) -> float:
    replica.process.signal(signal.SIGTERM)
    return time.monotonic()


async def test_sigterm_closes_connections_one_after_another(site: Site) -> None:
    """Fifty browsers do not come back at once; those that are still there are served to the end."""
    one, two = await site.start_two(drain_seconds=DRAIN_SECONDS, transports="polling,websocket")
    pages = await asyncio.gather(
        *(
            Page.open(one.port, transport="polling" if number % 5 == 0 else "websocket")
            for number in range(50)
        )
    )
    ends = [asyncio.create_task(ended(each)) for each in pages]
    began = terminate(one)
    await until(lambda: one.ask("/readyz")[0] == 503)
    assert "stopping" in one.ask("/readyz")[1]
    answers = await refusals(one)
    for answer in answers:
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) > 0
    assert one.metric(HANDSHAKES_REFUSED, reason="leaving") == len(answers)
    assert one.ask("/livez")[0] == 200
    assert one.metric(CONNECTIONS) > 0, "this was at once"
    after = sorted(moment - began for moment in await asyncio.gather(*ends))
    assert await asyncio.to_thread(one.process.wait, 60) == 0
    assert after[-1] > DRAIN_SECONDS * 0.7
    # Half of the time, if nothing else runs here.
    assert after[37] - after[12] > DRAIN_SECONDS * 0.2, after
    back = await asyncio.gather(*(Page.open(two.port, each.ticket) for each in pages))
    assert all(each.is_back(before.ticket) for each, before in zip(back, pages, strict=True))
    assert two.metric(RECOVERIES, outcome="recovered") == 50
    for each in back:
        await each.leave()


async def test_who_waits_to_be_closed_is_served_meanwhile(site: Site) -> None:
    """A drain is no outage: events, acknowledgements and polls go on until a connection's turn."""
    one, two = await site.start_two(drain_seconds=30)
    pages = [await Page.open(one.port, transport=transport) for transport in ("websocket", "polling")]
    terminate(one)
    await until(lambda: one.ask("/readyz")[0] == 503)
    got: dict[int, list[Any]] = {0: [], 1: []}
    for number in range(3):
        await site.publish(item(number))
    for index, each in enumerate(pages):
        try:
            got[index] = await each.events(3)
            assert (await each.ask("subscribe", "a"))["ok"]
        except (AssertionError, asyncio.IncompleteReadError):
            pass  # its turn came early
        async with page(two.port, each.ticket) as back:
            assert back.is_back(each.ticket)
            assert (got[index] + back.missed)[:3] == items(0, 1, 2)


async def test_a_browser_that_reads_nothing_does_not_hold_up_the_end(site: Site) -> None:
    """One on a dead network, and one that has not even said what it wants."""
    one = await site.start(drain_seconds=1)
    with await asyncio.to_thread(unread, one.port), socket.create_connection(("127.0.0.1", one.port)):
        for _ in range(40):
            await site.publish(*(item(0) for _ in range(100)))
        async with page(one.port):
            terminate(one)
            assert await asyncio.to_thread(one.process.wait, 60) == 0


async def test_a_gateway_without_browsers_ends_at_once(site: Site) -> None:
    """Rollouts of idle replicas are quick, however long a drain may take."""
    one = await site.start(drain_seconds=600)
    terminate(one)
    assert await asyncio.to_thread(one.process.wait, 60) == 0


async def test_a_second_sigterm_changes_nothing(site: Site) -> None:
    """Some supervisors say it twice; the browsers' moments stay as they were."""
    one = await site.start(drain_seconds=2)
    pages = [await Page.open(one.port) for _ in range(10)]
    ends = [asyncio.create_task(ended(each)) for each in pages]
    began = terminate(one)
    await until(lambda: one.ask("/readyz")[0] == 503)
    terminate(one)
    assert await asyncio.to_thread(one.process.wait, 60) == 0
    moments = await asyncio.gather(*ends)
    assert max(moments) - began > 1


async def test_while_redis_is_away_a_gateway_ends_all_the_same(kept_site: Site) -> None:
    """What it had still to write down is then lost, and is said so; the process does not hang on it."""
    site = kept_site
    one = await site.start(drain_seconds=1)
    pages = [await Page.open(one.port) for _ in range(3)]
    site.redis.kill()
    terminate(one)
    assert await asyncio.to_thread(one.process.wait, 60) == 0
    assert "may have to start anew" in one.log()
    for each in pages:
        await each.leave()


async def test_a_connection_lasts_about_as_long_as_it_may(site: Site) -> None:
    """After a scale-out load has to spread again: browsers are sent away, and come back with all they had."""
    one = await site.start(max_connection_seconds=3, ping_interval_seconds=0.5, ping_timeout_seconds=2)
    began = time.monotonic()
    pages = [await Page.open(one.port) for _ in range(10)]
    for each in pages:
        await each.ask("subscribe", "a")
    moments = await asyncio.gather(*map(ended, pages))
    lasted = [moment - began for moment in moments]
    assert 2 < min(lasted) < max(lasted) < 60
    assert len({round(each, 1) for each in lasted}) > 2, "not all at once"
    await site.publish(item(1, "a"))
    for each in pages:
        async with page(one.port, each.ticket) as back:
            assert back.is_back(each.ticket)
            assert back.missed == items(1)
    assert one.metric(LEAVING, reason="leaving") == 10
    assert one.metric(RECOVERIES, outcome="recovered") == 10


async def test_without_time_all_are_closed_at_once(site: Site) -> None:
    """`QUEUECAST_DRAIN_SECONDS=0`, for who would rather be gone."""
    one = await site.start(drain_seconds=0)
    pages = [await Page.open(one.port) for _ in range(10)]
    ends = [asyncio.create_task(ended(each)) for each in pages]
    terminate(one)
    moments = await asyncio.gather(*ends)
    assert max(moments) - min(moments) < 8, "over the drain's time, which is 15 s if nobody says"
    assert await asyncio.to_thread(one.process.wait, 60) == 0
