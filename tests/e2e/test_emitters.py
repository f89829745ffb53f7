"""A back end in Node publishes with `@socket.io/redis-emitter`, and browsers on both gateways hear it."""

from collections.abc import Iterator

import pytest
import redis
from tests.claims import eventually

from .conftest import Connect
from .emitter import Emitter
from .javascript import Client
from .rig import Rig

pytestmark = pytest.mark.javascript

EMITTED = "queuecast_gateway_emitter_messages_total"


@pytest.fixture
def emitter(rig: Rig) -> Iterator[Emitter]:
    """An emitter whose messages both gateways hear."""
    with redis.Redis.from_url(rig.redis_url) as client:
        eventually(lambda: sum(each["psub"] == "2" for each in client.client_list()) == len(rig.gateways))
    with Emitter(rig.redis_url) as running:
        yield running


def assert_received(clients: list[Client], *events: list[object]) -> None:
    """Each of these clients has received exactly these events `e`, in this order."""
    expected = list(events)
    eventually(lambda: all(client.events("e") == expected for client in clients))


def test_everybody_in_a_namespace_receives_what_an_emitter_sends(
    rig: Rig, connect: Connect, emitter: Emitter
) -> None:
    """Once each, in order, in that namespace alone, and as a record with an offset at the end."""
    everyone, orders = connect(rig, 4), connect(rig, 2, "/orders")
    emitter.emit("e", {"text": "Teekanne ☕", "price": 3.5, "tags": [None, True]}, 2)
    emitter.emit("e")
    emitter.emit("e", "order", namespace="/orders")
    emitter.emit("e", "last")
    assert_received(everyone, [{"text": "Teekanne ☕", "price": 3.5, "tags": [None, True]}, 2], [], ["last"])
    assert_received(orders, ["order"])
    with_offsets = [args for name, args in everyone[0].raw_events() if name == "e"]
    assert [len(args) for args in with_offsets] == [3, 1, 2]


def test_rooms_choose_who_receives_an_event_and_except_who_does_not(
    rig: Rig, connect: Connect, emitter: Emitter
) -> None:
    """A session in two of the rooms gets the event once."""
    both, one, other, nowhere = clients = connect(rig, 4)
    both.emit("subscribe", ["a", "b"])
    one.emit("subscribe", "a")
    other.emit("subscribe", "b")
    emitter.emit("e", 1, to=["a"])
    emitter.emit("e", 2, to=["a", "b"])
    emitter.emit("e", 3, to=["a"], less=["b"])
    emitter.emit("e", 4, less=["a", "b"])
    emitter.emit("e", 5, to=[one.connects[-1]["sid"]])
    emitter.emit("e", 6)
    assert_received([both], [1], [2], [6])
    assert_received([one], [1], [2], [3], [5], [6])
    assert_received([other], [2], [6])
    assert_received([nowhere], [4], [6])
    assert all(client.connected for client in clients)


def test_binary_and_dates_arrive_as_from_a_server_in_node(
    rig: Rig, connect: Connect, emitter: Emitter
) -> None:
    """A Buffer is a Buffer at any depth, and a Date its text in JSON."""
    clients = connect(rig, 2)
    emitter.emit("e", {"$bytes": "00ff"}, {"deep": [{"$bytes": "80"}]}, {"$date": 1795956475149})
    emitter.emit("e", "later")
    buffers = [{"type": "Buffer", "data": data} for data in ([0, 255], [128])]
    assert_received(clients, [buffers[0], {"deep": [buffers[1]]}, "2026-11-29T12:47:55.149Z"], ["later"])


def test_an_emitter_makes_sessions_join_and_leave_rooms(rig: Rig, connect: Connect, emitter: Emitter) -> None:
    """On both gateways; what is emitted after the join reaches those that joined, and only those."""
    clients = connect(rig, 4)
    chosen, others = clients[:2], clients[2:]
    for client in chosen:
        client.emit("subscribe", "vip")
    emitter.call("socketsJoin", ["offers", "news"], to=["vip"])
    emitter.emit("e", 1, to=["offers"])
    emitter.call("socketsLeave", "offers", to=["news"])
    emitter.emit("e", 2, to=["offers"])
    emitter.call("socketsJoin", "late", less=["news"])
    emitter.emit("e", 3, to=["late"])
    emitter.emit("e", 4, to=["news", "late"])
    assert_received(chosen, [1], [4])
    assert_received(others, [3], [4])


@pytest.mark.parametrize("whole", [False, True])
def test_an_emitter_disconnects_sessions_for_good(
    rig: Rig, connect: Connect, emitter: Emitter, *, whole: bool
) -> None:
    """As if the server had done it: their clients stay away. Everybody else notices nothing."""
    clients = connect(rig, 4)
    for client in clients[:2]:
        client.emit("subscribe", "vip")
    emitter.call("disconnectSockets", whole, to=["vip"])
    eventually(lambda: all(client.disconnects == ["io server disconnect"] for client in clients[:2]))
    emitter.emit("e", 1)
    assert_received(clients[2:], [1])
    assert not any(client.disconnects for client in clients[2:])
    assert not any(client.events("e") for client in clients[:2])
    assert all(len(client.connects) == 1 for client in clients)


def test_what_a_gateway_cannot_follow_is_counted(rig: Rig, connect: Connect, emitter: Emitter) -> None:
    """A server-side emit is for applications in Node, a namespace that nobody serves for nobody here."""
    clients = connect(rig, 2)
    outcomes = ("unsupported", "unknown_namespace")
    before = [gateway.total(EMITTED, outcome=name) for gateway in rig.gateways for name in outcomes]
    emitter.call("serverSideEmit", "hello")
    emitter.emit("e", 1, namespace="/elsewhere")
    emitter.emit("e", 2)
    assert_received(clients, [2])
    after = [gateway.total(EMITTED, outcome=name) for gateway in rig.gateways for name in outcomes]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 1, 1]
