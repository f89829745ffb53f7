"""Parts of the stack are stopped under load; then each client's deliveries are checked."""

import json
import signal
import uuid
from typing import Any

import pytest
from redis import Redis
from tests.claims import eventually

from queuecast_bus import Record
from queuecast_bus.keys import Keys
from queuecast_bus.record import ADDRESS

from .conftest import Connect
from .javascript import Client
from .rig import Rig

pytestmark = pytest.mark.javascript


def items(count: int) -> list[dict[str, str]]:
    return [{"id": uuid.uuid4().hex} for _ in range(count)]


def assert_delivered_once(clients: list[Client], sent: list[dict[str, str]]) -> None:
    """Wait until every client has everything; then no item may be duplicated or unknown."""
    expected = sorted(item["id"] for item in sent)
    eventually(lambda: all(len(client.events("item_added")) >= len(sent) for client in clients))
    for client in clients:
        assert sorted(ids(client)) == expected


def ids(client: Client) -> list[str]:
    return [item["id"] for (item,) in client.events("item_added")]


def stored_ids(rig: Rig) -> list[str]:
    """Return the ids of the items on the stream."""
    with Redis.from_url(rig.redis_url) as redis:
        entries: Any = redis.xrange(Keys().stream)
    # An entry without an address tells of a rewind.
    records = [Record.from_fields(fields) for _, fields in entries if ADDRESS in fields]
    return [json.loads(record.arguments)[0]["id"] for record in records if record.event == "item_added"]


def test_a_killed_gateway_costs_the_other_ones_clients_nothing(own_rig: Rig, connect: Connect) -> None:
    """Its own clients come back by themselves and get what they missed and what is new."""
    lost, spared = connect(own_rig, 2)
    eventually(lambda: len(own_rig.sessions()) == 2)
    sent = items(60)
    own_rig.queue.put(sent[:30])
    own_rig.end_gateway(0)
    own_rig.queue.put(sent[30:])
    assert_delivered_once([spared], sent)
    own_rig.start_gateway(0)
    eventually(lambda: len(lost.connects) == 2)
    assert "io server disconnect" not in lost.disconnects, "the stock client does not reconnect after that"
    sent += items(1)
    own_rig.queue.put(sent[-1:])
    assert_delivered_once([lost, spared], sent)
    assert lost.events() == spared.events(), "all clients have the same order"


def test_while_redis_is_away_the_queue_keeps_everything(own_rig: Rig, connect: Connect) -> None:
    """Nothing is deleted, both services say why they are not ready, and later everything is stored once.

    Redis comes back empty here, so every page has to begin a new session, and is told so: a page that is
    reconnecting while something is published misses it, and knows that.
    """
    clients = connect(own_rig, 4)
    sent = items(60)
    own_rig.queue.put(sent[:20])
    # Redis takes with it what a gateway has not read yet.
    eventually(lambda: all(len(ids(client)) == 20 for client in clients))
    eventually(lambda: own_rig.queue.depth() == 0)
    own_rig.end_redis()
    own_rig.queue.put(sent[20:])
    eventually(lambda: all(service.readyz().status == 503 for service in own_rig.services))
    reasons = [reason for service in own_rig.services for reason in service.readyz().reasons]
    assert all("bus: " in reason for reason in reasons)
    assert all(service.livez().status == 200 for service in own_rig.services)
    assert own_rig.queue.depth() == 40
    own_rig.start_redis()
    eventually(lambda: own_rig.queue.depth() == 0 and all(service.ready for service in own_rig.services))
    assert sorted(stored_ids(own_rig)) == sorted(item["id"] for item in sent[20:])
    eventually(lambda: all(len(client.connects) == 2 and client.connected for client in clients))
    last = items(1)
    own_rig.queue.put(last)
    for client in clients:
        eventually(lambda: last[0]["id"] in ids(client))  # noqa: B023  # it is called at once
        assert client.connects[1]["recovered"] is False
        assert len(ids(client)) == len(set(ids(client)))
        assert {item["id"] for item in sent[:20]} <= set(ids(client)) <= {item["id"] for item in sent + last}


def test_a_poller_that_is_told_to_stop_leaves_nothing_behind(own_rig: Rig, connect: Connect) -> None:
    """Rollouts take place under load."""
    clients = connect(own_rig, 4)
    sent = items(150)
    own_rig.queue.put(sent)
    poller = own_rig.stack.poller
    poller.signal(signal.SIGTERM)
    assert poller.wait(60) == 0
    own_rig.start_poller()
    assert_delivered_once(clients, sent)


def test_a_killed_poller_makes_nobody_see_anything_twice(rig: Rig, connect: Connect) -> None:
    """If it dies between publish and delete, the message comes back and must change nothing."""
    clients = connect(rig, 4)
    sent = items(150)
    with rig.own_poller(f"kill-{uuid.uuid4().hex[:8]}", visibility_seconds=2, max_receives=50) as poller:
        for start in range(0, 150, 50):
            poller.queue.put(sent[start : start + 50])
            poller.kill()
            poller.start()
        assert_delivered_once(clients, sent)
        eventually(lambda: poller.queue.depth() == 0)
