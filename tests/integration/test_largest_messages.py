"""Messages of the largest size that SQS takes: from the queue to every browser, live and in a replay."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import socketio
from botocore.exceptions import ClientError
from tests.claims import eventually
from tests.proxy import Proxy

from queuecast_bus import BusManager, Record

from .conftest import HOST, Queue, Redis, Service, bus_settings
from .emulators import ours
from .page import page
from .site import CONNECTIONS, Site, site, until
from .test_bus import follow, managers
from .test_poller import POLLER, settings

__all__ = ["follow", "managers", "site"]

LARGEST = 1_048_576
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""

RECORDS_READ = "queuecast_gateway_records_read_total"


@pytest.fixture(scope="module")
def emulator() -> Iterator[int]:
    """One that has the limits of today's SQS."""
    with ours() as made:
        yield made.port


def text(size: int, letter: str = "x") -> str:
    """Return a JSON text of so many bytes."""
    return f'"{letter * (size - 2)}"'


async def test_the_largest_message_of_sqs_reaches_everybody(
    site: Site, queue: Queue, start: Callable[..., Service]
) -> None:
    """With every setting as it is: over each transport, stock clients, and who was away meanwhile."""
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
        assert [(name, len(data)) for name, data in back.missed] == [("item_added", LARGEST - 2)]
    await until(lambda: queue.depth() == 0)
    for client in clients:
        await client.disconnect()


def test_a_longer_message_is_refused_by_the_queue_itself(queue: Queue) -> None:
    """So there is nothing on a queue that is too long for the default bound."""
    with pytest.raises(ClientError, match="1048576"):
        queue.send(text(LARGEST + 1))


async def test_a_burst_of_the_largest_reaches_a_browser_that_keeps_up(site: Site) -> None:
    """Ten come with one receive and are stored in one step: each is written while the one before is read."""
    gateway = await site.start()
    got: list[Any] = []
    client = await stock_client(gateway.port, "websocket", got)
    await site.publish(*(Record("item_added", f"[{text(LARGEST, str(n))}]".encode()) for n in range(3)))
    await until(lambda: len(got) == 3)
    assert [event[0] for event in got] == ["0", "1", "2"]
    await client.disconnect()


async def test_a_replica_that_is_behind_takes_little_memory_to_catch_up(site: Site) -> None:
    """300 records of 512 KiB were one answer: 150 MiB, and as much again to read it."""
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
    """Its pod has 512 MiB. Small ones before them have all receives under way."""
    poller = start(POLLER, settings(forgetful_redis, queue))
    eventually(poller.ready)
    before = peak_kib(poller)
    poller.process.signal(signal.SIGSTOP)
    try:
        queue.send(*[text(10)] * 100, *[text(LARGEST)] * 80)
    finally:
        poller.process.signal(signal.SIGCONT)
    eventually(lambda: queue.depth() == 0)
    assert poller.metric("queuecast_poller_published_total") == 180
    assert peak_kib(poller) - before < 320 << 10


async def test_a_reader_that_is_behind_catches_up_over_a_slow_link(
    own_redis: Redis, managers: Callable[..., BusManager], follow: Callable[..., Any]
) -> None:
    """All in one answer took longer than an answer may: it was thrown away and asked for again, for ever."""
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


async def stock_client(port: int, transport: str, came: list[Any]) -> Any:
    """Return a connected stock client; what `item_added` brings it is put into `came`."""
    client = socketio.AsyncClient()
    client.on("item_added", came.append)
    await client.connect(f"http://{HOST}:{port}", transports=[transport], auth={"recovery": False})
    return client


def peak_kib(service: Service) -> int:
    """Return the most memory that a service has had."""
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
