"""Messages that wait for acknowledgements or for somebody, with stock clients in JavaScript and Python."""

from typing import Any

import pytest
import socketio
from tests.claims import WITHIN_SECONDS, eventually

from .conftest import Connect
from .rig import Rig

TRANSPORTS = pytest.mark.parametrize("transport", ["websocket", "polling"])


def orders(client: Any) -> list[Any]:
    """Return the data of all orders that a client has received; each is marked as it should be."""
    received = client.events("order")
    assert all(about["ack"] in ("any", "all") and not about["redelivered"] for _, about in received)
    return [order for order, _ in received]


@pytest.mark.javascript
@TRANSPORTS
def test_a_page_acknowledges_with_its_handlers_callback(rig: Rig, connect: Connect, transport: str) -> None:
    """`any`: one page of either gateway is enough. `all`: every one."""
    room = f"kitchen:{transport}"
    pages = connect(rig, count=2, transports=[transport])
    for page in pages:
        assert page.emit("subscribe", room)["ok"]
    rig.queue.put([{"id": 1}], event="order", rooms=room, ack="any")
    eventually(lambda: all(orders(page) == [{"id": 1}] for page in pages))
    assert rig.queue.depth() == 1
    pages[1].acknowledge()
    eventually(lambda: rig.queue.depth() == 0)
    pages[0].acknowledge()
    rig.queue.put([{"id": 2}], event="order", rooms=room, ack="all")
    eventually(lambda: all(len(orders(page)) == 2 for page in pages))
    pages[0].acknowledge()
    assert rig.queue.depth() == 1
    pages[1].acknowledge()
    eventually(lambda: rig.queue.depth() == 0)


@pytest.mark.javascript
def test_a_page_that_comes_back_does_not_get_an_acknowledged_event_again(rig: Rig, connect: Connect) -> None:
    """The stock client keeps no offset of an event with a callback: it is told the offset behind it."""
    (page,) = connect(rig, count=1, transports=["websocket"])
    assert page.emit("subscribe", "counter")["ok"]
    rig.queue.put([{"id": 1}], event="order", rooms="counter", ack="any")
    eventually(lambda: orders(page) == [{"id": 1}])
    page.acknowledge()
    eventually(lambda: rig.queue.depth() == 0)
    page.break_off()
    eventually(lambda: len(page.connects) == 2)
    assert page.connects[1]["recovered"]
    rig.queue.put([{"id": 2}], event="order", rooms="counter", ack="any")
    eventually(lambda: len(orders(page)) == 2)
    page.acknowledge()
    eventually(lambda: rig.queue.depth() == 0)
    assert orders(page) == [{"id": 1}, {"id": 2}]


@pytest.fixture
def python_client() -> Any:
    """A stock client in Python, whose handler's return is the acknowledgement."""
    made = socketio.Client(reconnection=False, request_timeout=WITHIN_SECONDS)
    yield made
    made.disconnect()


def test_a_client_in_python_acknowledges_when_its_handler_returns(rig: Rig, python_client: Any) -> None:
    """It gets no offsets unless it asks for them, so the handler has two arguments."""
    taken: list[Any] = []

    def take(order: Any, about: Any) -> None:
        taken.append((order, about["redelivered"]))

    python_client.on("order", take)
    python_client.connect(rig.url(0), transports=["websocket"], wait_timeout=WITHIN_SECONDS)
    assert python_client.call("subscribe", "bar")["ok"]
    rig.queue.put([{"id": 1}], event="order", rooms="bar", ack="all")
    eventually(lambda: rig.queue.depth() == 0)
    assert taken == [({"id": 1}, False)]


@pytest.mark.javascript
def test_a_held_message_is_for_the_first_page_that_comes(rig: Rig, connect: Connect) -> None:
    """It waits on its queue, while pages in other rooms are connected."""
    before = rig.poller.total("queuecast_poller_holds_total")
    other, late = connect(rig, count=2, transports=["websocket"])
    assert other.emit("subscribe", "lobby")["ok"]
    rig.queue.put([{"id": 1}], event="note", rooms="study", hold="true")
    eventually(lambda: rig.poller.total("queuecast_poller_holds_total") == before + 1)
    assert rig.queue.depth() == 1
    assert late.emit("subscribe", "study")["ok"]
    eventually(lambda: late.events("note") == [[{"id": 1}]])
    eventually(lambda: rig.queue.depth() == 0)
    assert other.events("note") == []
