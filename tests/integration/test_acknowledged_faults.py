"""Messages that wait for acknowledgements while processes die: not lost, and marked if they come again."""

import json
import signal
import uuid
from collections.abc import Callable, Iterator

import pytest

from queuecast_local import sqs

from .acknowledging import ACKS, COUNTED, Work, acknowledging, came, in_room, somebody
from .emulators import Emulator
from .services import Queue, Service
from .site import Site, until


@pytest.fixture
def faulty(sqs_of_ours: Emulator) -> Iterator[Emulator]:
    """An emulator that has no fault until a test sets one."""
    yield sqs_of_ours
    sqs_of_ours.fail()


@pytest.fixture
def hasty(kept_site: Site, faulty: Emulator, start: Callable[..., Service]) -> Work:
    """A queue whose messages come back after five seconds, so that browsers have four."""
    return Work(kept_site, faulty.port, start, visibility_seconds=5)


async def test_a_killed_poller_shows_a_message_once_more_and_says_so(kept_site: Site, hasty: Work) -> None:
    """Killed while it waits: another one takes over when the message comes back."""
    replica = await kept_site.start(acks="true")
    first = hasty.poller()
    only = await in_room(replica.port)
    hasty.send(1)
    assert came(await only.event()) == (1, False)
    first.process.stop(grace_seconds=0)
    await only.acknowledge()
    await until(lambda: replica.metric(COUNTED) >= 1)  # in time or late
    hasty.poller()
    async with acknowledging(only) as events:
        await until(hasty.is_done)
    assert set(events) == {(1, True)}
    await only.leave()


async def test_a_poller_that_is_killed_before_it_deletes_does_not_show_the_message_again(
    kept_site: Site, hasty: Work, faulty: Emulator
) -> None:
    """It has noted in Redis what was acknowledged."""
    replica = await kept_site.start(acks="true")
    first = hasty.poller()
    only = await in_room(replica.port)
    faulty.fail({"action": "DeleteMessageBatch", "kind": "hang", "seconds": 60})
    async with acknowledging(only) as events:  # an answer that is too late counts the next time
        hasty.send(1)
        await until(lambda: first.metric(ACKS, outcome="acknowledged") == 1)
        await until(lambda: faulty.struck() >= [1])
    assert events[0] == (1, False)
    first.process.stop(grace_seconds=0)
    faulty.fail()
    second = hasty.poller()
    await until(hasty.is_done)
    assert second.metric("queuecast_poller_duplicates_total") >= 1
    assert second.metric("queuecast_poller_published_total") == 0
    assert (await only.ask("subscribe", "b"))["ok"]
    assert only.early() == []
    await only.leave()


async def test_a_stopping_poller_returns_what_it_waits_for(kept_site: Site, hasty: Work) -> None:
    """It waits a little for the answers, which may be on their way; then another poller goes on."""
    replica = await kept_site.start(acks="true")
    first = hasty.poller()
    only = await in_room(replica.port)
    hasty.send(1)
    assert came(await only.event()) == (1, False)
    first.process.signal(signal.SIGTERM)
    await only.acknowledge()
    await until(lambda: first.process.exit_code == 0)
    hasty.poller()
    async with acknowledging(only) as events:
        await until(hasty.is_done)
    assert set(events) <= {(1, True)}
    await only.leave()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_a_gateway_that_goes_away_takes_no_message_with_it(
    kept_site: Site, hasty: Work, how: signal.Signals
) -> None:
    """Its browsers go on elsewhere, and acknowledge there what they had been sent, or get it again."""
    one, two = await kept_site.start_two(acks="true", drain_seconds=0)
    hasty.poller()
    stays, moves = await in_room(two.port), await in_room(one.port)
    hasty.send(1, ack="all")
    assert came(await stays.event()) == came(await moves.event()) == (1, False)
    ticket = moves.ticket
    await kept_site.saved(ticket.pid)
    one.process.signal(how)
    await until(lambda: one.process.exit_code is not None)
    await moves.leave()
    back = await in_room(two.port, ticket)
    assert back.is_back(ticket)
    for ack_id in moves.wanted:
        await back.acknowledge(ack_id)
    await stays.acknowledge()
    async with acknowledging(stays) as first, acknowledging(back) as second:
        await until(hasty.is_done)
    assert set(first) | set(second) <= {(1, True)}
    await stays.leave()
    await back.leave()


@pytest.fixture(params=["kept_site", "site"])
def either_site(request: pytest.FixtureRequest) -> Site:
    """A site on a Redis that keeps its data across a restart, and one on a Redis that does not."""
    site: Site = request.getfixturevalue(request.param)
    return site


async def test_redis_may_restart_while_a_message_waits(
    either_site: Site, faulty: Emulator, start: Callable[..., Service]
) -> None:
    """What was acknowledged meanwhile is reported when Redis is back, or the message comes again."""
    site = either_site
    hasty = Work(site, faulty.port, start, visibility_seconds=10)
    replica = await site.start(acks="true", drain_seconds=0)
    hasty.poller()
    only = await in_room(replica.port)
    hasty.send(1)
    assert came(await only.event()) == (1, False)
    site.redis.kill()
    await only.acknowledge()
    site.redis.start()
    await only.leave()
    async with somebody(replica.port) as events:
        await until(hasty.is_done)
    assert set(events) <= {(1, True)}


class Ordered(Queue):
    """A FIFO queue whose messages come back after five minutes."""

    def __init__(self, emulator: Emulator) -> None:
        made = emulator.queue(fifo=True, VisibilityTimeout="300")
        self.client, self.url, self.environment = emulator.client, made.url, sqs.environment(emulator.port)
        self.name = made.url.rpartition("/")[2]

    def send_to(self, group: str, number: int, **attributes: str) -> None:
        values = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        self.client.send_message(
            QueueUrl=self.url,
            MessageBody=json.dumps(number),
            MessageGroupId=group,
            MessageDeduplicationId=uuid.uuid4().hex,
            MessageAttributes=values,
        )


async def test_a_group_waits_for_its_message_and_others_do_not(
    kept_site: Site, hasty: Work, faulty: Emulator
) -> None:
    """What was sent later in the group comes later, whether it has to be acknowledged itself or not."""
    ordered = hasty.queue = Ordered(faulty)
    replica = await kept_site.start(acks="true")
    only = await in_room(replica.port)
    ordered.send_to("g", 1, event="order", rooms="a", ack="any")
    ordered.send_to("g", 2, event="price", rooms="a")
    ordered.send_to("g", 3, event="order", rooms="a", ack="all")
    ordered.send_to("other", 4, event="price", rooms="a")
    hasty.poller()
    assert sorted([(await only.event())[1] for _ in range(2)]) == [1, 4]
    await only.acknowledge()
    assert [(await only.event())[1] for _ in range(2)] == [2, 3]
    await only.acknowledge()
    await until(hasty.is_done)
    await only.leave()
