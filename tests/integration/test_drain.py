"""Draining: SIGTERM, and connections that reach their maximum age. Browsers come back by themselves."""

import asyncio
import signal
import socket
import time
from typing import Any

from .counts import HANDSHAKES_REFUSED
from .crowd import unread
from .gateway import Gateway
from .page import Page, page
from .site import BROKEN_OFF, CONNECTIONS, RECOVERIES, Site, item, items, until
from .wire import CLOSE, POLLING, WEBSOCKET, Polling, WebSocket, request

DRAIN_SECONDS = 8.0
LEAVING = "queuecast_gateway_disconnects_total"


async def ended(one: Page) -> float:
    """Answer pings until the connection ends as it should; return the time of the end."""
    connection = one.connection
    if isinstance(connection, WebSocket):
        while (frame := await connection.next_frame())[0] != CLOSE:
            if frame[1] == b"2":
                connection.send("3")
        assert frame[1][:2] == (1012).to_bytes(2, "big"), "the close code that asks the client to come back"
        await connection.leave()
    else:
        await _closed(connection)
    return time.monotonic()


async def _closed(polling: Polling) -> None:
    """Poll until the session is unknown, or the gateway gone: after both, every client reconnects."""
    while True:
        try:
            answer = await polling.get()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        if answer.status == 400:
            assert answer.json["message"] == "Session ID unknown"
            return
        assert "1" not in answer.packets, "python-socketio's client would stay away"
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
    """Fifty browsers do not reconnect at once, and each is served until its turn."""
    one, two = await site.start_two(drain_seconds=DRAIN_SECONDS, transports="polling,websocket")
    pages = await asyncio.gather(
        *(
            Page.open(one.port, transport="polling" if number % 5 == 0 else "websocket")
            for number in range(50)
        )
    )
    ends = [asyncio.create_task(ended(each)) for each in pages]
    began = terminate(one)
    after = sorted(moment - began for moment in await asyncio.gather(*ends))
    assert await asyncio.to_thread(one.process.wait, 60) == 0
    assert after[-1] > DRAIN_SECONDS * 0.7
    # It takes half of the time if nothing else runs on the machine.
    assert after[37] - after[12] > DRAIN_SECONDS * 0.2, after
    # Fifty if nothing else runs on the machine. While it stands still, several end at one moment.
    assert len({round(each, 1) for each in after}) > 5, after
    back = await asyncio.gather(*(Page.open(two.port, each.ticket) for each in pages))
    assert all(each.is_back(before.ticket) for each, before in zip(back, pages, strict=True))
    assert two.metric(RECOVERIES, outcome="recovered") == 50
    assert two.metric(BROKEN_OFF) == 0
    for each in back:
        await each.leave()


async def test_nobody_new_is_let_in_while_the_connections_close(site: Site) -> None:
    """It says that it is not ready, and how soon to come back. It is no reason to kill it."""
    one = await site.start(drain_seconds=600, transports="polling,websocket")
    pages = [await Page.open(one.port) for _ in range(10)]
    terminate(one)
    await until(lambda: one.ask("/readyz")[0] == 503)
    assert "stopping" in one.ask("/readyz")[1]
    answers = await refusals(one)
    for answer in answers:
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) > 0
    assert one.metric(HANDSHAKES_REFUSED, reason="leaving") == len(answers)
    assert one.ask("/livez")[0] == 200
    assert one.metric(CONNECTIONS) > 0, "all of them closed at once"
    for each in pages:
        await each.leave()


async def test_a_connection_is_served_until_its_turn_to_close(site: Site) -> None:
    """A drain is no outage: events, acknowledgements and polls work until it is a connection's turn."""
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
            assert got[index] + await back.caught_up(3 - len(got[index])) == items(0, 1, 2)


async def test_a_browser_that_reads_nothing_does_not_hold_up_the_end(site: Site) -> None:
    """One browser is on a dead network; another has not even sent a request."""
    one = await site.start(drain_seconds=1)
    with await asyncio.to_thread(unread, one.port), socket.create_connection(("127.0.0.1", one.port)):
        for _ in range(40):
            await site.publish(*(item(0) for _ in range(100)))
        async with page(one.port):
            terminate(one)
            assert await asyncio.to_thread(one.process.wait, 60) == 0


async def test_a_gateway_without_browsers_ends_at_once(site: Site) -> None:
    """Rolling out idle replicas is quick, however long a drain may take."""
    one = await site.start(drain_seconds=600)
    terminate(one)
    assert await asyncio.to_thread(one.process.wait, 60) == 0


async def test_a_second_sigterm_changes_nothing(site: Site) -> None:
    """Some supervisors send it twice; the browsers' turns stay as they were."""
    one = await site.start(drain_seconds=6)
    pages = [await Page.open(one.port) for _ in range(10)]
    ends = [asyncio.create_task(ended(each)) for each in pages]
    began = terminate(one)
    await until(lambda: one.ask("/readyz")[0] != 200)  # it may have ended if this process is late
    terminate(one)
    assert await asyncio.to_thread(one.process.wait, 60) == 0
    moments = await asyncio.gather(*ends)
    assert max(moments) - began > 3


async def test_while_redis_is_away_a_gateway_ends_all_the_same(kept_site: Site) -> None:
    """The last updates of its sessions are lost, which it logs; the process does not hang on them."""
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
    """After a scale-out the load has to spread: browsers are sent away and recover their sessions."""
    one = await site.start(max_connection_seconds=8, ping_interval_seconds=5, ping_timeout_seconds=5)
    pages: list[Page] = []

    async def lasts() -> float:
        began = time.monotonic()
        opened = await Page.open(one.port)
        await opened.ask("subscribe", "a")
        pages.append(opened)
        return await ended(opened) - began

    lasted = await asyncio.gather(*(lasts() for _ in range(10)))
    assert 5 < min(lasted) < max(lasted) < 60
    assert len({round(each, 1) for each in lasted}) > 2, "they do not all end at once"
    await site.publish(item(1, "a"))
    for each in pages:
        async with page(one.port, each.ticket) as back:
            assert back.is_back(each.ticket)
            assert await back.caught_up(1) == items(1)
    assert one.metric(LEAVING, reason="leaving") == 10
    assert one.metric(RECOVERIES, outcome="recovered") == 10


async def test_without_time_all_are_closed_at_once(site: Site) -> None:
    """`QUEUECAST_DRAIN_SECONDS=0` is for operators who prefer a quick end."""
    one = await site.start(drain_seconds=0)
    pages = [await Page.open(one.port) for _ in range(10)]
    ends = [asyncio.create_task(ended(each)) for each in pages]
    terminate(one)
    moments = await asyncio.gather(*ends)
    assert max(moments) - min(moments) < 8, "they were spread over the default drain time, 15 s"
    assert await asyncio.to_thread(one.process.wait, 60) == 0
