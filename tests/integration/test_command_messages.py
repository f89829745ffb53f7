"""Commands from the queue to the sessions: the poller, Redis and two gateways, all real."""

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from . import emulators
from .commands import SECRET, disconnected, token
from .dead_letters import Pair
from .emulators import Emulator
from .page import Page
from .services import Redis, Service
from .site import RECORDS_READ, Site, item, until


@pytest.fixture(scope="module")
def ours() -> Iterator[Emulator]:
    with emulators.ours() as found:
        yield found


def send(pair: Pair, command: str, body: str, **attributes: str) -> None:
    """Put a command on the queue."""
    named = {"queuecast.command": command, **attributes}
    pair.queue.client.send_message(
        QueueUrl=pair.queue.url,
        MessageBody=body,
        MessageAttributes={name: {"DataType": "String", "StringValue": text} for name, text in named.items()},
    )


def poller(start: Callable[..., Service], pair: Pair, site: Site, **more: Any) -> Service:
    environment = pair.poller(site.redis, QUEUECAST_CHANNEL=site.channel, **more)
    return start("queuecast_poller", environment)


async def test_a_command_on_the_queue_is_followed_and_deleted(
    site: Site, ours: Emulator, start: Callable[..., Service]
) -> None:
    """A user's sessions end on every replica; a session joins its room before the next message comes."""
    replicas = await site.start_two(auth="jwt", auth_secret=SECRET)
    pair = Pair(ours)
    service = poller(start, pair, site, QUEUECAST_COMMANDS="true")
    ann = [await Page.open(each.port, **token("ann")) for each in replicas]
    bob = await Page.open(replicas[0].port, **token("bob", "sku:7"))
    send(pair, "disconnect", '{"user": "ann"}')
    for each in ann:
        await disconnected(each)
    send(pair, "join", '{"user": "bob", "rooms": ["sku:7"]}')
    await until(lambda: pair.queue.depth() == (0, 0))
    await site.publish(item(1, "sku:7"))
    assert await bob.event() == ["e", 1]
    assert service.metric("queuecast_poller_published_total") == 2
    for page in (*ann, bob):
        await page.leave()


async def test_a_queue_commands_nobody_unless_that_is_switched_on(
    site: Site, ours: Emulator, start: Callable[..., Service]
) -> None:
    """It becomes a dead letter at once; the user stays connected, and no browser learns whom it names."""
    one = await site.start(auth="jwt", auth_secret=SECRET)
    pair = Pair(ours)
    service = poller(start, pair, site)
    ann = await Page.open(one.port, **token("ann"))
    send(pair, "disconnect", '{"user": "ann"}')
    await until(lambda: pair.dead.depth()[0] == 1)
    await site.publish(item(1))
    assert await ann.event() == ["e", 1]
    assert service.metric("queuecast_poller_dead_letters_total", reason="bad_command") == 1
    await ann.leave()


async def test_a_command_is_left_while_redis_is_away_and_followed_once(
    forgetful_redis: Redis, ours: Emulator, start: Callable[..., Service]
) -> None:
    """A deleted command has taken effect: until Redis has it, the message stays on the queue."""
    made = Site(forgetful_redis)
    try:
        one = await made.start()
        pair = Pair(ours)
        service = poller(start, pair, made, QUEUECAST_COMMANDS="true")
        await until(service.ready)
        forgetful_redis.process.signal(signal.SIGSTOP)
        send(pair, "join", '{"room": "vip", "rooms": ["sku:7"]}')
        await until(lambda: service.metric("queuecast_poller_publish_failures_total") > 0)
        assert pair.queue.depth() == (0, 1)
        forgetful_redis.process.signal(signal.SIGCONT)
        await until(lambda: pair.queue.depth() == (0, 0))
        await until(lambda: one.metric(RECORDS_READ, outcome="nobody_here") == 1)
    finally:
        await made.close()
