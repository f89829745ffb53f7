"""All memory that one connection makes the gateway hold is counted and bounded."""

import asyncio
import gc
import json
import weakref

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.browser import Browser, make_server, residue
from tests.unit.fakes import Figures
from tests.unit.gateway.fakes import FakeSessions, FakeTransport

from queuecast_gateway.engine.polling import Polling, post
from queuecast_gateway.engine.session import Session
from queuecast_gateway.server.socketio_server import SocketServer

BOUND = 64 << 10
NO_RATES = {"max_events_per_second": 0, "max_bytes_per_second": 0}


@pytest.fixture
def proceed() -> asyncio.Event:
    """What the handler of `slow` waits for, as others wait for Redis."""
    return asyncio.Event()


@pytest.fixture
def server(registry: CollectorRegistry, proceed: asyncio.Event) -> SocketServer:
    server = make_server(
        registry,
        FakeSessions(),
        max_buffered_bytes=BOUND,
        max_replay_bytes=1_000,
        max_record_bytes=10_000,
        **NO_RATES,
    )

    async def wait(sid: str, *arguments: object) -> None:
        await proceed.wait()

    server.on("slow", wait, "/")
    return server


def event(size: int) -> str:
    return f"42{json.dumps(['slow', 'x' * size])}"


async def test_messages_that_wait_for_their_handler_are_counted(
    server: SocketServer, proceed: asyncio.Event
) -> None:
    """While Redis is away, each connection may have 64 messages of the largest size waiting."""
    browser = Browser(server)
    await browser.joined()
    for _ in range(4):
        browser.session.receive(event(10_000))
    assert server.eio.held_bytes()[0] >= 40_000
    await asyncio.sleep(0)
    assert 30_000 <= server.eio.held_bytes()[1] < 40_000, "the first one is being handled"
    proceed.set()
    await browser.settle()
    assert server.eio.held_bytes() == (0, 0)


async def test_a_connection_with_too_large_a_backlog_is_closed(
    server: SocketServer, proceed: asyncio.Event, registry: CollectorRegistry
) -> None:
    """Even without rate limits, and whatever is in it; none of it is handled."""
    figure = Figures(registry, "queuecast_gateway")
    browser = Browser(server)
    await browser.joined()
    for _ in range(6):
        browser.session.receive(event(10_000))
    await asyncio.sleep(0)
    assert browser.close_code is None
    browser.session.receive(event(20_000))
    assert browser.close_code == 1008
    assert figure("events_refused_total", reason="backlog") == 1
    proceed.set()
    await browser.settle()
    assert residue(server) == {}


async def test_attachments_of_an_incomplete_packet_are_counted(
    server: SocketServer, registry: CollectorRegistry
) -> None:
    """From the first one on, and together with all else."""
    browser = Browser(server)
    await browser.joined()
    places = ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(4))
    browser.session.receive(f'454-["slow",{places}]')
    browser.session.receive(b"x" * 30_000)
    browser.session.receive(b"x" * 30_000)
    await browser.settle()
    assert browser.close_code is None
    assert server.eio.held_bytes()[0] >= 60_000
    browser.session.receive(b"x" * 10_000)
    await browser.settle()
    assert browser.close_code == 1008
    assert Figures(registry, "queuecast_gateway")("events_refused_total", reason="backlog") == 1


async def test_the_request_is_counted_until_the_session_has_joined(server: SocketServer) -> None:
    """Its head may have 64 KiB, and is kept for the connect handlers."""
    server.eio.open_websocket(Browser(server).transport, b"", {"HTTP_COOKIE": "x" * 5_000})
    assert server.eio.held_bytes()[1] >= 5_000
    session: Session = list(server.eio.sockets.values())[-1]
    session.receive("40")
    while session.work is not None:
        await asyncio.wait([session.work])
    assert session.held_bytes == 0


async def test_long_polling_sessions_share_the_bytes_of_a_broadcast(server: SocketServer) -> None:
    """With copies, a broadcast took its size for each browser."""
    sent = b"\x81\x05hello"
    transports = []
    for _ in range(2):
        session = server.eio.open_polling({})
        await post(session, b"40")
        server.eio.outbox.flush()
        await session.transport.poll()
        server.eio.outbox.put(sent, (session,))
        server.eio.outbox.flush()
        transports.append(session.transport)
    one, two = transports
    assert isinstance(one, Polling)
    assert one.get_write_buffer_size() == two.get_write_buffer_size() == len(sent)
    assert one.release() is two.release() is sent


async def test_an_ended_session_is_freed_at_once(server: SocketServer) -> None:
    """A session and its heartbeat hold each other; churn must not wait for the garbage collector."""
    server.eio.open_websocket(FakeTransport(), b"", {})
    (session,) = server.eio.sockets.values()
    session.receive("40")
    session.heartbeat.ping()
    session.end("ping timeout")
    while session.work is not None:
        await asyncio.wait([session.work])
    await asyncio.sleep(0)
    ended = weakref.ref(session)
    gc.disable()
    try:
        del session
        assert ended() is None
    finally:
        gc.enable()
