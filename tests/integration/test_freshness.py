"""After an outage browsers see the present: maximum age and `latest` of a route, on a real queue."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.claims import eventually

from . import emulators
from .conftest import Redis, Service
from .emulators import Emulator
from .test_dead_letters import Pair, published

ROUTES = """
routes:
  - {when: "data.old", event: "'price'", rooms: "'all'", max_age: 0.001}
  - {event: "'price'", rooms: "'all'", latest: data.sku}
"""


@pytest.fixture(scope="module")
def ours() -> Iterator[Emulator]:
    with emulators.ours() as found:
        yield found


def test_a_backlog_shows_the_newest_of_each_key_and_nothing_that_is_too_old(
    ours: Emulator, forgetful_redis: Redis, start: Callable[..., Service], tmp_path: Path
) -> None:
    """The others are deleted, and counted as what they are."""
    path = tmp_path / "routes.yaml"
    path.write_text(ROUTES, "utf-8")
    pair = Pair(ours)
    pair.queue.send(*(json.dumps({"sku": number % 2, "at": number}) for number in range(8)))
    pair.queue.send('{"old": true, "sku": 1}', '{"old": true, "sku": 2}')
    service = start("queuecast_poller", pair.poller(forgetful_redis, QUEUECAST_ROUTES=str(path)))
    eventually(lambda: pair.queue.depth() == (0, 0))
    assert sorted(item["at"] for item in published(forgetful_redis)) == [6, 7]
    assert service.metric("queuecast_poller_dropped_total", reason="superseded") == 6
    assert service.metric("queuecast_poller_dropped_total", reason="too_old") == 2
    assert pair.dead.depth() == (0, 0)
