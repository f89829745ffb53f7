"""After an outage browsers see the current state: a route's maximum age and `latest`, on a real queue."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.claims import eventually

from . import emulators
from .dead_letters import Pair, published
from .emulators import Emulator
from .page import Page
from .services import Redis, Service
from .site import Site, until

Item = dict[str, int]

ROUTES = """
routes:
  - {when: "data.old", event: "'price'", rooms: "'all'", max_age: 0.001}
  - {event: "'price'", rooms: "'all'", latest: data.sku}
"""


@pytest.fixture(scope="module")
def ours() -> Iterator[Emulator]:
    with emulators.ours() as found:
        yield found


@pytest.fixture
def routes(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "routes.yaml"
    path.write_text(ROUTES, "utf-8")
    return {"QUEUECAST_ROUTES": str(path)}


def send_prices(pair: Pair, count: int) -> None:
    """Put `count` prices on the queue, with five keys in turn."""
    for first in range(0, count, 10):
        numbers = range(first, first + 10)
        entries = [{"Id": str(at), "MessageBody": json.dumps({"sku": at % 5, "at": at})} for at in numbers]
        pair.queue.client.send_message_batch(QueueUrl=pair.queue.url, Entries=entries)


def assert_the_newest_are_shown_last(shown: list[Item], count: int) -> None:
    for sku in range(5):
        of_key = [item["at"] for item in shown if item["sku"] == sku]
        assert of_key == sorted(of_key)
        assert of_key[-1] == count - 5 + sku


def test_a_backlog_shows_the_newest_of_each_key_and_nothing_that_is_too_old(
    ours: Emulator, forgetful_redis: Redis, start: Callable[..., Service], routes: dict[str, str]
) -> None:
    """The other messages are deleted and counted by reason."""
    pair = Pair(ours)
    pair.queue.send(*(json.dumps({"sku": number % 2, "at": number}) for number in range(8)))
    pair.queue.send('{"old": true, "sku": 1}', '{"old": true, "sku": 2}')
    service = start("queuecast_poller", pair.poller(forgetful_redis, **routes))
    eventually(lambda: pair.queue.depth() == (0, 0))
    assert sorted(item["at"] for item in published(forgetful_redis)) == [6, 7]
    assert service.metric("queuecast_poller_dropped_total", reason="superseded") == 6
    assert service.metric("queuecast_poller_dropped_total", reason="too_old") == 2
    assert pair.dead.depth() == (0, 0)


async def test_an_hour_of_history_reaches_the_browser_as_the_present(
    site: Site, ours: Emulator, start: Callable[..., Service], routes: dict[str, str]
) -> None:
    """A thousand prices of five articles become one event for each, or a few on a slow machine."""
    gateway = await site.start()
    pair = Pair(ours)
    send_prices(pair, 1_000)
    page = await Page.open(gateway.port)
    assert (await page.ask("subscribe", ["all"]))["ok"]
    more = {**routes, "QUEUECAST_CHANNEL": site.channel, "QUEUECAST_LATEST_SECONDS": "5"}
    service = start("queuecast_poller", pair.poller(site.redis, **more))
    shown: list[Item] = []
    while {item["sku"] for item in shown if item["at"] >= 995} != set(range(5)):
        shown.append((await page.event())[1])
    assert_the_newest_are_shown_last(shown, 1_000)
    assert 5 <= len(shown) <= 50
    await until(lambda: pair.queue.depth() == (0, 0))
    superseded = service.metric("queuecast_poller_dropped_total", reason="superseded")
    assert superseded + service.metric("queuecast_poller_published_total") == 1_000
    assert service.metric("queuecast_poller_in_flight") == 0
    await page.leave()


def test_a_poller_that_stops_while_it_waits_leaves_nothing_hidden(
    ours: Emulator, forgetful_redis: Redis, start: Callable[..., Service], routes: dict[str, str]
) -> None:
    """While Redis is away nothing is deleted, and another poller can take all of it at once."""
    pair = Pair(ours)
    service = start("queuecast_poller", pair.poller(forgetful_redis, **routes))
    # Once it knows that the namespace is served, it asks Redis for nothing before it publishes.
    send_prices(pair, 10)
    eventually(lambda: pair.queue.depth() == (0, 0))
    forgetful_redis.kill()
    send_prices(pair, 300)
    eventually(lambda: service.metric("queuecast_poller_publish_failures_total") > 0)
    assert pair.queue.depth()[1] > 0
    service.process.signal(signal.SIGTERM)
    eventually(lambda: service.process.exit_code == 0, 40)
    assert pair.queue.depth() == (300, 0)
    forgetful_redis.start()
    second = start("queuecast_poller", pair.poller(forgetful_redis, **routes))
    eventually(lambda: pair.queue.depth() == (0, 0))
    assert_the_newest_are_shown_last(published(forgetful_redis), 300)
    assert second.metric("queuecast_poller_received_total") == 300
