"""Redis Cluster over TLS: every connection, to whichever node, is encrypted, and its certificate checked."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from tests.claims import WITHIN_SECONDS
from tests.redis_cluster import RedisCluster, has_clusters

from queuecast_bus import BusManager
from queuecast_bus.keys import Keys
from queuecast_local.redis_server import RedisServer

from .gateway import Gateway
from .page import Page, page
from .poller import POLLER
from .publishing import refused
from .services import Queue, Service, bus_settings, free_port
from .site import until
from .tls import Certificates, has_tls


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.issued_into(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def cluster(
    redis_kind: RedisServer, tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[RedisCluster]:
    if not has_clusters(redis_kind) or not has_tls(redis_kind):
        pytest.skip(f"{redis_kind.description} has no cluster, or no TLS")
    folder = tmp_path_factory.mktemp("cluster")
    made = RedisCluster(redis_kind, folder, free_port, tls=certificates.options)
    yield made
    made.close()


async def test_services_follow_their_slot_over_tls(
    cluster: RedisCluster,
    certificates: Certificates,
    queue: Queue,
    gateway: Callable[..., Gateway],
    start: Callable[..., Service],
) -> None:
    """Nodes name each other by the ports of TLS, and the stream is read at a replica."""
    url = cluster.tls_url(f"ssl_ca_certs={certificates['ca']}")
    server = gateway(url, QUEUECAST_REDIS_READ_URL=url)
    poller = start(
        POLLER,
        {
            **queue.environment,
            "QUEUECAST_REDIS_URL": url,
            "QUEUECAST_QUEUES": queue.name,
            "QUEUECAST_WAIT_SECONDS": "1",
        },
    )
    await until(lambda: server.ready() and poller.ready())
    async with page(server.port) as browser:
        await asyncio.to_thread(queue.send, '{"id": 1}')
        await gets(browser, "item_added", 1)
        await removes(browser, 1)
        await asyncio.to_thread(cluster.fail_over, Keys().stream)
        await asyncio.to_thread(queue.send, '{"id": 2}')
        await gets(browser, "item_added", 2)
        await removes(browser, 2)


async def removes(browser: Page, number: int) -> None:
    """Emit until it is confirmed: the gateway may first hear from the old primary that it is none."""
    async with asyncio.timeout(WITHIN_SECONDS):
        while not (await browser.ask("item_removed", {"id": number}))["ok"]:
            pass
    await gets(browser, "item_removed", number)


async def gets(browser: Page, event: str, number: int) -> None:
    """Read until this event comes; what was emitted and not confirmed in time may come before."""
    async with asyncio.timeout(WITHIN_SECONDS):
        while await browser.event() != [event, {"id": number}]:
            pass


async def test_a_node_with_a_certificate_of_an_unknown_ca_is_refused(
    cluster: RedisCluster, certificates: Certificates, managers: Callable[..., BusManager]
) -> None:
    """Whoever answers for a node could name its own servers."""
    url = cluster.tls_url(f"ssl_ca_certs={certificates['other-ca']}")
    await refused(managers(bus_settings(url), write_only=True), "CERTIFICATE_VERIFY_FAILED")
