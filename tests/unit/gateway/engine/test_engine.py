import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from tests.unit.browser import Browser, residue
from tests.unit.fakes import Figures
from tests.unit.gateway.fakes import FakeTransport

from queuecast_gateway.engine.closing_handshake import ClosingHandshake
from queuecast_gateway.engine.frames import CLOSE
from queuecast_gateway.engine.session import SLOW
from queuecast_gateway.server.socketio_server import SocketServer

# Connections


async def test_connections_are_counted_by_transport(server: SocketServer, figure: Figures) -> None:
    """The autoscaler reads this gauge."""
    browser = Browser(server)
    await browser.settle()
    assert figure("connections") == 1
    assert figure("connects_total", transport="websocket") == figure.sum("connects_total") == 1


@pytest.mark.parametrize(
    ("reason", "label"),
    [("ping timeout", "ping_timeout"), ("client disconnect", "client_disconnect"), ("by magic", "other")],
)
async def test_the_reason_of_an_end_is_one_of_a_closed_set(
    server: SocketServer, figure: Figures, reason: str, label: str
) -> None:
    """A new reason of the library must not start a new time series."""
    browser = Browser(server)
    for _ in range(2):
        browser.session.end(reason)
    await browser.settle()
    assert figure("connections") == 0
    assert figure("disconnects_total", reason=label) == figure.sum("disconnects_total") == 1


async def test_a_connection_leaves_nothing_behind(server: SocketServer) -> None:
    """9,000 connections must not leave memory behind, whatever they were doing at their end."""
    browser = Browser(server)
    await browser.joined()
    await browser.joined("/shop")
    await browser.says('51-["item_removed",{"_placeholder":true,"num":0}]')
    browser.session.connection_lost(None)
    await browser.settle()
    assert residue(server) == {}


async def _refuse() -> bool:
    return False


async def _fail() -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("handle", "logged"),
    [(_refuse, ""), (_fail, "ZeroDivisionError"), (partial(asyncio.sleep, 0), "waits for something")],
)
async def test_a_connection_that_the_connect_handler_refuses_is_closed(
    server: SocketServer, caplog: pytest.LogCaptureFixture, handle: Callable[[], Any], logged: str
) -> None:
    """A handler that fails, or waits although it must not, refuses too, and that is logged."""
    server.eio.on("connect", lambda eio_sid, environ: handle())
    transport = FakeTransport()
    server.eio.open_websocket(transport, b"", {})
    assert isinstance(transport.protocol, ClosingHandshake)
    await asyncio.gather(*server.eio._tasks)
    assert residue(server) == {}
    assert logged in caplog.text
    assert bool(caplog.text) == bool(logged)


async def test_a_client_that_disconnects_during_its_connect_handler_is_in_no_room(
    server: SocketServer,
) -> None:
    """The stock server keeps the sid of such a client for ever."""
    proceed = asyncio.Event()

    async def connect(sid: str, environ: Any) -> None:
        await proceed.wait()

    server.on("connect", connect, "/")
    browser = Browser(server)
    browser.session.receive("40")
    await asyncio.sleep(0)
    browser.session.connection_lost(None)
    proceed.set()
    await browser.settle()
    assert residue(server) == {}


async def test_a_disconnect_handler_that_raises_leaves_nothing_behind(server: SocketServer) -> None:
    """Its rooms are left, whatever the application does."""

    async def disconnect(sid: str, reason: str) -> None:
        raise ZeroDivisionError

    server.on("disconnect", disconnect, "/")
    browser = Browser(server)
    await browser.joined()
    browser.session.connection_lost(None)
    await browser.settle()
    assert residue(server) == {}


async def test_the_request_is_forgotten_after_the_connect_handler(server: SocketServer) -> None:
    """One or two headers would be most of the memory of an idle connection."""
    seen: list[Any] = []
    server.on("connect", lambda sid, environ: seen.append(environ["HTTP_ORIGIN"]), "/")
    browser = Browser(server)
    await browser.joined()
    assert seen == ["https://example.org"]
    assert server.environ[browser.session.sid] == {}


async def test_connect_comes_before_what_its_handler_emits(server: SocketServer) -> None:
    """The stock client drops events of a namespace that it has not joined yet."""

    async def connect(sid: str, environ: Any) -> None:
        await server.manager.emit("hello", 1, namespace="/", room=sid, ignore_queue=True)

    server.on("connect", connect, "/")
    browser = Browser(server)
    await browser.says("0")
    first, second, third = browser.texts
    assert first.startswith('40{"sid":')
    assert second == '42["queuecast:offset","0-0"]'
    assert third == '42["hello",1,"0-0"]'


async def test_a_connect_handler_that_fails_is_answered(server: SocketServer) -> None:
    """Without an answer, the browser would wait for ever."""

    async def connect(sid: str, environ: Any) -> None:
        raise ZeroDivisionError

    server.on("connect", connect, "/")
    browser = Browser(server)
    await browser.says("0")
    assert browser.texts == ['44{"message":"Internal error"}']
    assert server.manager.rooms == {}


async def test_a_browser_that_joins_nothing_is_closed(server: SocketServer, figure: Figures) -> None:
    """A real client joins a namespace at once."""
    idle, joined = Browser(server), Browser(server)
    await joined.joined()
    for browser in (idle, joined):
        server._join_deadlines._check(browser.session.sid)
        await browser.settle()
    assert (idle.close_code, joined.close_code) == (1008, None)
    assert figure("events_refused_total", reason="no_connect") == 1


# What browsers send


async def test_an_event_is_acknowledged(server: SocketServer) -> None:
    """The acknowledgement has what the handler returns."""
    server.on("add", lambda sid, a, b: a + b, "/")
    browser = Browser(server)
    await browser.joined()
    await browser.says('27["add",2,3]')
    assert browser.texts == ["437[5]"]


async def test_attachments_replace_their_placeholders(server: SocketServer) -> None:
    """A binary event is a packet and its attachments, one after the other."""
    got: list[Any] = []
    server.on("put", lambda sid, *arguments: got.extend(arguments), "/")
    browser = Browser(server)
    await browser.joined()
    await browser.says('52-["put",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
    for attachment in (b"first", b"second"):
        browser.session.receive(attachment)
    await browser.settle()
    assert got == [b"first", b"second"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "packet_type"),
        ("9", "packet_type"),
        ("4", "packet_type"),
        ("2", "payload"),
        ("2[]", "payload"),
        ("2{}", "payload"),
        ('3["x"]', "payload"),
        ("0[]", "payload"),
        ("1[]", "payload"),
        ('2["disconnect"]', "event_name"),
        ('50-["x"]', "attachments"),
        ('59999999999-["x"]', "attachments"),
        ('511-["x"]', "attachments"),
        ("0", "unexpected"),
        ('2/shop,["x"]', "unexpected"),
        ("1/shop,", "unexpected"),
        ("2[NaN]", "json"),
        ('2["x"', "json"),
        ('2["x",1e999]', "number"),
        (f'2["x",{"9" * 5_000}]', "number"),
        (f'2["x",{"[" * 5_000}{"]" * 5_000}]', "nesting"),
        (f'2{"1" * 16}["x"]', "ack_id"),
    ],
)
async def test_an_invalid_packet_closes_the_connection(
    server: SocketServer, figure: Figures, text: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With a close code, a reason, one log line and no traceback. The JavaScript server closes too."""
    browser = Browser(server)
    await browser.joined()
    await browser.says(text, "2[]")
    assert browser.close_code == 1008
    assert figure("events_refused_total", reason=reason) == figure.sum("events_refused_total") == 1
    assert figure("disconnects_total", reason="parse_error") == 1
    assert len(caplog.records) == 1
    assert residue(server) == {}


async def test_an_unknown_namespace_is_refused_as_the_protocol_says(server: SocketServer) -> None:
    """The connection and its other namespaces stay open."""
    browser = Browser(server)
    await browser.joined()
    await browser.says("0/nowhere,")
    assert browser.texts == ['44/nowhere,{"message":"Invalid namespace"}']
    assert browser.close_code is None


async def test_a_handler_that_fails_does_not_end_the_connection(server: SocketServer) -> None:
    """A bug in one handler is no reason to lose a browser."""

    def broken(sid: str) -> None:
        raise ZeroDivisionError

    server.on("broken", broken, "/")
    server.on("add", lambda sid, a, b: a + b, "/")
    browser = Browser(server)
    await browser.joined()
    await browser.says('2["broken"]', '27["add",2,3]')
    assert browser.texts == ["437[5]"]


async def test_a_slow_browser_is_closed_with_its_own_code(server: SocketServer, figure: Figures) -> None:
    """It has time to read what it can; then the connection is aborted."""
    browser = Browser(server)
    await browser.joined()
    browser.session.pause_writing()
    await asyncio.sleep(0)
    await browser.settle()
    assert browser.transport.frames == [(CLOSE, SLOW.to_bytes(2, "big") + b"slow")]
    assert isinstance(browser.transport.protocol, ClosingHandshake)
    assert figure("disconnects_total", reason="slow") == 1
    assert residue(server) == {}


async def test_nothing_is_read_while_a_handler_is_far_behind(server: SocketServer) -> None:
    """The number of waiting messages is bounded; the rest stays in TCP buffers."""
    proceed = asyncio.Event()

    async def wait(sid: str) -> None:
        await proceed.wait()

    server.on("wait", wait, "/")
    browser = Browser(server)
    await browser.joined()
    for _ in range(100):
        browser.session.receive('42["wait"]')
    assert not browser.transport.reading
    browser.session.heartbeat.ping()
    wheel, timeout = server.eio.ping_wheel, server.eio.ping_timeout
    turns = round(timeout / wheel.tick_seconds)
    wheel.tick, wheel.turns = wheel.tick + turns, wheel.turns + turns
    browser.session.heartbeat()
    assert browser.close_code is None, "the pong may not have been read yet"
    proceed.set()
    await browser.settle()
    assert browser.transport.reading


# Settings


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        (None, "http://a.example", True),
        (None, "https://example.org", False),
        (("https://example.org",), "https://example.org", True),
        (("https://example.org",), "http://a.example", False),
        (("https://example.org",), None, False),
    ],
)
def test_origins_are_checked_by_the_settings(
    make: Callable[..., SocketServer], origins: Any, origin: str | None, allowed: bool
) -> None:
    """None allows the page's own origin; an empty list would turn the check off."""
    allows = make(origins=origins).eio.cors_allowed_origins
    assert allows(origin, {"HTTP_HOST": "a.example", "wsgi.url_scheme": "http"}) is allowed


def test_all_origins_are_allowed_where_that_is_said(make: Callable[..., SocketServer]) -> None:
    """In full, by an asterisk."""
    assert make(origins=("*",)).eio.cors_allowed_origins == "*"


def test_limits_reach_the_engine(make: Callable[..., SocketServer]) -> None:
    """A limit that is only in the settings has no effect."""
    limits = {"max_message_bytes": 5_000, "max_buffered_bytes": 70_000, "max_replay_bytes": 60_000}
    limits["max_record_bytes"] = 60_000
    server = make(**limits, transports=("websocket",))
    assert server.eio.max_message_bytes == 5_000
    assert server.eio.max_buffered_bytes == 70_000
    assert server.eio.transports == ["websocket"]
    assert server.async_handlers is False
