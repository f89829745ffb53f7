"""What a live board puts on a queue: a poller sends it, and the board is told what came of it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from .acknowledging import Work, in_room
from .page import page
from .services import Service
from .site import Site, until

ORDER = {"event": "order", "rooms": ["a"], "data": {"table": 3}, "ack": "any", "hold": 600}


@pytest.fixture
def work(site: Site, emulator: int, start: Callable[..., Service]) -> Work:
    """A queue of the test's own, at this site."""
    return Work(site, emulator, start)


def board(one: Any) -> Any:
    """Connect to the board's namespace alone."""
    return page(one.port, namespace="/board", recovery=False)


async def told(sender: Any, request: str, argument: Any, claim: Callable[[Any], Any]) -> Any:
    """Ask again and again; return the first answer for which the claim holds."""
    async with asyncio.timeout(60):
        while not claim(answer := await sender.ask(request, argument)):  # noqa: ASYNC110  # no event tells when
            await asyncio.sleep(0.2)
    return answer


async def test_a_message_is_put_on_the_queue_and_its_sender_told_what_came_of_it(
    site: Site, work: Work
) -> None:
    """It goes the way of every message: held, acknowledged, deleted. Of two pollers one sends it."""
    one, two = await site.start_two(acks="true", board_rights="send")
    for name in ("poller-1", "poller-2"):
        work.poller(hold_seconds=600, board_sends="true", replica=name)
    async with board(one) as sender, board(two) as other:
        queues = (await told(sender, "sendable", None, lambda answer: answer["queues"]))["queues"]
        assert queues == [work.queue.name]
        answer = await sender.ask("send_by_queue", {**ORDER, "queue": work.queue.name})
        assert answer["ok"]
        request = answer["request"]

        def waits(answer: Any) -> Any:
            return answer["sent"].get(request, {}).get("wait")

        sent = (await told(sender, "sent", [request], waits))["sent"][request]
        assert (sent["wait"]["state"], sent["wait"]["rooms"]) == ("held", ["a"])
        assert work.queue.depth() == 1
        cook = await in_room(two.port)
        name, data, about = await cook.event()
        assert (name, data, about["id"]) == ("order", {"table": 3}, sent["id"])
        await cook.acknowledge()
        await until(work.is_done)
        await told(
            other, "sent", [request], lambda answer: (waits(answer) or {}).get("state") == "acknowledged"
        )
        assert cook.early() == []
        await cook.leave()


async def test_nothing_is_put_on_a_queue_whose_poller_does_not_allow_it(site: Site, work: Work) -> None:
    """The setting is the poller's: the right to send events does not come with the right to use queues."""
    one = await site.start(board_rights="send")
    poller = work.poller()
    async with board(one) as sender:
        await sender.ask("sendable", None)
        await until(lambda: site.redis.client.hlen(site.keys.reports) > 0)
        assert (await sender.ask("sendable", None))["queues"] == []
        refused = await sender.ask("send_by_queue", {**ORDER, "queue": work.queue.name})
        assert refused["error"]["code"] == "bad_payload"
        assert "QUEUECAST_BOARD_SENDS" in refused["error"]["message"]
    assert work.queue.depth() == 0
    assert poller.metric("queuecast_poller_received_total") == 0


async def test_who_may_not_send_puts_nothing_on_a_queue(site: Site) -> None:
    """Neither does somebody who may only look."""
    one = await site.start(board_rights="view")
    async with board(one) as somebody:
        for request, argument in (("send_by_queue", ORDER), ("sendable", None), ("sent", [])):
            assert (await somebody.ask(request, argument))["error"]["code"] == "forbidden"
