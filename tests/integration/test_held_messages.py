"""Messages with the attribute `hold`: hidden while nobody is in their rooms anywhere."""

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import pytest

from queuecast_local import sqs

from .acknowledging import ACKS, Work, acknowledging, in_room
from .page import page
from .services import Queue, Service
from .site import Site, until

HOLDS = "queuecast_poller_holds_total"
HELD = "queuecast_poller_held"


@pytest.fixture
def work(site: Site, emulator: int, start: Callable[..., Service]) -> Work:
    """A queue whose messages come back after minutes, unless somebody comes."""
    return Work(site, emulator, start)


def send(work: Work, *bodies: int, hold: str = "true", **attributes: str) -> None:
    work.queue.send(*map(str, bodies), event="order", rooms="a", hold=hold, **attributes)


async def test_a_message_waits_until_somebody_comes_to_any_gateway(site: Site, work: Work) -> None:
    """Who is in another room is nobody; meanwhile other messages pass."""
    one, two = await site.start_two(acks="true")
    poller = work.poller(hold_seconds=600)
    async with page(one.port) as other:
        await other.ask("subscribe", "b")
        send(work, 1, 2)
        await until(lambda: poller.metric(HELD) == 2)
        work.queue.send("3", event="price", rooms="b")
        assert await other.event() == ["price", 3]
        late = await in_room(two.port)
        assert sorted([await late.event() for _ in range(2)]) == [["order", 1], ["order", 2]]
        await until(work.is_done)
        assert poller.metric(HOLDS, outcome="came") == poller.metric(HOLDS, outcome="held") >= 2
        assert other.early() == []
        await late.leave()


async def test_a_message_for_somebody_is_not_held(site: Site, work: Work) -> None:
    """Also if it is for everyone in the namespace, or waits for an acknowledgement too."""
    replica = await site.start(acks="true")
    poller = work.poller(hold_seconds=600)
    there = await in_room(replica.port)
    in_the_room = {"rooms": "a", "hold": "true"}
    for attributes in (in_the_room, {"hold": "60"}, {**in_the_room, "ack": "any"}):
        async with asyncio.timeout(120):
            held = -1.0
            # On a busy machine a gateway may say who is there too late.
            while held != poller.metric(HOLDS, outcome="held"):
                held = poller.metric(HOLDS, outcome="held")
                work.queue.send("1", event="order", **attributes)
                assert (await there.event())[:2] == ["order", 1]
                while there.wanted:
                    await there.acknowledge()
    await until(work.is_done)
    await there.leave()


async def test_a_held_message_is_acknowledged_by_whoever_comes(site: Site, work: Work) -> None:
    """It is deleted only then, and never shown to nobody."""
    replica = await site.start(acks="true")
    poller = work.poller(hold_seconds=600)
    send(work, 1, ack="all")
    await until(lambda: poller.metric(HELD) == 1)
    late = await in_room(replica.port)
    async with acknowledging(late) as events:
        await until(work.is_done)
    assert events == [(1, True)]
    assert poller.metric(ACKS, outcome="acknowledged") == 1
    await late.leave()


@pytest.mark.parametrize("expired", ["leave", "drop", "forward"])
async def test_a_message_for_which_nobody_comes_ends_as_the_settings_say(
    site: Site, emulator: int, start: Callable[..., Service], expired: str
) -> None:
    """In the dead-letter queue, nowhere, or on another queue, with its attributes; counted each time."""
    work = Work(site, emulator, start, max_receives=4)
    await site.start(acks="true")
    other = Queue(emulator, f"{work.queue.name}-other")
    more = {"hold_queue": other.name} if expired == "forward" else {}
    poller = work.poller(hold_seconds=600, hold_expired=expired, **more)
    send(work, 7, hold="2")
    if expired == "leave":
        await until(lambda: work.queue.dead() == 1)
        assert poller.metric("queuecast_poller_left_total", reason="nobody_came") >= 1
        return
    await until(work.is_done)
    reason = "nobody_came" if expired == "drop" else "forwarded"
    await until(lambda: poller.metric("queuecast_poller_dropped_total", reason=reason) == 1)
    assert other.depth() == (expired == "forward")
    if expired == "forward":
        (message,) = sqs.client(emulator).receive_message(QueueUrl=other.url, MessageAttributeNames=["All"])[
            "Messages"
        ]
        attributes: Any = message["MessageAttributes"]
        assert message["Body"] == "7"
        assert {name: value["StringValue"] for name, value in attributes.items()} == {
            "event": "order",
            "rooms": "a",
            "hold": "2",
        }


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_held_messages_outlive_their_poller(
    site: Site, emulator: int, start: Callable[..., Service], how: signal.Signals
) -> None:
    """They are on the queue all the time: another poller holds them on."""
    work = Work(site, emulator, start, visibility_seconds=3)
    replica = await site.start(acks="true")
    first = work.poller(hold_seconds=600)
    send(work, 1)
    await until(lambda: first.metric(HELD) == 1)
    first.process.signal(how)
    await until(lambda: first.process.exit_code is not None)
    second = work.poller(hold_seconds=600)
    await until(lambda: second.metric(HELD) == 1)
    late = await in_room(replica.port)
    assert await late.event() == ["order", 1]
    await until(work.is_done)
    await late.leave()


async def test_more_messages_than_may_be_held_come_back(
    site: Site, emulator: int, start: Callable[..., Service]
) -> None:
    """After their visibility timeout; none is lost."""
    work = Work(site, emulator, start, visibility_seconds=2)
    replica = await site.start(acks="true")
    poller = work.poller(hold_seconds=600, max_held=1)
    send(work, 1, 2)
    await until(lambda: poller.metric(HELD) == 1 and poller.metric(HOLDS, outcome="full") >= 1)
    late = await in_room(replica.port)
    assert sorted([await late.event() for _ in range(2)]) == [["order", 1], ["order", 2]]
    await until(work.is_done)
    await late.leave()
