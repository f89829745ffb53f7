"""The stock JavaScript client reconnects: what its handlers see and when, and what `recovered` says."""

import re
import signal
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from tests.claims import eventually
from tests.reservation import PortBlock

from queuecast_local import redis_server
from queuecast_local.ports import HOST

from .conftest import Connect
from .cut import Cut
from .javascript import OFFSET_EVENT, QUICK_RETURN, Client, Node, Target
from .rig import Rig, running

pytestmark = pytest.mark.javascript

TRANSPORTS = pytest.mark.parametrize("transports", [["websocket"], ["polling"]], ids="-".join)


@pytest.fixture
def two_namespaces(block: PortBlock) -> Iterator[Rig]:
    """A stack of the test's own that serves two namespaces; the test stops one of its gateways."""
    settings = {"QUEUECAST_NAMESPACES": "/,/orders"}
    with running(block, redis_server.find(), settings) as rig:
        yield rig


def items(count: int) -> list[dict[str, Any]]:
    return [{"id": uuid.uuid4().hex} for _ in range(count)]


def is_back(client: Client) -> bool:
    return len(client.connects) > len(client.disconnects) > 0


def end(rig: Rig, how: signal.Signals) -> None:
    """End the first gateway."""
    process = rig.stack.gateways[0]
    process.signal(how)
    assert process.wait(60) == (0 if how is signal.SIGTERM else -how)


@TRANSPORTS
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_handlers_see_what_was_missed_right_after_connect(
    own_rig: Rig, connect: Connect, transports: list[str], how: signal.Signals
) -> None:
    """`connect` runs and `recovered` is true; then they see all of it once, in everybody's order."""
    rig = own_rig
    lost, spared = connect(rig, 2, transports=transports)
    for client in (lost, spared):
        assert client.emit("subscribe", "vip")["ok"]
    rig.queue.put(items(10))
    eventually(lambda: len(lost.events("item_added")) == len(spared.events("item_added")) == 10)
    end(rig, how)
    rig.queue.put(items(30))
    rig.queue.put(items(5), rooms="vip")
    rig.queue.put(items(5), rooms="others")
    eventually(lambda: len(spared.events("item_added")) == 45)
    rig.start_gateway(0)
    eventually(lambda: is_back(lost))
    first, second = lost.connects
    assert first["recovered"] is False
    assert second["recovered"] is True
    assert second["sid"] == first["sid"]
    assert lost.missed(1) == spared.events("item_added")[10:]
    rig.queue.put(items(5), rooms="vip")
    eventually(lambda: len(lost.events("item_added")) == len(spared.events("item_added")) == 50)
    assert lost.events() == spared.events()
    assert "io server disconnect" not in lost.disconnects, "the stock client does not reconnect after that"


def test_a_recovery_that_is_cut_short_repeats_nothing(rig: Rig, connect: Connect) -> None:
    """Two of four missed events arrive before the connection breaks once more; the next one has the rest."""
    (spared,) = connect(rig, 1)
    with Cut(rig.stack.ports.gateways[0]) as cut:
        options = {**QUICK_RETURN, "transports": ["websocket"]}
        with Node([Target(f"http://{HOST}:{cut.port}/", options)]) as node:
            (client,) = node.clients
            eventually(lambda: client.connected)
            rig.queue.put(items(1))
            eventually(lambda: len(client.events("item_added")) == 1)
            cut.closed = True
            client.break_off()
            eventually(lambda: client.disconnects)
            rig.queue.put(items(4))
            eventually(lambda: len(spared.events("item_added")) == 5)
            cut.open_for(events=2)
            eventually(lambda: len(client.connects) == 3)
            eventually(lambda: client.events("item_added")[-1:] == spared.events("item_added")[-1:])
            assert client.events("item_added") == spared.events("item_added")
            assert [each["recovered"] for each in client.connects] == [False, True, True]


def test_a_namespace_comes_back_beside_another(two_namespaces: Rig, connect: Connect) -> None:
    """Each namespace has its own session and replays its own events."""
    rig = two_namespaces
    (orders,), (everyone,) = connect(rig, 1, "/orders"), connect(rig, 1)
    for client in (orders, everyone):
        assert client.emit("subscribe", "vip")["ok"], "its session is stored"
    end(rig, signal.SIGKILL)
    rig.queue.put([{"order": 1}], namespace="/orders")
    rig.queue.put([{"id": 1}])
    eventually(lambda: rig.queue.depth() == 0)
    rig.start_gateway(0)
    eventually(lambda: is_back(orders) and is_back(everyone))
    assert orders.missed(1) == [[{"order": 1}]]
    assert everyone.missed(1) == [[{"id": 1}]]
    assert orders.connects[1]["recovered"] is everyone.connects[1]["recovered"] is True


def test_a_client_that_leaves_by_itself_begins_anew(rig: Rig, connect: Connect) -> None:
    """After `socket.disconnect()` and `socket.connect()` the page has to fetch its state again."""
    (client,) = connect(rig, 1)
    assert client.emit("subscribe", "vip")["ok"]
    client.disconnect()
    eventually(lambda: client.disconnects == ["io client disconnect"])
    read = rig.records_read(0)
    rig.queue.put(items(1))
    eventually(lambda: rig.records_read(0) > read)
    client.reconnect()
    eventually(lambda: len(client.connects) == 2)
    first, second = client.connects
    assert (first["recovered"], second["recovered"]) == (False, False)
    assert second["sid"] != first["sid"]
    assert client.emit("unsubscribe", "vip")["rooms"] == []
    assert client.events() == []


def test_after_a_loss_of_redis_pages_are_told_to_begin_anew(own_rig: Rig, connect: Connect) -> None:
    """`recovered === false` tells the page to fetch its state, as nobody knows what it missed."""
    clients = connect(own_rig, 2)
    own_rig.end_redis()
    own_rig.start_redis()
    eventually(lambda: all(len(client.connects) == 2 for client in clients), 60)
    assert [client.connects[1]["recovered"] for client in clients] == [False, False]
    own_rig.queue.put([{"id": "new"}])
    eventually(lambda: all(client.events("item_added")[-1:] == [[{"id": "new"}]] for client in clients))


def test_a_handler_sees_the_offset_behind_its_arguments(rig: Rig, connect: Connect) -> None:
    """The stock server adds the offset as a last argument, too; the client picks it up by itself."""
    (client,) = connect(rig, 1)
    rig.queue.put([{"id": "x"}])
    eventually(lambda: client.events("item_added") == [[{"id": "x"}]])
    told, (name, args) = client.raw_events()[0], client.raw_events()[-1]
    assert told[0] == OFFSET_EVENT
    assert name == "item_added"
    assert re.fullmatch(r"\d+-\d+", args[1])


@pytest.mark.parametrize(
    "options",
    [{"auth": {"recovery": False}}, {"auth": {"recovery": "false"}}, {"query": {"recovery": "false"}}],
    ids=["auth", "text", "query"],
)
def test_a_client_can_say_that_it_wants_no_offsets(
    rig: Rig, connect: Connect, options: dict[str, Any]
) -> None:
    """Its handlers then see only what was sent."""
    (client,) = connect(rig, 1, **options)
    rig.queue.put([{"id": "x"}])
    eventually(lambda: client.events("item_added"))
    assert client.raw_events() == [("item_added", [{"id": "x"}])]
