"""Messages on the queue reach the stock clients that should see them, once, in one order."""

import subprocess
import sys
import uuid

import pytest
from tests.claims import eventually

from .conftest import Connect
from .rig import Rig

pytestmark = pytest.mark.javascript


def test_every_client_gets_every_message_once_and_in_one_order(rig: Rig, connect: Connect) -> None:
    """The promise in one test: ten clients, two gateways, exact counts, and metrics that add up."""
    clients = connect(rig, 10)
    items = [{"id": uuid.uuid4().hex, "title": "Teekanne ☕", "price": 3.5} for _ in range(200)]
    before = sum(gateway.total("queuecast_gateway_events_delivered_total") for gateway in rig.gateways)
    rig.queue.put(items)
    eventually(lambda: all(len(client.events("item_added")) >= 200 for client in clients))
    eventually(lambda: rig.queue.depth() == 0)
    received = [[arguments[0] for arguments in client.events("item_added")] for client in clients]
    assert sorted(received[0], key=lambda item: item["id"]) == sorted(items, key=lambda item: item["id"])
    assert all(other == received[0] for other in received)
    after = sum(gateway.total("queuecast_gateway_events_delivered_total") for gateway in rig.gateways)
    assert after - before == 200 * 10


def test_rooms_and_event_names_address_a_message(rig: Rig, connect: Connect) -> None:
    """A product's price must not reach clients that watch another product."""
    one, two, other = connect(rig, 3)
    for client in (one, two):
        assert client.emit("subscribe", ["sku:7", "sku:8"]) == {"ok": True, "rooms": ["sku:7", "sku:8"]}
    rig.queue.put([{"eur": 3}], event="price", rooms="sku:7, sku:8")
    eventually(lambda: one.events("price") == two.events("price") == [[{"eur": 3}]])
    assert one.emit("unsubscribe", ["sku:7", "sku:8"])["rooms"] == ["sku:7", "sku:8"]
    rig.queue.put([{"eur": 4}], event="price", rooms="sku:7")
    rig.queue.put([{"id": "for all"}])
    eventually(lambda: [{"id": "for all"}] in one.events("item_added"))
    eventually(lambda: len(two.events("price")) == 2)
    assert len(one.events("price")) == 1
    assert other.events("price") == []


def test_a_namespace_addresses_a_message(rig: Rig, connect: Connect) -> None:
    """Namespaces are separate: a message for one does not show in the other."""
    orders, everyone = connect(rig, 2, "/orders"), connect(rig, 2)
    rig.queue.put([{"order": 1}], namespace="/orders")
    eventually(lambda: all(client.events("item_added") == [[{"order": 1}]] for client in orders))
    rig.queue.put([{"id": "later"}])
    eventually(lambda: all([{"id": "later"}] in client.events("item_added") for client in everyone))
    assert not any([{"order": 1}] in client.events("item_added") for client in everyone)


def test_what_is_not_json_is_left_and_its_neighbours_arrive(rig: Rig, connect: Connect) -> None:
    """One bad sender must not stop the others; here the message ends up in the DLQ of its own queue."""
    clients = connect(rig)
    with rig.own_poller(f"bad-{uuid.uuid4().hex[:8]}", visibility_seconds=1, max_receives=2) as poller:
        poller.queue.put_raw(['{"id": "a"}', "{no json}", '{"id": "b"}'])
        eventually(lambda: poller.dead_letters.depth() == 1)
        eventually(lambda: poller.queue.depth() == 0)
        assert poller.admin.total("queuecast_poller_left_total", reason="not_json") == 2
    for client in clients:
        eventually(lambda client=client: len(client.events("item_added")) == 2)
        assert sorted(item["id"] for (item,) in client.events("item_added")) == ["a", "b"]


def test_a_removal_in_one_browser_reaches_everyone_and_is_acknowledged(rig: Rig, connect: Connect) -> None:
    """A relayed event has the same place in everybody's order, on every replica, the sender included."""
    one, two, three = connect(rig, 3)
    assert one.emit("item_removed", {"id": "k3f9"}) == {"ok": True}
    eventually(lambda: all(c.events("item_removed") == [[{"id": "k3f9"}]] for c in (one, two, three)))
    assert two.emit("item_exploded", {})["error"]["code"] == "unknown_event"


@pytest.mark.parametrize(
    ("transports", "ends_with"),
    [(["websocket"], "websocket"), (["polling"], "polling"), (["polling", "websocket"], "websocket")],
)
def test_every_transport_delivers(rig: Rig, connect: Connect, transports: list[str], ends_with: str) -> None:
    """Some networks still block WebSockets, and the stock client begins with polling."""
    clients = connect(rig, 2, transports=transports)
    eventually(lambda: all(client.transport == ends_with for client in clients))
    rig.queue.put([{"id": "x"}])
    eventually(lambda: all(client.events("item_added") == [[{"id": "x"}]] for client in clients))


EMIT = ".emit('notice', {'text': 'hello'}, room='vip')"
STOCK_MANAGERS = {
    "blocking": f"import sys, socketio; socketio.RedisManager(sys.argv[1], write_only=True){EMIT}",
    "asyncio": "import asyncio, sys, socketio; "
    f"asyncio.run(socketio.AsyncRedisManager(sys.argv[1], write_only=True){EMIT})",
}


@pytest.mark.parametrize("kind", STOCK_MANAGERS)
def test_a_stock_manager_in_another_process_reaches_the_browsers(
    rig: Rig, connect: Connect, kind: str
) -> None:
    """A Django or Celery process may emit with python-socketio's own manager."""
    one, two, other = connect(rig, 3)
    for client in (one, two):
        client.emit("subscribe", "vip")
    subprocess.run((sys.executable, "-c", STOCK_MANAGERS[kind], rig.redis_url), check=True, timeout=30)
    eventually(lambda: one.events("notice") == two.events("notice") == [[{"text": "hello"}]])
    assert other.events("notice") == []
