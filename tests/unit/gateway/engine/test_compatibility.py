"""What we override or call in python-socketio, engineio and uvicorn: an upgrade fails here first."""

import inspect
import re
import signal
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import engineio
import pytest
import socketio
import uvicorn
from bidict import bidict
from engineio.async_socket import AsyncSocket
from socketio.async_manager import AsyncManager
from socketio.async_pubsub_manager import AsyncPubSubManager
from socketio.base_manager import BaseManager
from socketio.packet import Packet
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from queuecast_bus import BusManager
from queuecast_gateway.delivery.gateway_bus import GatewayBus
from queuecast_gateway.delivery.rooms import Rooms
from queuecast_gateway.engine.engine import Engine
from queuecast_gateway.engine.session import Session
from queuecast_gateway.public.http import HttpProtocol
from queuecast_gateway.public.web import WebServer
from queuecast_gateway.server.socketio_server import SocketServer
from queuecast_gateway.wire.packet import SocketPacket

REQUIREMENTS = Path(__file__).parents[4] / "requirements"


def parameters(function: Callable[..., Any]) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


@pytest.mark.parametrize(
    ("stock", "ours", "wanted"),
    [
        (AsyncPubSubManager._publish, BusManager._publish, ["data"]),
        (AsyncPubSubManager._listen, BusManager._listen, []),
        (AsyncPubSubManager.initialize, BusManager.initialize, []),
        (AsyncPubSubManager._handle_disconnect, GatewayBus._handle_disconnect, ["message"]),
        (AsyncPubSubManager._handle_callback, GatewayBus._handle_callback, ["message"]),
        (AsyncPubSubManager._handle_enter_room, GatewayBus._handle_enter_room, ["message"]),
        (AsyncPubSubManager._handle_leave_room, GatewayBus._handle_leave_room, ["message"]),
        (AsyncPubSubManager._handle_close_room, GatewayBus._handle_close_room, ["message"]),
        (BaseManager.pre_connect, Rooms.pre_connect, ["eio_sid", "namespace"]),
        (
            BaseManager.basic_enter_room,
            Rooms.basic_enter_room,
            ["sid", "namespace", "room", "eio_sid"],
        ),
        (BaseManager.basic_leave_room, Rooms.basic_leave_room, ["sid", "namespace", "room"]),
        (BaseManager.basic_disconnect, Rooms.basic_disconnect, ["sid", "namespace", "kwargs"]),
        (BaseManager.get_rooms, Rooms.get_rooms, ["sid", "namespace"]),
        (
            socketio.AsyncServer._handle_eio_connect,
            SocketServer._handle_eio_connect,
            ["eio_sid", "environ"],
        ),
        (
            socketio.AsyncServer._handle_eio_disconnect,
            SocketServer._handle_eio_disconnect,
            ["eio_sid", "reason"],
        ),
        (
            socketio.AsyncServer._handle_eio_message,
            SocketServer._handle_eio_message,
            ["eio_sid", "data"],
        ),
        (
            socketio.AsyncServer._handle_disconnect,
            SocketServer._handle_disconnect,
            ["eio_sid", "namespace", "reason"],
        ),
        (socketio.AsyncServer._send_packet, SocketServer._send_packet, ["eio_sid", "pkt"]),
        (socketio.AsyncServer._engineio_server_class, SocketServer._engineio_server_class, []),
        (Packet.decode, SocketPacket.decode, ["encoded_packet"]),
        (Packet.add_attachment, SocketPacket.add_attachment, ["attachment"]),
        (engineio.AsyncServer.generate_id, Engine.generate_id, []),
        (engineio.AsyncServer.disconnect, Engine.disconnect, ["sid"]),
        (engineio.AsyncServer.shutdown, Engine.shutdown, []),
        (AsyncSocket.close, Session.close, ["wait", "abort", "reason"]),
        (HttpToolsProtocol.connection_made, HttpProtocol.connection_made, ["transport"]),
        (HttpToolsProtocol.connection_lost, HttpProtocol.connection_lost, ["exc"]),
        (HttpToolsProtocol.data_received, HttpProtocol.data_received, ["data"]),
        (HttpToolsProtocol.on_message_begin, HttpProtocol.on_message_begin, []),
        (HttpToolsProtocol.on_headers_complete, HttpProtocol.on_headers_complete, []),
        (HttpToolsProtocol.handle_websocket_upgrade, HttpProtocol.handle_websocket_upgrade, []),
        (uvicorn.Server.capture_signals, WebServer.capture_signals, []),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_an_override_has_the_parameters_of_the_stock_method(
    stock: Callable[..., Any], ours: Callable[..., Any], wanted: list[str]
) -> None:
    """An override under an outdated name is dead code, and silently brings back the stock behaviour."""
    assert stock is not ours
    assert parameters(stock) == parameters(ours) == wanted


def test_the_stock_handling_of_connect_takes_our_arguments() -> None:
    """`ConnectRequests` calls it; nothing overrides it."""
    assert SocketServer._handle_connect is socketio.AsyncServer._handle_connect
    assert parameters(socketio.AsyncServer._handle_connect) == ["eio_sid", "namespace", "data"]


def test_a_session_has_the_attributes_of_a_stock_socket() -> None:
    """python-socketio, its admin UI and python-engineio look these up by name."""
    names = {"sid", "session", "send", "close", "closed", "closing", "connected", "upgraded", "upgrading"}
    assert names <= set(dir(Session))
    assert "__dict__" not in dir(Session), "a dictionary would double the cost of a connection"


def test_emit_has_the_parameters_of_the_stock_manager_in_order() -> None:
    """python-socketio and applications call it with positional arguments."""
    assert parameters(BusManager.emit) == parameters(AsyncPubSubManager.emit)
    assert parameters(Rooms.emit) == parameters(AsyncManager.emit)


def test_a_room_has_a_dictionary_inside() -> None:
    """Deliveries read it, because iterating over a bidict runs Python code for each item."""
    room = BaseManager()
    room.basic_enter_room("sid", "/", None, eio_sid="eio")
    assert type(room.rooms["/"][None]) is bidict
    assert room.rooms["/"][None]._fwdm == {"sid": "eio"}


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (AsyncPubSubManager._thread, []),
        (AsyncPubSubManager._handle_emit, ["message"]),
        (BaseManager.get_participants, ["namespace", "room"]),
        (BaseManager.sid_from_eio_sid, ["eio_sid", "namespace"]),
        (BaseManager.eio_sid_from_sid, ["sid", "namespace"]),
        (BaseManager.basic_close_room, ["room", "namespace"]),
        (engineio.AsyncServer._cors_allowed_origins, ["environ"]),
        (engineio.AsyncServer._cors_headers, ["environ"]),
        (socketio.AsyncServer._handle_event, ["eio_sid", "namespace", "id", "data"]),
        (socketio.AsyncServer._handle_ack, ["eio_sid", "namespace", "id", "data"]),
        (socketio.AsyncServer.rooms, ["sid", "namespace"]),
        (socketio.AsyncServer.enter_room, ["sid", "room", "namespace"]),
        (socketio.AsyncServer.leave_room, ["sid", "room", "namespace"]),
        (socketio.AsyncServer.on, ["event", "handler", "namespace"]),
        (Packet.data_is_binary, ["data"]),
        (Packet.deconstruct_binary, ["data"]),
        (Packet.reconstruct_binary, ["data", "attachments"]),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_what_we_call_takes_our_arguments(function: Callable[..., Any], wanted: list[str]) -> None:
    """A private method may change in any release."""
    assert parameters(function) == wanted


def test_the_listener_gets_its_messages_from_listen() -> None:
    """`hear` runs the stock `_thread`, which has to call our `_listen`."""
    assert "self._listen()" in inspect.getsource(AsyncPubSubManager._thread)
    assert "isinstance(message, dict)" in inspect.getsource(AsyncPubSubManager._thread), "as ours are"


def test_the_listener_handles_what_replicas_send_to_each_other() -> None:
    """A question goes by `disconnect`, its answer by `callback`; emitters send the rest."""
    source = inspect.getsource(AsyncPubSubManager._thread)
    for method in ("disconnect", "callback", "emit", "enter_room", "leave_room", "close_room"):
        assert f"self._handle_{method}(data)" in source


def test_a_manager_keeps_rooms_by_namespace() -> None:
    """Deliveries look up their recipients there; room None has everybody."""
    manager = BaseManager()
    manager.basic_enter_room("sid", "/", None, eio_sid="eio")
    manager.basic_enter_room("sid", "/", "a")
    manager.basic_enter_room("sid", "/", "b")
    assert manager.rooms == {"/": {None: {"sid": "eio"}, "a": {"sid": "eio"}, "b": {"sid": "eio"}}}
    assert list(manager.get_participants("/", None)) == [("sid", "eio")]
    assert list(manager.get_participants("/", ["a", "b", "c"])) == [("sid", "eio")]
    assert list(manager.get_participants("/other", None)) == []


def test_a_bound_handler_in_a_partial_is_seen_as_a_coroutine() -> None:
    """python-socketio awaits a handler if this is true; ours are partials."""

    class Handlers:
        async def handle(self, namespace: str) -> None: ...

    assert inspect.iscoroutinefunction(partial(Handlers().handle, "/"))


def test_a_disconnect_reason_is_one_of_a_known_set() -> None:
    """The reasons become values of a metric's label."""
    reasons = engineio.AsyncServer.reason
    known = {value for name, value in vars(reasons).items() if not name.startswith("_")}
    assert known >= {"server disconnect", "client disconnect", "ping timeout", "transport close"}


def test_uvicorn_says_whether_it_has_started_and_can_be_stopped() -> None:
    """Stopping the gateway reads the one and sets the other."""
    server = uvicorn.Server(uvicorn.Config(lambda: None, log_config=None))
    assert server.started is False
    assert server.should_exit is False
    assert "sockets" in parameters(server.serve)


def test_uvicorn_does_not_capture_our_signals() -> None:
    """Its own handling ends the process by the signal, but after SIGTERM the exit code has to be 0."""
    context = WebServer(uvicorn.Config(lambda: None, log_config=None)).capture_signals()
    before = signal.getsignal(signal.SIGTERM)
    with context:
        assert signal.getsignal(signal.SIGTERM) is before
    assert "capture_signals" in inspect.getsource(uvicorn.Server.serve)


@pytest.mark.parametrize(
    ("package", "pinned_in"),
    [
        ("python-socketio", "bus.in"),
        ("redis", "bus.in"),
        ("uvicorn", "gateway.in"),
        ("aiobotocore", "poller.in"),
    ],
)
def test_libraries_are_pinned_to_the_tested_versions(package: str, pinned_in: str) -> None:
    """Nobody has tested any other version."""
    found = re.search(rf"^{package}==(\S+)$", (REQUIREMENTS / pinned_in).read_text(), re.MULTILINE)
    assert found is not None
    assert found.group(1) == version(package)


@pytest.mark.parametrize("service", ["gateway", "poller", "local", "dev"])
@pytest.mark.parametrize("package", ["python-socketio", "python-engineio", "redis"])
def test_every_image_has_the_tested_versions(service: str, package: str) -> None:
    """The lock files are made one by one, and have to agree."""
    locked = re.findall(rf"^{package}==(\S+)", (REQUIREMENTS / f"{service}.txt").read_text(), re.MULTILINE)
    assert locked == [version(package)]
