"""Neither a client's event nor a record in Redis can end the connections of its readers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import socketio

from queuecast_bus import Record
from queuecast_bus.bounds import MAX_ATTACHMENTS, MAX_NESTING

from .counts import EVENTS_REFUSED, Counts
from .page import Page, page
from .site import Site, item, items, until
from .wire import WebSocket

SKIPPED = "queuecast_gateway_records_skipped_total"
BOTH = pytest.mark.parametrize("transport", ["websocket", "polling"])


def placeholder(number: int) -> str:
    return f'{{"_placeholder":true,"num":{number}}}'


def with_attachments(count: int, *numbers: int) -> Record:
    """Return a record with `count` attachments and placeholders with these numbers."""
    arguments = f"[{','.join(map(placeholder, numbers))}]".encode()
    return Record("e", arguments, attachments=(b"x",) * count)


@contextlib.asynccontextmanager
async def stock_manager(site: Site) -> AsyncIterator[socketio.AsyncRedisManager]:
    """Make a manager as another process does with python-socketio."""
    manager = socketio.AsyncRedisManager(site.redis.url, channel=site.channel, write_only=True)
    try:
        yield manager
    finally:
        await manager.redis.aclose()


UNFIT = {
    "event_name": [Record("connect", b"[]"), Record("", b"[]")],
    "json": [Record("e", b"[NaN]"), Record("e", b"{}")],
    "number": [Record("e", b"[1e999]")],
    "nesting": [Record("e", b"[" * (MAX_NESTING + 1) + b"]" * (MAX_NESTING + 1))],
    "attachments": [
        with_attachments(MAX_ATTACHMENTS + 1, *range(MAX_ATTACHMENTS + 1)),
        with_attachments(1, 0, 0),
        with_attachments(2, 0),
        with_attachments(1, 1),
    ],
    "too_large": [Record("e", b'["%b"]' % (b"x" * 2_000))],
}
"""Records that some client would refuse, by the reason that is counted; no publisher of ours stores them."""


@BOTH
@pytest.mark.parametrize("recovers", [True, False], ids=["recovers", "does not recover"])
async def test_a_stored_record_that_a_client_cannot_take_is_skipped(
    site: Site, transport: str, *, recovers: bool
) -> None:
    """Everybody gets the next record over the same connection; the skipped one is counted and logged."""
    gateway = await site.start(max_record_bytes=2_000)
    options: dict[str, Any] = {} if recovers else {"recovery": False}
    async with page(gateway.port, transport=transport, **options) as reader:
        records = [record for group in UNFIT.values() for record in group]
        await site.publish(item(1), *records, item(2))
        assert await reader.events(2) == items(1, 2)
    for reason, group in UNFIT.items():
        assert gateway.metric(SKIPPED, reason=reason) == len(group), reason
    assert "was skipped (attachments)" in gateway.log()
    assert "Traceback" not in gateway.log()


async def test_a_stored_record_that_a_client_cannot_take_is_skipped_in_a_replay_too(site: Site) -> None:
    """Otherwise the record would cut off a returning browser again and again, until it is too old."""
    one, two = await site.start_two(max_record_bytes=2_000)
    async with page(one.port) as first:
        ticket = first.ticket
        await site.saved(ticket.pid)
    records = [record for group in UNFIT.values() for record in group]
    # No browser is connected when they come, so the gateway drops their texts and rereads them from Redis.
    await site.publish(item(1), *records, item(2))
    async with page(two.port, ticket) as back:
        assert back.is_back(ticket)
        assert await back.caught_up(2) == items(1, 2)
        await site.publish(item(3))
        assert await back.event() == ["e", 3]
    assert two.metric(SKIPPED, reason="attachments") == len(UNFIT["attachments"])


@pytest.mark.parametrize("numbers", [(0, 0), (0, 1, 1), (1, 0), (0,)], ids=str)
async def test_a_browser_that_names_an_attachment_twice_reaches_nobody(
    site: Site, numbers: tuple[int, ...]
) -> None:
    """Everyone would get as many attachments. Only the sender is cut off, before it has sent one."""
    gateway = await site.start()
    refused = Counts(gateway, EVENTS_REFUSED)
    async with page(gateway.port) as reader, await WebSocket.open(gateway.port) as sender:
        await sender.opening()
        sender.send("40")
        await sender.text()
        sender.send(f'452-["item_removed",{",".join(map(placeholder, numbers))}]')
        assert await sender.close_code() == 1008
        await site.publish(item(1))
        assert await reader.event() == ["e", 1]
    assert refused.more() == {"attachments": 1}


async def test_what_others_could_not_take_is_refused_by_acknowledgement(site: Site) -> None:
    """Nothing of it is stored, and the sender may go on."""
    gateway = await site.start(max_message_bytes=2_000)
    async with page(gateway.port) as reader, page(gateway.port) as sender:
        deep: Any = []
        for _ in range(MAX_NESTING):
            deep = [deep]
        for data in (deep, "\ud800"):
            ack = await sender.ask("item_removed", data)
            assert ack["error"]["code"] == "bad_payload", data
        # 4 bytes each as sent, 18 as Python writes them: more than a message may have.
        await sender.send(f'427["item_removed",[{",".join(["1e15"] * 300)}]]')
        assert (await sender.ask("item_removed", {"id": 1}))["error"]["code"] == "bad_payload", (
            "the acknowledgement of the event before"
        )
        assert await reader.event() == ["item_removed", {"id": 1}]
    assert gateway.metric("queuecast_gateway_relays_total", outcome="refused") == 3


async def test_an_event_of_a_stock_manager_that_a_client_cannot_take_is_skipped(site: Site) -> None:
    """It comes over pub/sub and bypasses the stream; the next one arrives over the same connection."""
    gateway = await site.start()
    async with page(gateway.port) as reader, stock_manager(site) as manager:
        await manager.emit("connect", {"HTTP_ORIGIN": "forged"}, namespace="/")
        await manager.emit("e", [b"x"] * (MAX_ATTACHMENTS + 1), namespace="/")
        await manager.emit("e", float("nan"), namespace="/")
        await manager.emit("e", 1, namespace="/")
        assert await reader.event() == ["e", 1]
    for reason in ("event_name", "attachments", "json"):
        assert gateway.metric(SKIPPED, reason=reason) == 1, reason
    assert "Traceback" not in gateway.log()


# The ids of sessions


async def test_the_id_of_a_session_cannot_be_joined_on_any_replica(site: Site) -> None:
    """A session's own events reach it alone, even while it is away, and it recovers undisturbed."""
    one, two = await site.start_two()
    owner = await Page.open(one.port)
    await site.saved(owner.ticket.pid)
    async with page(one.port) as here, page(two.port) as there:
        for spy in (here, there):
            assert (await spy.ask("subscribe", owner.sid))["error"]["code"] == "bad_room"
            assert (await spy.ask("subscribe", ["a", owner.sid]))["error"]["code"] == "bad_room"
        await owner.leave()
        await until(lambda: one.metric("queuecast_gateway_connections") == 1)
        for spy in (here, there):
            assert (await spy.ask("subscribe", owner.sid))["error"]["code"] == "bad_room"
        await site.publish(item(1, owner.sid), item(2))
        for spy in (here, there):
            assert await spy.event() == ["e", 2]
        async with page(two.port, owner.ticket) as back:
            assert back.is_back(owner.ticket)
            assert await back.caught_up(2) == items(1, 2)
            await site.publish(item(3, owner.sid), item(4))
            assert await back.events(2) == items(3, 4)
            assert await there.event() == ["e", 4]


async def test_another_process_cannot_put_one_session_into_anothers_room(site: Site) -> None:
    """A stock manager may move sessions between rooms, but a session's own address is no such room."""
    one, two = await site.start_two()
    async with page(one.port) as owner, page(two.port) as spy, stock_manager(site) as manager:
        await manager.enter_room(spy.sid, "/", owner.sid)
        await manager.enter_room(spy.sid, "/", "a")

        async def moved() -> None:
            while True:
                await site.publish(item(0, "a"))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await spy.event()
                        return

        await asyncio.wait_for(moved(), 60)
        await site.publish(item(1, owner.sid), item(2))
        assert await owner.events(2) == items(1, 2)
        while (event := await spy.event()) == ["e", 0]:
            pass
        assert event == ["e", 2]
