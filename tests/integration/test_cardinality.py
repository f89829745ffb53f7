"""The number of series: nothing from outside adds one. And under load, what they count adds up."""

import asyncio
import json
import random
import string
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from tests.claims import eventually
from tests.issuer import SECRET, signed

from queuecast_bus import Record

from . import wire
from .emulators import Emulator, ours
from .gateway import Gateway
from .page import page
from .poller import POLLER, settings
from .services import Queue, Redis, Service
from .site import RECORDS_READ, Site, until
from .wire import WebSocket

AT_MOST = 2_000
"""The most series of one process; docs/metrics.md has the number. The PodMonitors' limit is far higher."""

Series = frozenset[tuple[str, tuple[tuple[str, str], ...]]]

SCRAPE_SECONDS = 30
"""Prometheus's scrape timeout under Compose; in Kubernetes it is longer."""


def families(service: Service) -> list[Metric]:
    status, text = service.ask("/metrics")
    assert status == 200, text
    return list(text_string_to_metric_families(text))


def series(service: Service) -> Series:
    """Return the name and labels of every series that a service exposes."""
    return frozenset(
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in families(service)
        for sample in family.samples
    )


def totals(service: Service) -> dict[str, float]:
    """Return the sum of each metric, all from a single scrape."""
    sums: dict[str, float] = {}
    for family in families(service):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0) + sample.value
    return sums


class Noise:
    """Random words, the same ones in each run."""

    def __init__(self) -> None:
        self._random = random.Random(45)

    def word(self) -> str:
        return "".join(self._random.choices(string.ascii_letters + string.digits + "._-äß", k=12))

    def attributes(self) -> dict[str, str]:
        """Return the attributes of a message: valid addresses and nonsense."""
        names = ("event", "rooms", "namespace", self._random.choice(string.ascii_letters))
        return {name: self.word() for name in names if self._random.random() < 0.6}

    def body(self) -> str:
        return self._random.choice((self.word(), json.dumps({self.word(): self.word()}), f"[{self.word()!r}"))


@pytest.fixture
def noise() -> Noise:
    return Noise()


# What comes from outside


async def send_without_token(gateway: Gateway, noise: Noise) -> None:
    """Send all that one can choose without a token: methods, paths, queries, headers, tokens, namespaces."""
    for _ in range(20):
        word = noise.word().encode("ascii", "ignore").decode()
        with suppress(OSError, EOFError):
            headers = {
                "Origin": f"https://{word}.example",
                f"X-{word.strip('._-')}": word,
                "User-Agent": word,
            }
            await wire.request(gateway.port, word.upper().strip("._-"), word, headers=headers)
            await wire.request(gateway.port, query=f"EIO=4&transport={word}&sid={word}", headers=headers)
        async with await WebSocket.open(gateway.port, path=f"/{word}") as lost:
            assert lost.answer.status >= 400
        async with await WebSocket.open(gateway.port) as one:
            await one.opening()
            one.send(
                f"40/{noise.word()},", f"40{json.dumps({'token': noise.word(), noise.word(): noise.word()})}"
            )
            for _ in range(2):  # what is not read yet is lost with the connection
                await one.text()


async def send_with_token(gateway: Gateway, noise: Noise) -> None:
    """Send all that a client with a token can choose: rooms, events, acknowledgements, invalid packets."""
    async with page(gateway.port, token=signed(sub=noise.word(), rooms=["*"])) as one:
        for _ in range(10):
            word = noise.word()
            assert word in (await one.ask("subscribe", word))["rooms"]
            assert not (await one.ask(word, {noise.word(): noise.word()}))["ok"]
    for _ in range(10):
        async with page(gateway.port, token=signed(sub=noise.word())) as one:
            assert isinstance(one.connection, WebSocket)
            one.connection.send(noise.word())
            assert await one.connection.close_code() == 1008


async def test_no_client_can_add_a_series_to_a_gateway(site: Site, noise: Noise) -> None:
    """If strangers could choose a label's values, they could fill Prometheus."""
    gateway = await site.start(auth="jwt", auth_secret=SECRET, max_failed_tries=0)
    before = await asyncio.to_thread(series, gateway)
    await send_without_token(gateway, noise)
    await send_with_token(gateway, noise)
    async with page(gateway.port, token=signed(rooms=["*"], join=["all"])) as one:
        for _ in range(50):
            word = noise.word()
            records = (
                Record(word, b'["%d"]' % time.time_ns(), rooms=("all",), sent_ms=time.time_ns() // 1_000_000),
                Record(word, b"[]", rooms=(noise.word(),)),
                Record(word, b"[]", namespace=f"/{noise.word()}"),
            )
            await site.publish(*records)
            assert (await one.event())[0] == word
    for _ in range(10):
        await asyncio.to_thread(site.redis.client.xadd, site.keys.stream, {noise.word(): noise.word()})
    await until(lambda: gateway.metric(RECORDS_READ, outcome="malformed") == 10)
    assert await asyncio.to_thread(series, gateway) == before
    assert gateway.metric(RECORDS_READ, outcome="unknown_namespace") == 50
    assert gateway.metric("queuecast_gateway_connects_refused_total", reason="malformed") == 20
    assert len(before) < AT_MOST


@pytest.fixture(scope="module")
def twice() -> Iterator[Emulator]:
    """An SQS that delivers some messages twice."""
    with ours() as emulator:
        yield emulator


def test_no_message_can_add_a_series_to_a_poller(
    forgetful_redis: Redis, emulator: int, start: Callable[..., Service], noise: Noise
) -> None:
    """The senders to a queue choose everything in their messages."""
    one, two = (Queue(emulator, f"noise-{time.monotonic_ns()}", max_receives=1) for _ in range(2))
    alone = start(POLLER, settings(forgetful_redis, one))
    both = start(POLLER, settings(forgetful_redis, one, two))
    for service in (alone, both):
        eventually(service.ready)
    before = {service: series(service) for service in (alone, both)}
    of_a_queue = len(before[both]) - len(before[alone])
    assert len(before[alone]) + 7 * of_a_queue < AT_MOST, "the limit for a poller with eight queues"
    for _ in range(60):
        two.send(noise.body(), **noise.attributes())
    eventually(lambda: totals(both)["queuecast_poller_received_total"] >= 60)
    eventually(lambda: totals(both)["queuecast_poller_left_total"] > 0)
    eventually(lambda: totals(both)["queuecast_poller_published_total"] > 0)
    for service, those in before.items():
        assert series(service) == those


# What adds up


def unaccounted(figures: dict[str, float]) -> float:
    """Return how many received messages no other metric accounts for."""
    places = (
        "published_total",
        "duplicates_total",
        "left_total",
        "dropped_total",
        "returned_total",
        "in_flight",
    )
    return figures["queuecast_poller_received_total"] - sum(
        figures[f"queuecast_poller_{at}"] for at in places
    )


def test_every_received_message_is_in_one_figure(
    own_redis: Redis, twice: Emulator, start: Callable[..., Service]
) -> None:
    """It holds while some come twice, some are poison and Redis is away, and when all is done."""
    queue = Queue(twice.port, f"load-{time.monotonic_ns()}", visibility_seconds=5, max_receives=3)
    twice.fail({"action": "ReceiveMessage", "kind": "duplicate", "chance": 0.2})
    service = start(POLLER, settings(own_redis, queue))
    eventually(service.ready)
    queue.send(*(f'{{"id": {number}}}' if number % 10 else "poison" for number in range(100)))
    # Everything is published before Redis is killed: if its last answer were lost, the retry of that message
    # would be in `duplicates_total`.
    eventually(
        lambda: (
            (figures := totals(service))["queuecast_poller_published_total"] == 90
            and figures["queuecast_poller_left_total"] >= 10
        )
    )
    own_redis.kill()
    queue.send(*(f'{{"id": {number}}}' for number in range(100, 150)))
    held = eventually(lambda: (figures := totals(service))["queuecast_poller_in_flight"] and figures)
    eventually(lambda: unaccounted(totals(service)) == 0)
    assert held["queuecast_poller_in_flight"] > 0
    own_redis.start()
    eventually(lambda: queue.depth() == 0, 60)
    twice.fail()
    figures = eventually(lambda: (last := totals(service))["queuecast_poller_in_flight"] == 0 and last)
    assert unaccounted(figures) == 0
    assert figures["queuecast_poller_published_total"] == 140
    assert figures["queuecast_poller_duplicates_total"] > 0
    assert figures["queuecast_poller_left_total"] >= 10


async def test_every_connection_is_in_one_figure(site: Site) -> None:
    """It holds at each scrape while hundreds come and go: the autoscaler would follow a leak for ever."""
    gateway = await site.start()
    running = True

    async def come_and_go(number: int) -> None:
        for _ in range(5):
            async with page(gateway.port, transport="polling" if number % 5 == 0 else "websocket") as one:
                await one.ask("subscribe", f"room-{number}")

    async def scrape() -> list[dict[str, float]]:
        seen = []
        while running:
            async with asyncio.timeout(SCRAPE_SECONDS):
                seen.append(await asyncio.to_thread(totals, gateway))
        return seen

    watching = asyncio.create_task(scrape())
    await asyncio.gather(*(come_and_go(number) for number in range(40)))
    running = False
    seen = await watching
    for figures in (*seen, await asyncio.to_thread(totals, gateway)):
        connects, disconnects, now = (
            figures[f"queuecast_gateway_{name}"]
            for name in ("connects_total", "disconnects_total", "connections")
        )
        assert connects == disconnects + now
    assert max(figures["queuecast_gateway_connections"] for figures in seen) > 0
    await until(lambda: gateway.metric("queuecast_gateway_connections") == 0)
    assert totals(gateway)["queuecast_gateway_disconnects_total"] == 200
