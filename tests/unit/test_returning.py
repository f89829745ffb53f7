"""Connections whose sessions come back, end for good, or are not let in: the server with recovery in it."""

import asyncio
import json
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.browser import Browser, connect, make_server, residue
from tests.unit.fakes import FakeSessions, Figures

from queuecast_bus import Batch, Entry, Record
from queuecast_bus.record import Address
from queuecast_gateway.rooms import NOBODY
from queuecast_gateway.server import SocketServer
from queuecast_gateway.session_state import State
from queuecast_gateway.sessions import Claimed

PID = "private"
KNOWN = Claimed(State("sid:AAAAAAAAAAAAAAAAAAAA", "/", {"a": "0-0"}, "0-0"), "", "0-0", "0-0")


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def figure(registry: CollectorRegistry) -> Figures:
    return Figures(registry, "queuecast_gateway")


@pytest.fixture
def sessions() -> FakeSessions:
    return FakeSessions()


@pytest.fixture
def server(registry: CollectorRegistry, sessions: FakeSessions) -> SocketServer:
    return make_server(registry, sessions)


def pid_of(browser: Browser) -> str:
    """Return the private id that a browser was given last."""
    found = [json.loads(text[text.index("{") :]) for text in browser.texts if text.startswith("40")]
    return str(found[-1]["pid"])


async def test_a_session_that_comes_back_gets_its_ids_after_what_it_missed(
    server: SocketServer, sessions: FakeSessions
) -> None:
    """The stock client keeps events that come before CONNECT, and takes them before its handler runs."""
    record = Record("e", b"[1]", rooms=("a",))
    entry = Entry("5-0", Address("/", ("a",)), [b"p", b"0-0", *record.to_fields()])
    server.manager.history.add(Batch("0-0"))
    server.manager.history.add(Batch("5-0", (entry,)))
    sessions.known[PID] = KNOWN._replace(tail="5-0")
    browser = Browser(server)
    await browser.says(connect(pid=PID, offset="0-0"))
    assert browser.texts == [
        '42["e",1,"5-0"]',
        '40{"sid":"sid:AAAAAAAAAAAAAAAAAAAA","pid":"private"}',
        '42["queuecast:offset","5-0"]',
    ]
    assert sessions.said == [(PID, "save", State("sid:AAAAAAAAAAAAAAAAAAAA", "/", {"a": "0-0"}, "0-0"))]


async def test_a_session_that_is_opened_twice_lives_once(
    server: SocketServer, sessions: FakeSessions
) -> None:
    """The older connection ends first; its end says nothing about the one that came."""
    sessions.known[PID] = KNOWN
    first, second = Browser(server), Browser(server)
    assert await first.joined(pid=PID, offset="0-0") == "sid:AAAAAAAAAAAAAAAAAAAA"
    assert await second.joined(pid=PID, offset="0-0") == "sid:AAAAAAAAAAAAAAAAAAAA"
    await first.settle()
    assert first.close_code == 1000
    assert server.manager.audience("/", ("a",)).recoverable == [second.session]
    assert sessions.verbs(PID) == ["save", "left", "save"]
    second.session.connection_lost(None)
    await second.settle()
    assert residue(server) == {}


async def test_while_redis_is_away_who_comes_back_is_sent_away(
    server: SocketServer, sessions: FakeSessions, figure: Figures
) -> None:
    """With the close code that says so; a new session would lose what was missed."""
    sessions.away = True
    browser = Browser(server)
    await browser.says(connect(pid=PID, offset="0-0"))
    assert browser.texts == []
    assert browser.close_code == 1013
    assert figure("disconnects_total", reason="leaving") == 1
    assert residue(server) == {}


async def test_who_leaves_while_it_comes_back_leaves_nothing_behind(
    server: SocketServer, sessions: FakeSessions
) -> None:
    """A second try often comes before the first is through; the session is there for it."""
    sessions.known[PID] = KNOWN
    sessions.going_on.clear()
    browser = Browser(server)
    browser.session.receive(f"4{connect(pid=PID, offset='0-0')}")
    browser.session.receive(f"4{connect('/shop', recovery=False)}")
    await asyncio.sleep(0)
    browser.session.connection_lost(None)
    sessions.going_on.set()
    await browser.settle()
    assert residue(server) == {}
    assert sessions.said == []


@pytest.mark.parametrize("wrong", ["9", '2["disconnect"]'])
async def test_who_breaks_the_protocol_begins_anew(
    server: SocketServer, sessions: FakeSessions, wrong: str
) -> None:
    """It would do the same again; all its sessions are over."""
    browser = Browser(server)
    await browser.says(connect(), connect("/shop"), wrong)
    pids = {pid for pid, _, _ in sessions.said}
    assert len(pids) == 2
    assert {pid: sessions.verbs(pid) for pid in pids} == {pid: ["save", "drop"] for pid in pids}


async def test_who_leaves_a_namespace_leaves_it_for_good(
    server: SocketServer, sessions: FakeSessions
) -> None:
    """`socket.disconnect()` is a page's own will; its other session is another matter."""
    browser = Browser(server)
    await browser.says(connect())
    pid = pid_of(browser)
    await browser.says(connect("/shop"), "1")
    browser.session.connection_lost(None)
    await browser.settle()
    assert sessions.verbs(pid) == ["save", "drop"]
    assert [verb for said, verb, _ in sessions.said if said != pid] == ["save", "left"]
    assert residue(server) == {}


@pytest.mark.parametrize("namespace", ["/", "/shop"])
async def test_a_farewell_with_the_end_of_its_connection_counts(
    server: SocketServer, sessions: FakeSessions, namespace: str
) -> None:
    """The stock client closes its connection right after its last namespace: both arrive in one read."""
    browser = Browser(server)
    await browser.joined("/")
    await browser.joined("/shop")
    pids = {state.namespace: pid for pid, _, state in sessions.said}
    browser.session.receive("41" if namespace == "/" else "41/shop,")
    browser.session.end("transport close")
    await browser.settle()
    for each, pid in pids.items():
        assert sessions.verbs(pid) == ["save", "drop" if each == namespace else "left"]
    assert residue(server) == {}


def hears(server: SocketServer, event: str) -> list[Any]:
    """Return where the arguments of this event are gathered from now on."""
    heard: list[Any] = []

    async def hear(sid: str, *arguments: Any) -> None:
        heard.append(arguments)

    server.on(event, hear, "/")
    return heard


async def test_an_event_with_the_end_of_its_connection_counts(server: SocketServer) -> None:
    """`emit` and then `disconnect` is what a page does that is closed: both arrive in one read."""
    browser = Browser(server)
    await browser.joined("/")
    heard = hears(server, "bye")
    browser.session.receive('42["bye",1]')
    browser.session.receive('42["bye",2]')
    browser.session.end("transport close")
    await browser.settle()
    assert heard == [(1,), (2,)]


async def test_what_comes_with_a_malformed_packet_is_not_worked_on(server: SocketServer) -> None:
    """Neither what follows it nor, if that waits still, what came before."""
    browser = Browser(server)
    await browser.joined("/")
    heard = hears(server, "bye")
    browser.session.receive("42[]")
    browser.session.receive('42["bye",2]')
    await browser.settle()
    assert heard == []


async def test_who_wants_no_offsets_may_want_them_later(server: SocketServer, sessions: FakeSessions) -> None:
    """Another part of a page connects anew over the same connection; with a private id it needs offsets."""
    browser = Browser(server)
    await browser.says('0{"recovery":false}', "1", "0")
    assert '"pid"' in browser.texts[-2]
    assert len(server.manager.audience("/", ()).recoverable) == 1


async def test_who_is_disconnected_by_us_leaves_for_good(
    server: SocketServer, sessions: FakeSessions
) -> None:
    """An application that throws somebody out must not find the same session back."""
    browser = Browser(server)
    await browser.says(connect())
    (sid,) = server.manager.rooms["/"][None]
    await server.manager.disconnect(sid, "/", ignore_queue=True)
    assert sessions.verbs(pid_of(browser)) == ["save", "drop"]


async def test_who_is_not_let_in_gets_nothing_of_the_namespace(server: SocketServer) -> None:
    """What its rooms were told meanwhile is not for it; what its other namespaces were told is."""

    async def connect_shop(sid: str, environ: Any) -> bool:
        for namespace in ("/shop", "/"):
            await server.manager.emit("price", 3, namespace=namespace, ignore_queue=True)
        await server.manager.emit("image", b"x", namespace="/shop", ignore_queue=True)
        await server.manager.emit("image", b"y", namespace="/", ignore_queue=True)
        return False

    server.on("connect", connect_shop, "/shop")
    browser = Browser(server)
    await browser.joined()
    await browser.says(connect("/shop"))
    refusal, *rest = (data.decode() for _, data in browser.transport.frames)
    assert refusal.startswith("44/shop,")
    assert rest == ['42["price",3,"0-0"]', '451-["image",{"_placeholder":true,"num":0},"0-0"]', "y"]


async def test_who_is_not_let_in_anywhere_gets_the_refusal_alone(
    server: SocketServer, sessions: FakeSessions
) -> None:
    """Nothing of what it was refused, nothing to come back to, and nothing left behind."""

    async def refuse(sid: str, environ: Any) -> bool:
        await server.manager.emit("price", 3, namespace="/", ignore_queue=True)
        return False

    server.on("connect", refuse, "/")
    browser = Browser(server)
    await browser.says(connect())
    (refusal,) = browser.texts
    assert refusal.startswith("44")
    assert sessions.said == []
    browser.session.connection_lost(None)
    await browser.settle()
    assert residue(server) == {}


async def test_who_was_taken_over_while_it_came_is_not_let_in(
    server: SocketServer, sessions: FakeSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser that tried two replicas at once: the one that was told to close it must not open it."""
    bus = server.manager
    reading, going_on, told = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def between(after: str, until: str, most: int) -> Batch:
        reading.set()
        await going_on.wait()
        return Batch(until)

    async def tell(replica: str, message: dict[str, Any]) -> int:
        told.set()
        return 1

    monkeypatch.setattr(bus, "between", between)
    monkeypatch.setattr(bus, "tell", tell)
    bus.history.add(Batch("5-0"))
    sessions.known[PID] = KNOWN._replace(tail="5-0")
    browser = Browser(server)
    browser.session.receive(f"4{connect(pid=PID, offset='1-0')}")
    await reading.wait()
    question = {
        "sid": "sid:AAAAAAAAAAAAAAAAAAAA",
        "namespace": "/",
        "question": "q",
        "claim": 1,
        "host_id": "other",
    }
    await bus._handle_disconnect({"method": "disconnect", **question})
    going_on.set()
    await browser.settle()
    await told.wait()
    assert bus.audience("/", ()) is NOBODY
