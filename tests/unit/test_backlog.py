"""What one connection makes the gateway hold is counted, and bounded whatever it is."""

import asyncio
import json

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.browser import Browser, make_server, residue
from tests.unit.fakes import FakeSessions, Figures

from queuecast_gateway.engine.polling import Polling, post
from queuecast_gateway.engine.session import Session
from queuecast_gateway.server import SocketServer

BOUND = 64 << 10
NO_RATES = {"max_events_per_second": 0, "max_bytes_per_second": 0}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def going_on() -> asyncio.Event:
    """What the handler of `slow` waits for, as one waits for Redis."""
    return asyncio.Event()


@pytest.fixture
def server(registry: CollectorRegistry, going_on: asyncio.Event) -> SocketServer:
    server = make_server(
        registry,
        FakeSessions(),
        max_buffered_bytes=BOUND,
        max_replay_bytes=1_000,
        max_record_bytes=10_000,
        **NO_RATES,
    )

    async def wait(sid: str, *arguments: object) -> None:
        await going_on.wait()

    server.on("slow", wait, "/")
    return server


def event(size: int) -> str:
    return f"42{json.dumps(['slow', 'x' * size])}"


async def test_what_waits_for_its_turn_is_counted(server: SocketServer, going_on: asyncio.Event) -> None:
    """While Redis is away, each connection may have 64 messages of the largest size here."""
    browser = Browser(server)
    await browser.joined()
    for _ in range(4):
        browser.session.receive(event(10_000))
    assert server.eio.buffered()[0] >= 40_000
    await asyncio.sleep(0)
    assert 30_000 <= server.eio.buffered()[1] < 40_000, "the first one is worked on"
    going_on.set()
    await browser.settle()
    assert server.eio.buffered() == (0, 0)


async def test_more_that_waits_than_may_ends_the_connection(
    server: SocketServer, going_on: asyncio.Event, registry: CollectorRegistry
) -> None:
    """Whatever it is made of, and without limits of rates: nothing of it is worked on."""
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
    going_on.set()
    await browser.settle()
    assert residue(server) == {}


async def test_attachments_that_wait_for_more_count(
    server: SocketServer, registry: CollectorRegistry
) -> None:
    """Together with all else, and from the first one on."""
    browser = Browser(server)
    await browser.joined()
    places = ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(4))
    browser.session.receive(f'454-["slow",{places}]')
    browser.session.receive(b"x" * 30_000)
    browser.session.receive(b"x" * 30_000)
    await browser.settle()
    assert browser.close_code is None
    assert server.eio.buffered()[0] >= 60_000
    browser.session.receive(b"x" * 10_000)
    await browser.settle()
    assert browser.close_code == 1008
    assert Figures(registry, "queuecast_gateway")("events_refused_total", reason="backlog") == 1


async def test_a_request_that_is_kept_counts_until_the_session_has_joined(server: SocketServer) -> None:
    """Its head may have 64 KiB, and connect handlers are given it."""
    server.eio.open_websocket(Browser(server).transport, b"", {"HTTP_COOKIE": "x" * 5_000})
    assert server.eio.buffered()[1] >= 5_000
    session: Session = list(server.eio.sockets.values())[-1]
    session.receive("40")
    while session.work is not None:
        await asyncio.wait([session.work])
    assert session.kept == 0


async def test_long_polling_shares_what_goes_to_many(server: SocketServer) -> None:
    """A copy for each was the memory of a broadcast times its browsers."""
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
