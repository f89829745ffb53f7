"""Messages with the attribute `ack`: deleted once browsers have acknowledged them, on whichever replica."""

from collections.abc import Callable

import pytest

from .acknowledging import ACKS, COUNTED, LEFT, Work, acknowledging, came, in_room
from .page import page
from .services import Service
from .site import RECORDS_READ, Site, until


@pytest.fixture
def work(site: Site, emulator: int, start: Callable[..., Service]) -> Work:
    """A queue on which browsers have minutes to answer."""
    return Work(site, emulator, start)


@pytest.fixture
def hasty(site: Site, emulator: int, start: Callable[..., Service]) -> Work:
    """A queue whose messages come back after five seconds, so that browsers have four."""
    return Work(site, emulator, start, visibility_seconds=5)


async def test_any_browser_may_acknowledge_a_message(site: Site, work: Work) -> None:
    """It is deleted then and not before, and others need not answer."""
    one, two = await site.start_two(acks="true")
    poller = work.poller()
    first, second = await in_room(one.port), await in_room(two.port, recovery=False)
    (message_id,) = work.send({"id": 1})
    event = await first.event()
    assert event == ["order", {"id": 1}, {"id": message_id, "ack": "any", "redelivered": False}]
    assert await second.event() == event
    assert first.wanted == second.wanted
    assert work.queue.depth() == 1
    await second.acknowledge()
    await until(work.is_done)
    assert poller.metric(ACKS, outcome="acknowledged") == 1
    assert poller.metric("queuecast_poller_published_total") == 1
    await until(lambda: poller.metric("queuecast_poller_in_flight") == 0)
    await first.leave()
    await second.leave()


async def test_all_browsers_have_to_acknowledge_a_message(site: Site, work: Work) -> None:
    """All that were in the room, on all replicas; others are not asked."""
    one, two = await site.start_two(acks="true")
    work.poller()
    pages = [await in_room(port) for port in (one.port, one.port, two.port)]
    async with page(two.port) as other:
        work.send(1, ack="all")
        for each in pages:
            assert came(await each.event()) == (1, False)
        for each in pages[:2]:
            await each.acknowledge()
        await until(lambda: one.metric(COUNTED, outcome="counted") == 2)
        await other.acknowledge(pages[2].wanted[0])
        await until(lambda: two.metric(COUNTED, outcome="not_addressed") == 1)
        assert work.queue.depth() == 1
        await pages[2].acknowledge()
        await until(work.is_done)
    for each in pages:
        await each.leave()


async def test_a_message_that_nobody_acknowledges_is_a_dead_letter_at_last(
    site: Site, emulator: int, start: Callable[..., Service]
) -> None:
    """Nothing is lost silently: it is shown again, marked and counted each time, and then put aside."""
    hasty = Work(site, emulator, start, visibility_seconds=5, max_receives=3)
    replica = await site.start(acks="true")
    poller = hasty.poller()
    only = await in_room(replica.port)
    hasty.send(1)
    assert [came(await only.event()) for _ in range(3)] == [(1, False), (1, True), (1, True)]
    assert len(set(only.wanted)) == 3, "an answer to an earlier try must not count for a later one"
    await until(lambda: hasty.queue.dead() == 1)
    await until(lambda: poller.metric("queuecast_poller_dead_letters_total", reason="unanswered") == 1)
    assert poller.metric(ACKS, outcome="unanswered") == 3
    assert poller.metric(LEFT, reason="unanswered") == 3
    assert "0 of 1 browsers on 1 gateways" in poller.log()
    await only.acknowledge()
    await until(lambda: replica.metric(COUNTED, outcome="late") == 1)
    await only.leave()


async def test_a_message_for_an_empty_room_comes_back(site: Site, hasty: Work) -> None:
    """The gateways say at once that nobody is there; whoever comes later gets it."""
    one, _ = await site.start_two(acks="true")
    poller = hasty.poller()
    hasty.send(1, ack="all")
    await until(lambda: poller.metric(ACKS, outcome="nobody_there") >= 1)
    late = await in_room(one.port)
    async with acknowledging(late) as events:
        await until(hasty.is_done)
    assert set(events) == {(1, True)}
    await late.leave()


@pytest.mark.parametrize("mode", ["any", "all"])
async def test_a_session_that_moves_may_acknowledge_where_it_is_now(
    site: Site, work: Work, mode: str
) -> None:
    """The stock client sends an acknowledgement over the connection that it has then."""
    one, two = await site.start_two(acks="true")
    work.poller()
    stays, moves = await in_room(one.port), await in_room(one.port)
    work.send(1, ack=mode)
    assert came(await stays.event()) == came(await moves.event()) == (1, False)
    ticket, wanted = moves.ticket, moves.wanted
    await site.saved(ticket.pid)
    await moves.leave()
    back = await in_room(two.port, ticket)
    assert back.is_back(ticket)
    if mode == "all":
        await stays.acknowledge()
    await back.acknowledge(wanted[0])
    await until(work.is_done)
    assert two.metric(COUNTED, outcome="counted") == 1
    await stays.leave()
    await back.leave()


async def test_an_event_that_a_session_missed_can_be_acknowledged_when_it_is_replayed(
    site: Site, work: Work
) -> None:
    """The packet has its id in a replay too."""
    one, two = await site.start_two(acks="true")
    work.poller()
    away, there = await in_room(one.port), await in_room(one.port)
    ticket = away.ticket
    await away.leave()
    work.send(1)
    assert came(await there.event()) == (1, False)
    back = await in_room(two.port, ticket)
    assert [came(event) for event in await back.caught_up(1)] == [(1, False)]
    assert back.wanted == there.wanted
    await back.acknowledge()
    await until(work.is_done)
    await there.leave()
    await back.leave()


async def test_past_events_have_it_without_a_callback(site: Site, work: Work) -> None:
    """A page that opens late sees what the room was sent; it is in the room for the next try."""
    replica = await site.start(acks="true")
    work.poller()
    there = await in_room(replica.port)
    work.send(1)
    await there.event()
    async with page(replica.port) as late:
        ack = await late.ask("subscribe", "a", {"last": 5})
        ((data, meta),) = [event["args"] for event in ack["events"]]
        assert (data, meta["redelivered"]) == (1, False)
        assert ack["complete"]
    await there.acknowledge()
    await until(work.is_done)
    await there.leave()


async def test_other_messages_do_not_wait(site: Site, work: Work) -> None:
    """The wait for an acknowledgement is beside the way of all others."""
    replica = await site.start(acks="true")
    poller = work.poller(max_receives=1)
    only = await in_room(replica.port)
    work.send(1)
    assert came(await only.event()) == (1, False)
    work.queue.send(*map(str, range(30)), event="price", rooms="a")
    assert sorted([(await only.event())[1] for _ in range(30)]) == list(range(30))
    assert poller.metric("queuecast_poller_awaited") == 1
    await only.acknowledge()
    await until(work.is_done)
    await only.leave()


async def test_a_poller_without_the_setting_leaves_such_messages(
    site: Site, emulator: int, start: Callable[..., Service]
) -> None:
    """Deleted unacknowledged, it would have lost its sender's wish silently."""
    work = Work(site, emulator, start, max_receives=2)
    await site.start(acks="true")
    poller = work.poller(ack_seconds=0)
    work.send(1)
    await until(lambda: work.queue.dead() == 1)
    assert poller.metric(LEFT, reason="bad_address") == 2
    assert "QUEUECAST_ACK_SECONDS" in poller.log()


async def test_a_gateway_without_the_setting_shows_it_to_nobody(site: Site, hasty: Work) -> None:
    """Shown by a gateway that collects no answers, it would come back although it was acknowledged."""
    old = await site.start()
    poller = hasty.poller()
    there = await in_room(old.port)
    hasty.send(1)
    await until(lambda: poller.metric(ACKS, outcome="unanswered") >= 1)
    await until(lambda: old.metric(RECORDS_READ, outcome="unknown_namespace") >= 1)
    assert there.early() == []
    new = await site.start(acks="true")
    late = await in_room(new.port)
    async with acknowledging(late):
        await until(hasty.is_done)
    await there.leave()
    await late.leave()
