"""The gateway as a process with a real Redis, tested by raw clients and over the bus."""

import signal
import socket
from collections.abc import Callable

import pytest
from tests.claims import eventually
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from queuecast_bus import Record

from .gateway import ITEM, Browser, Gateway, browser, over_the_bus, publish
from .services import HOST, Redis, is_open
from .site import RECORDS_READ


def test_browsers_are_let_in_only_once_the_bus_is_read(
    own_redis: Redis, gateway: Callable[..., Gateway]
) -> None:
    """A browser that was let in earlier would silently miss what is published meanwhile."""
    own_redis.kill()
    service = gateway(own_redis.url)
    eventually(lambda: service.ask("/livez")[0] == 200)
    status, body = service.ask("/readyz")
    assert status == 503
    assert "bus" in body
    assert f"port {service.port} is not open yet" in body
    assert not is_open(service.port)
    own_redis.start()
    eventually(service.ready)
    with browser(service.port) as one:
        publish(own_redis, ITEM)
        assert one.event() == ["item_added", {"id": 1}]


def test_a_gateway_that_hears_nothing_says_so_and_recovers(
    own_redis: Redis, gateway: Callable[..., Gateway]
) -> None:
    """Readiness needs a record that came back through Redis, not a ping: a frozen Redis ends it."""
    service = gateway(own_redis.url)
    eventually(service.ready)
    own_redis.process.signal(signal.SIGSTOP)
    eventually(lambda: service.ask("/readyz")[0] == 503)
    assert "came back" in service.ask("/readyz")[1]
    assert service.ask("/livez")[0] == 200
    own_redis.process.signal(signal.SIGCONT)
    eventually(service.ready)


def test_an_event_of_a_browser_reaches_every_replica_and_is_acknowledged(
    forgetful_redis: Redis, gateway: Callable[..., Gateway]
) -> None:
    """Everyone sees the same order of events, the sender included."""
    one, two = gateway(forgetful_redis.url), gateway(forgetful_redis.url)
    eventually(lambda: one.ready() and two.ready())
    with browser(one.port) as sender, browser(two.port) as other:
        sender.send("42" + '7["item_removed",{"id":"a"}]')
        packets = {sender.receive(), sender.receive()}
        assert packets == {'437[{"ok":true}]', '42["item_removed",{"id":"a"}]'}
        assert other.event() == ["item_removed", {"id": "a"}]


def test_an_event_that_the_bus_did_not_confirm_is_refused(
    own_redis: Redis, gateway: Callable[..., Gateway]
) -> None:
    """A browser must know that its event did not happen."""
    service = gateway(own_redis.url)
    eventually(service.ready)
    with browser(service.port) as one:
        own_redis.kill()
        answer = one.ask("item_removed", {"id": "a"})
        assert answer["error"]["code"] == "bus_unavailable"


def test_rooms_are_joined_and_left(forgetful_redis: Redis, gateway: Callable[..., Gateway]) -> None:
    """A browser gets what it asked for, and only that."""
    service = gateway(forgetful_redis.url)
    eventually(service.ready)
    with browser(service.port) as one, browser(service.port) as other:
        assert one.ask("subscribe", "sku:7") == {"ok": True, "rooms": ["sku:7"]}
        assert one.ask("subscribe", ["a", "b"]) == {"ok": True, "rooms": ["a", "b"]}
        assert one.ask("subscribe", ["c", ""])["error"]["code"] == "bad_room"
        assert other.ask("subscribe", one.sid)["error"]["code"] == "bad_room"
        assert one.ask("unsubscribe", ["a", "b", "c"]) == {"ok": True, "rooms": ["a", "b"]}
        in_room = Record(event="price", arguments=b"[3]", rooms=("sku:7", "a"))
        publish(forgetful_redis, in_room, ITEM)
        assert one.event() == ["price", 3], "it came once, though the record names two rooms"
        assert one.event()[0] == "item_added"
        assert other.event()[0] == "item_added", "the other browser was in no room"


def test_other_processes_move_browsers_between_rooms_and_disconnect_them(
    forgetful_redis: Redis, gateway: Callable[..., Gateway]
) -> None:
    """Control messages go over pub/sub to whichever replica has the browser."""
    service = gateway(forgetful_redis.url)
    eventually(service.ready)
    # It serves browsers as soon as it reads the stream, and may not hear this channel yet.
    eventually(lambda: forgetful_redis.client.pubsub_numsub("socketio")[0][1] == 1)
    with browser(service.port) as one:
        over_the_bus(forgetful_redis, lambda manager: manager.enter_room(one.sid, "/", "vip"))
        eventually(lambda: one.ask("unsubscribe", "vip")["rooms"] == ["vip"])
        assert one.ask("subscribe", "vip")["rooms"] == ["vip"]
        over_the_bus(forgetful_redis, lambda manager: manager.close_room("vip", "/"))
        eventually(lambda: one.ask("unsubscribe", "vip")["rooms"] == [])
        over_the_bus(forgetful_redis, lambda manager: manager.can_disconnect(one.sid, "/"))
        assert one.receive() == "41"


def test_binary_arguments_arrive_as_binary(forgetful_redis: Redis, gateway: Callable[..., Gateway]) -> None:
    """Socket.IO carries binary data; the bus must keep it binary."""
    service = gateway(forgetful_redis.url)
    eventually(service.ready)
    url = f"ws://{HOST}:{service.port}/socket.io/?EIO=4&transport=websocket"
    with connect(url) as connection:
        one = Browser(connection)
        over_the_bus(forgetful_redis, lambda manager: manager.emit("image", {"png": b"\x00\xff"}))
        assert one.receive() == '451-["image",{"png":{"_placeholder":true,"num":0}}]'
        assert connection.recv(timeout=60) == b"\x00\xff"


@pytest.mark.parametrize(
    "packet", ['42["connect",{"forged":1}]', '42["disconnect"]', "42[]", "42{}", '42[{"a":1}]', "42[true]"]
)
def test_an_event_that_is_forged_or_malformed_closes_its_connection_alone(
    forgetful_redis: Redis, gateway: Callable[..., Gateway], packet: str
) -> None:
    """`42["connect",…]` would run our connect handler with a forged environment."""
    service = gateway(forgetful_redis.url)
    eventually(service.ready)
    with browser(service.port) as forger, browser(service.port) as honest:
        forger.send(packet)
        with pytest.raises(ConnectionClosed) as closed:
            forger.ask("subscribe", "a")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        assert honest.ask("subscribe", "a")["ok"]
    assert service.metric("queuecast_gateway_events_refused_total") == 1
    assert "Traceback" not in service.log()


def test_other_origins_and_transports_are_refused(
    forgetful_redis: Redis, gateway: Callable[..., Gateway]
) -> None:
    """A page of another site must not connect with its visitor's rights unless it is listed."""
    allowed = "https://shop.example"
    service = gateway(forgetful_redis.url, QUEUECAST_ORIGINS=allowed, QUEUECAST_TRANSPORTS="websocket")
    eventually(service.ready)
    with browser(service.port, origin=allowed):
        pass
    with pytest.raises(InvalidStatus), browser(service.port, origin="https://evil.example"):
        pass
    with socket.create_connection((HOST, service.port)) as polling:
        polling.sendall(
            b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n"
            b"Host: localhost\r\nConnection: close\r\n\r\n"
        )
        assert polling.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_records_for_a_namespace_that_is_not_served_are_counted_and_named(
    forgetful_redis: Redis, gateway: Callable[..., Gateway]
) -> None:
    """Nothing is lost silently: the log names the missing setting."""
    service = gateway(forgetful_redis.url, QUEUECAST_NAMESPACES="/,/orders")
    eventually(service.ready)
    with browser(service.port, "/orders") as one:
        publish(forgetful_redis, Record(event="x", arguments=b"[1]", namespace="/secret"))
        publish(forgetful_redis, Record(event="x", arguments=b"[2]", namespace="/orders"))
        assert one.event() == ["x", 2]
    assert service.metric(RECORDS_READ, outcome="unknown_namespace") == 1
    assert "'/secret'" in service.log()


def test_connects_and_disconnects_add_up(forgetful_redis: Redis, gateway: Callable[..., Gateway]) -> None:
    """The autoscaler reads the gauge, so it must return to 0."""
    service = gateway(forgetful_redis.url)
    eventually(service.ready)
    with browser(service.port), browser(service.port):
        assert service.metric("queuecast_gateway_connections") == 2
    eventually(lambda: service.metric("queuecast_gateway_connections") == 0)
    assert service.metric("queuecast_gateway_connects_total", transport="websocket") == 2
    assert service.metric("queuecast_gateway_disconnects_total", reason="transport_close") == 2


def test_sigterm_ends_with_0_although_a_client_does_not_read(
    forgetful_redis: Redis, gateway: Callable[..., Gateway]
) -> None:
    """One browser on a dead network must not delay a rollout."""
    service = gateway(forgetful_redis.url, QUEUECAST_DRAIN_SECONDS="1", QUEUECAST_GRACEFUL_SECONDS="1")
    eventually(service.ready)
    deaf = socket.create_connection((HOST, service.port))
    deaf.sendall(
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert deaf.recv(64).startswith(b"HTTP/1.1 101")
    with browser(service.port):
        service.process.signal(signal.SIGTERM)
        assert service.process.wait(60) == 0
    deaf.close()


def test_a_port_in_use_is_named_with_its_variable(
    forgetful_redis: Redis, gateway: Callable[..., Gateway]
) -> None:
    """Whoever reads the log should know what to change."""
    service = gateway(forgetful_redis.url, QUEUECAST_PORT=str(forgetful_redis.port))
    assert service.process.wait(60) == 2
    assert f"port {forgetful_redis.port}" in service.log()
    assert "QUEUECAST_PORT" in service.log()


def test_all_mistakes_in_the_environment_are_named_at_once(
    forgetful_redis: Redis, gateway: Callable[..., Gateway]
) -> None:
    """One start lists them all, so that nobody has to fix them one by one."""
    service = gateway(
        forgetful_redis.url,
        QUEUECAST_ORIGINS="shop.example",
        QUEUECAST_TRANSPORTS="carrier-pigeon",
        QUEUECAST_RELAY_EVENTS="connect",
        QUEUECAST_PRT="1",
    )
    assert service.process.wait(60) == 2
    for name in ("QUEUECAST_ORIGINS", "QUEUECAST_TRANSPORTS", "QUEUECAST_RELAY_EVENTS", "QUEUECAST_PRT"):
        assert name in service.log()
