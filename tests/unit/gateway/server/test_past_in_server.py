"""The answer with past events in the real server: before every later event, and after the client's offset."""

import asyncio
import json
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.browser import Browser, make_server, residue
from tests.unit.gateway.fakes import FakeSessions
from tests.unit.replica import entry

from queuecast_bus import Batch, Entries
from queuecast_gateway.composition import build_past_reader, register_handlers
from queuecast_gateway.delivery.compression import Piece
from queuecast_gateway.delivery.rooms import NOBODY
from queuecast_gateway.recovery.past_reader import PastReader
from queuecast_gateway.server.socketio_server import SocketServer
from queuecast_gateway.settings import Settings

SUBSCRIBE = '21["subscribe","a",{"last":2}]'


@pytest.fixture
def sessions() -> FakeSessions:
    return FakeSessions()


@pytest.fixture
def server(registry: CollectorRegistry, sessions: FakeSessions) -> SocketServer:
    settings = Settings(namespaces=("/", "/shop"), max_past_seconds=1e10)
    server = make_server(registry, sessions)
    metrics = server._metrics
    register_handlers(settings, server, metrics, build_past_reader(settings, server.manager, metrics))
    server.manager.history.add(Batch("0-0"))
    publish(server, 1, 2, 3)
    return server


def publish(server: SocketServer, *numbers: int) -> None:
    """Have the fan-out deliver events to the room `a`, as one read brings them."""
    bus = server.manager
    entries = tuple(entry(f"{number}-0", "a") for number in numbers)
    for each in entries:
        pieces = [Piece(bus.history.frames(each, each.record), each.offset)]
        if (audience := bus.audience("/", ("a",))) is not NOBODY:
            bus.compression.put(server.eio.outbox, pieces, audience.recoverable)
    bus.history.add(Batch(entries[-1].offset, Entries.of(*entries)))


def answer(text: str) -> Any:
    assert text.startswith("431["), text
    ack = json.loads(text[3:])[0]
    return [event["args"][0] for event in ack["events"]]


async def test_the_answer_comes_between_its_offset_and_later_events(
    server: SocketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is awaited from the last look to the answer, in python-socketio neither: what the loop does
    next, such as the delivery of a record, comes after it.
    """
    read = PastReader.read

    async def reading(*arguments: Any) -> Any:
        past = await read(*arguments)
        asyncio.get_running_loop().call_soon(publish, server, 4)
        return past

    monkeypatch.setattr(PastReader, "read", reading)
    browser = Browser(server)
    await browser.joined()
    await browser.says(SUBSCRIBE)
    await asyncio.sleep(0)
    await browser.settle()
    offset, ack, later = browser.texts
    assert offset == '42["queuecast:offset","3-0"]'
    assert answer(ack) == [2, 3]
    assert later == '42["e",4,"4-0"]'


async def test_a_client_without_offsets_is_told_none(server: SocketServer) -> None:
    """It has no handler for the event."""
    browser = Browser(server)
    await browser.joined(recovery=False)
    await browser.says(SUBSCRIBE)
    (ack,) = browser.texts
    assert answer(ack) == [2, 3]


async def test_nothing_of_the_room_comes_before_the_answer(
    server: SocketServer, sessions: FakeSessions
) -> None:
    """Not even while Redis confirms the room: what comes meanwhile is in the answer."""
    browser = Browser(server)
    await browser.joined()
    confirm = sessions.confirm

    async def slow(pid: str, state: Any) -> None:
        await confirm(pid, state)
        publish(server, 4)
        await asyncio.sleep(0)

    sessions.confirm = slow  # type: ignore[method-assign]
    await browser.says(SUBSCRIBE)
    publish(server, 5)
    await browser.settle()
    _, ack, later = browser.texts
    assert answer(ack) == [3, 4]
    assert later == '42["e",5,"5-0"]'
    assert sessions.notes[-1][2].rooms == {"a": "3-0"}


async def test_nothing_is_left_of_a_client_that_leaves_meanwhile(
    server: SocketServer, sessions: FakeSessions
) -> None:
    """Its room is not opened for a session that has gone: it would be there for ever."""
    browser = Browser(server)
    await browser.joined()
    going_on = asyncio.Event()

    async def waiting(pid: str, state: Any) -> None:
        await going_on.wait()

    sessions.confirm = waiting  # type: ignore[method-assign]
    browser.session.receive(f"4{SUBSCRIBE}")
    await asyncio.sleep(0)
    browser.session.connection_lost(None)
    going_on.set()
    await browser.settle()
    assert residue(server) == {}
