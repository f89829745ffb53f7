"""Messages of the largest size that SQS accepts: from the queue to every browser, live and replayed."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import socketio
from botocore.exceptions import ClientError
from tests.claims import WITHIN_SECONDS, eventually
from tests.proxy import Proxy

from queuecast_bus import BusManager, Record

from .emulators import ours
from .gateway import stored_once
from .page import page
from .poller import POLLER, settings
from .services import HOST, Queue, Redis, Service, bus_settings
from .site import CONNECTIONS, RECORDS_READ, Site, until

LARGEST = 1_048_576
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""


@pytest.fixture(scope="module")
def emulator() -> Iterator[int]:
    """An emulator with the limits of today's SQS."""
    with ours() as made:
        yield made.port


def text(size: int, letter: str = "x") -> str:
    """Return a JSON string that is `size` bytes long."""
    return f'"{letter * (size - 2)}"'


async def test_the_largest_message_of_sqs_reaches_everybody(
    site: Site, queue: Queue, start: Callable[..., Service]
) -> None:
    """With default settings it reaches stock clients on each transport, and one that was away."""
    gateway = await site.start()
    poller = start(POLLER, settings(site.redis, queue, QUEUECAST_CHANNEL=site.channel))
    await until(poller.ready)
    got: dict[str, list[Any]] = {"websocket": [], "polling": []}
    clients = [await stock_client(gateway.port, transport, came) for transport, came in got.items()]
    async with page(gateway.port) as ann:
        ticket = ann.ticket
    await until(lambda: gateway.metric(CONNECTIONS) == len(clients))
    body = text(LARGEST)
    queue.send(body)
    await until(lambda: all(got.values()))
    assert {transport: [len(event) for event in came] for transport, came in got.items()} == {
        "websocket": [LARGEST - 2],
        "polling": [LARGEST - 2],
    }
    async with page(gateway.port, ticket) as back:
        assert back.is_back(ticket)
        assert [(name, len(data)) for name, data in await back.caught_up(1)] == [("item_added", LARGEST - 2)]
    await until(lambda: queue.depth() == 0)
    for client in clients:
        await client.disconnect()


def test_a_longer_message_is_refused_by_the_queue_itself(queue: Queue) -> None:
    """So no message on a queue exceeds the default bound."""
    with pytest.raises(ClientError, match="1048576"):
        queue.send(text(LARGEST + 1))


async def test_a_burst_of_the_largest_reaches_a_browser_that_keeps_up(site: Site) -> None:
    """One receive brings ten, stored in one step: each is written while the one before is read."""
    gateway = await site.start()
    got: list[Any] = []
    client = await stock_client(gateway.port, "websocket", got)
    await site.publish(*(Record("item_added", f"[{text(LARGEST, str(n))}]".encode()) for n in range(3)))
    await until(lambda: len(got) == 3)
    assert [event[0] for event in got] == ["0", "1", "2"]
    await client.disconnect()


async def test_a_replica_that_is_behind_takes_little_memory_to_catch_up(site: Site) -> None:
    """300 records of 512 KiB used to come in one answer: 150 MiB, and as much again to parse it."""
    gateway = await site.start()
    gateway.process.signal(signal.SIGSTOP)
    try:
        for _ in range(30):
            await site.publish(*[Record("e", b"[%s]" % text(512 << 10).encode(), rooms=("nobody",))] * 10)
        before = peak_kib(gateway)
    finally:
        gateway.process.signal(signal.SIGCONT)
    await until(lambda: gateway.metric(RECORDS_READ, outcome="nobody_here") >= 300)
    assert peak_kib(gateway) - before < 96 << 10


def test_a_poller_takes_a_backlog_of_them_within_its_memory(
    forgetful_redis: Redis, queue: Queue, start: Callable[..., Service]
) -> None:
    """Its pod has 512 MiB. Small messages come first, so that all its receives are under way."""
    poller = start(POLLER, settings(forgetful_redis, queue))
    eventually(poller.ready)
    before = peak_kib(poller)
    poller.process.signal(signal.SIGSTOP)
    try:
        queue.send(*[text(10)] * 100, *[text(LARGEST)] * 80)
    finally:
        poller.process.signal(signal.SIGCONT)
    eventually(lambda: queue.depth() == 0)
    # On a starved machine an answer of Redis comes too late, and its message counts as sent before.
    counted = [poller.metric(f"queuecast_poller_{name}_total") for name in ("published", "duplicates")]
    assert sum(counted) == 180
    assert peak_kib(poller) - before < 320 << 10


async def test_a_reader_that_is_behind_catches_up_over_a_slow_link(
    own_redis: Redis, managers: Callable[..., BusManager], follow: Callable[..., Any]
) -> None:
    """One answer with everything timed out, was thrown away and was asked for again, for ever."""
    proxy = Proxy(lambda: own_redis.port)
    port = await proxy.start()
    slow = bus_settings(f"redis://{HOST}:{port}/0")
    follower = await follow(slow)
    proxy.cut()
    proxy.bytes_per_second = 3e6
    direct = bus_settings(own_redis.url, channel=slow.channel)
    publisher = managers(direct, write_only=True)
    records = [Record("e", f"[{number},{text(1_000_000)}]".encode()) for number in range(15)]
    proxy.fall_silent()
    for record in records:
        await publisher.publish([(record, None)])
    proxy.flow()
    await until(lambda: len(follower.arguments) == len(records), 120)
    assert follower.arguments == [record.arguments for record in records]
    assert follower.gaps == []
    await proxy.stop()


async def test_an_answer_of_which_parts_keep_arriving_is_read_to_its_end(
    own_redis: Redis, managers: Callable[..., BusManager], follow: Callable[..., Any]
) -> None:
    """A record that takes longer than an answer may would be asked for again and again, and never come."""
    proxy = Proxy(lambda: own_redis.port)
    port = await proxy.start()
    slow = bus_settings(f"redis://{HOST}:{port}/0")
    follower = await follow(slow)
    proxy.bytes_per_second = 3e5
    publisher = managers(bus_settings(own_redis.url, channel=slow.channel), write_only=True)
    record = Record("e", f"[{text(2_000_000)}]".encode())
    # An answer is missed where this process stands still for as long as one may take. It is not each time.
    for count in range(1, 6):
        seen = len(follower.batches)
        await stored_once(publisher, record)
        await until(lambda count=count: len(follower.arguments) == count, 120)
        assert follower.arguments == [record.arguments] * count
        if not any(batch.resumed for batch in follower.batches[seen:]):
            break
    else:
        pytest.fail("no record was read in one answer")
    await proxy.stop()


async def stock_client(port: int, transport: str, came: list[Any]) -> Any:
    """Return a connected stock client that appends the data of each `item_added` to `came`."""
    client = socketio.AsyncClient(request_timeout=WITHIN_SECONDS)
    client.on("item_added", came.append)
    url, auth = f"http://{HOST}:{port}", {"recovery": False}
    await client.connect(url, transports=[transport], auth=auth, wait_timeout=WITHIN_SECONDS)
    return client


def peak_kib(service: Service) -> int:
    """Return a service's peak memory."""
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
