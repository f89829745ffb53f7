from collections.abc import Callable
from typing import Any

import pytest
import socketio
from prometheus_client import CollectorRegistry
from tests.unit.fakes import Figures

from queuecast_bus import BusManager
from queuecast_gateway.board import BOARD_NAMESPACE
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.server import SocketServer
from queuecast_gateway.settings import Settings


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def figure(registry: CollectorRegistry) -> Figures:
    return Figures(registry, "queuecast_gateway")


@pytest.fixture
def make(registry: CollectorRegistry) -> Callable[..., SocketServer]:
    def made(**options: Any) -> SocketServer:
        settings = Settings(namespaces=("/", "/shop"), **options)
        return SocketServer(BusManager(settings), settings, Metrics(registry))

    return made


@pytest.fixture
def server(make: Callable[..., SocketServer]) -> SocketServer:
    return make()


@pytest.fixture
def packets(server: SocketServer, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What goes to connections: which one, and the text of the packet."""
    sent: list[tuple[str, str]] = []

    async def send(eio_sid: str, packet: Any) -> None:
        sent.append((eio_sid, packet.data))

    monkeypatch.setattr(server, "_send_eio_packet", send)
    return sent


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the guard lets through to python-socketio."""
    passed: list[Any] = []

    async def handle(self: Any, eio_sid: str, namespace: Any, number: Any, data: Any) -> None:
        passed.append(data)

    monkeypatch.setattr(socketio.AsyncServer, "_handle_event", handle)
    return passed


def join(server: SocketServer, sid: str, *rooms: str, namespace: str = "/") -> None:
    for room in (None, sid, *rooms):
        server.manager.basic_enter_room(sid, namespace, room, eio_sid=f"eio-{sid}")


# Deliveries


async def test_a_record_without_rooms_reaches_everyone_in_its_namespace(
    server: SocketServer, packets: list[tuple[str, str]]
) -> None:
    """And nobody beyond it."""
    join(server, "a")
    join(server, "b", "room")
    join(server, "c", namespace="/shop")
    assert await server.deliver("price", [3], "/", (), ()) == 2
    assert sorted(packets) == [("eio-a", '2["price",3]'), ("eio-b", '2["price",3]')]


async def test_who_is_in_several_rooms_gets_an_event_once(
    server: SocketServer, packets: list[tuple[str, str]]
) -> None:
    """Rooms overlap; events must not double."""
    join(server, "a", "x", "y")
    join(server, "b", "y")
    join(server, "c", "z")
    assert await server.deliver("price", [], "/", ("x", "y", "nobody here"), ()) == 2
    assert sorted(eio_sid for eio_sid, _ in packets) == ["eio-a", "eio-b"]


async def test_skipped_sessions_get_nothing_and_do_not_count(
    server: SocketServer, packets: list[tuple[str, str]]
) -> None:
    """What nobody received is not measured as delivered."""
    join(server, "a")
    join(server, "b")
    assert await server.deliver("price", [1], "/", (), ("a",)) == 1
    assert await server.deliver("price", [1], "/", (), ("a", "b")) == 0
    assert [eio_sid for eio_sid, _ in packets] == ["eio-b"]


@pytest.mark.parametrize(
    ("arguments", "packet"),
    [([], '2["e"]'), ([[1, 2]], '2["e",[1,2]]'), ([1, 2], '2["e",1,2]'), ([None], '2["e",null]')],
)
async def test_an_event_has_the_arguments_of_its_record(
    server: SocketServer, packets: list[tuple[str, str]], arguments: list[Any], packet: str
) -> None:
    """A list is one argument; nothing is none."""
    join(server, "a")
    await server.deliver("e", arguments, "/", (), ())
    assert [text for _, text in packets] == [packet]


async def test_an_event_for_nobody_here_is_not_encoded(
    server: SocketServer, packets: list[tuple[str, str]]
) -> None:
    """Most replicas have nobody in most rooms."""
    assert await server.deliver("e", [object()], "/", ("room",), ()) == 0
    assert packets == []


def test_only_what_browsers_may_join_is_served(server: SocketServer) -> None:
    """The board's namespace is the gateway's own: a record for it must not look like its figures."""
    assert [server.serves(name) for name in ("/", "/shop", "/other", BOARD_NAMESPACE)] == [
        True,
        True,
        False,
        False,
    ]


# Connections


@pytest.mark.parametrize(
    ("environ", "transport"),
    [({}, "polling"), ({"HTTP_UPGRADE": "WebSocket"}, "websocket"), ({"HTTP_UPGRADE": "h2c"}, "polling")],
)
async def test_connections_are_counted_by_transport(
    server: SocketServer, figure: Figures, environ: dict[str, str], transport: str
) -> None:
    """The autoscaler reads the gauge."""
    await server._handle_eio_connect("eio", environ)
    assert figure("connections") == 1
    assert figure("connects_total", transport=transport) == figure.sum("connects_total") == 1


@pytest.mark.parametrize(
    ("reason", "label"),
    [("ping timeout", "ping_timeout"), ("client disconnect", "client_disconnect"), ("by magic", "other")],
)
async def test_the_reason_of_an_end_is_one_of_a_closed_set(
    server: SocketServer, figure: Figures, reason: str, label: str
) -> None:
    """A new reason of the library must not become a new time series."""
    await server._handle_eio_connect("eio", {})
    await server._handle_eio_disconnect("eio", reason)
    assert figure("connections") == 0
    assert figure("disconnects_total", reason=label) == figure.sum("disconnects_total") == 1


async def test_an_end_counts_once(server: SocketServer, figure: Figures) -> None:
    """Engine.IO may tell it twice; a gauge below zero would scale the gateways away."""
    await server._handle_eio_connect("eio", {})
    for _ in range(2):
        await server._handle_eio_disconnect("eio", "transport close")
    assert figure("connections") == 0
    assert figure.sum("disconnects_total") == 1


# What browsers send


async def test_a_proper_event_is_handled(server: SocketServer, figure: Figures, events: list[Any]) -> None:
    """The guard is in nobody's way."""
    await server._handle_event("eio", "/", 1, ["item_removed", {"id": 1}])
    assert events == [["item_removed", {"id": 1}]]
    assert figure("events_refused_total") == 0


async def test_a_forged_event_is_refused_and_logged_once_per_connection(
    server: SocketServer, figure: Figures, events: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A counter per packet, a line per connection, never a traceback."""
    for data in (["disconnect", "forged"], [], None, "x" * 100_000):
        await server._handle_event("eio", "/", None, data)
    await server._handle_event("other", "/", None, [1])
    assert events == []
    assert figure("events_refused_total") == 5
    assert [record.args[0] for record in caplog.records if record.args] == ["eio", "other"]
    assert len(caplog.text) < 1_000


async def test_a_connection_that_has_ended_is_forgotten(
    server: SocketServer, events: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Its id would stay for ever otherwise."""
    await server._handle_eio_connect("eio", {})
    await server._handle_event("eio", "/", None, [1])
    await server._handle_eio_disconnect("eio", "transport close")
    assert server._warned == set()


# How the engine is set up


@pytest.mark.parametrize(
    ("origins", "allowed"),
    [(None, None), (("*",), "*"), (("https://example.org",), ["https://example.org"])],
)
def test_origins_are_checked_as_the_settings_say(
    make: Callable[..., SocketServer], origins: Any, allowed: Any
) -> None:
    """None is the page's own origin; an empty list would turn the check off."""
    assert make(origins=origins).eio.cors_allowed_origins == allowed


def test_limits_reach_the_engine(make: Callable[..., SocketServer]) -> None:
    """A limit that is only in the settings protects nobody."""
    server = make(max_message_bytes=5_000, transports=("websocket",))
    assert server.eio.max_http_buffer_size == 5_000
    assert server.eio.transports == ["websocket"]
    assert server.eio.http_compression is False
    assert server.async_handlers is False
