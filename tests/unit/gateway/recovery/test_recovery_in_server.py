"""Recovery in the server: connections whose sessions are recovered, end for good, or are refused."""

import asyncio
import json
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.browser import Browser, connect, make_server, residue
from tests.unit.fakes import Figures
from tests.unit.gateway.fakes import FakeSessions

from queuecast_bus import Batch, Entries, Entry, Record
from queuecast_bus.record import Address
from queuecast_gateway.delivery.rooms import NOBODY
from queuecast_gateway.recovery.session_state import Claimed, State
from queuecast_gateway.server.socketio_server import SocketServer

PID = "private"
KNOWN = Claimed(State("sid:AAAAAAAAAAAAAAAAAAAA", "/", {"a": "0-0"}, "0-0"), "", "0-0", "0-0")


@pytest.fixture
def sessions() -> FakeSessions:
    return FakeSessions()


@pytest.fixture
def server(registry: CollectorRegistry, sessions: FakeSessions) -> SocketServer:
    return make_server(registry, sessions)


def pid_of(browser: Browser) -> str:
    """Return the private id that a browser received last."""
    found = [json.loads(text[text.index("{") :]) for text in browser.texts if text.startswith("40")]
    return str(found[-1]["pid"])


async def test_missed_events_come_after_the_connect_packet(
    server: SocketServer, sessions: FakeSessions
) -> None:
    """The stock client keeps events that come before CONNECT, also when the connection breaks before it: then
    it would be sent them again, and handle them twice.
    """
    record = Record("e", b"[1]", rooms=("a",))
    entry = Entry("5-0", Address("/", ("a",)), [b"p", b"0-0", *record.to_fields()])
    server.manager.history.add(Batch("0-0"))
    server.manager.history.add(Batch("5-0", Entries.of(entry)))
    sessions.known[PID] = KNOWN._replace(tail="5-0")
    browser = Browser(server)
    await browser.says(connect(pid=PID, offset="0-0"))
    assert browser.texts == [
        '40{"sid":"sid:AAAAAAAAAAAAAAAAAAAA","pid":"private"}',
        '42["e",1,"5-0"]',
        '42["queuecast:offset","5-0"]',
    ]
    assert sessions.notes == [(PID, "save", State("sid:AAAAAAAAAAAAAAAAAAAA", "/", {"a": "0-0"}, "0-0"))]


async def test_a_session_has_one_connection(server: SocketServer, sessions: FakeSessions) -> None:
    """The older connection ends first; its end does not affect the newer one."""
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


async def test_while_redis_is_away_a_recovery_is_postponed(
    server: SocketServer, sessions: FakeSessions, figure: Figures
) -> None:
    """With the close code for it; a new session would lose what was missed."""
    sessions.away = True
    browser = Browser(server)
    await browser.says(connect(pid=PID, offset="0-0"))
    assert browser.texts == []
    assert browser.close_code == 1013
    assert figure("disconnects_total", reason="leaving") == 1
    assert residue(server) == {}


async def test_nothing_is_left_of_a_client_that_leaves_during_its_recovery(
    server: SocketServer, sessions: FakeSessions
) -> None:
    """A retry often comes before the first try has ended; the session is still there for it."""
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
    assert sessions.notes == []


@pytest.mark.parametrize("wrong", ["9", '2["disconnect"]'])
async def test_a_client_that_breaks_the_protocol_cannot_recover(
    server: SocketServer, sessions: FakeSessions, wrong: str
) -> None:
    """It would do the same again; all its sessions end."""
    browser = Browser(server)
    await browser.says(connect(), connect("/shop"), wrong)
    pids = {pid for pid, _, _ in sessions.notes}
    assert len(pids) == 2
    assert {pid: sessions.verbs(pid) for pid in pids} == {pid: ["save", "drop"] for pid in pids}


@pytest.mark.parametrize(
    ("reason", "verb"),
    [
        ("transport close", "left"),
        ("ping timeout", "left"),
        ("leaving", "sent_away"),
        ("slow", "sent_away"),
        ("token expired", "sent_away"),
        ("key withdrawn", "sent_away"),
    ],
)
async def test_what_ends_a_connection_is_saved(
    server: SocketServer, sessions: FakeSessions, reason: str, verb: str
) -> None:
    """The gateway that the browser comes back to counts what broke off, without what was closed."""
    browser = Browser(server)
    await browser.says(connect())
    pid = pid_of(browser)
    browser.session.end(reason)
    await browser.settle()
    assert sessions.verbs(pid) == ["save", verb]


async def test_a_client_that_leaves_a_namespace_leaves_it_for_good(
    server: SocketServer, sessions: FakeSessions
) -> None:
    """With `socket.disconnect()` the page wants it so; its other session goes on."""
    browser = Browser(server)
    await browser.says(connect())
    pid = pid_of(browser)
    await browser.says(connect("/shop"), "1")
    browser.session.connection_lost(None)
    await browser.settle()
    assert sessions.verbs(pid) == ["save", "drop"]
    assert [verb for noted, verb, _ in sessions.notes if noted != pid] == ["save", "left"]
    assert residue(server) == {}


@pytest.mark.parametrize("namespace", ["/", "/shop"])
async def test_a_disconnect_that_arrives_with_the_end_of_its_connection_counts(
    server: SocketServer, sessions: FakeSessions, namespace: str
) -> None:
    """The stock client closes its connection right after it leaves its last namespace: both arrive in one
    read.
    """
    browser = Browser(server)
    await browser.joined("/")
    await browser.joined("/shop")
    pids = {state.namespace: pid for pid, _, state in sessions.notes}
    browser.session.receive("41" if namespace == "/" else "41/shop,")
    browser.session.end("transport close")
    await browser.settle()
    for each, pid in pids.items():
        assert sessions.verbs(pid) == ["save", "drop" if each == namespace else "left"]
    assert residue(server) == {}


def events_received(server: SocketServer, event: str) -> list[Any]:
    """Return the list to which the arguments of this event are added from now on."""
    received: list[Any] = []

    async def receive(sid: str, *arguments: Any) -> None:
        received.append(arguments)

    server.on(event, receive, "/")
    return received


async def test_an_event_that_arrives_with_the_end_of_its_connection_counts(server: SocketServer) -> None:
    """A page that is closed may `emit` and then `disconnect`: both arrive in one read."""
    browser = Browser(server)
    await browser.joined("/")
    received = events_received(server, "bye")
    browser.session.receive('42["bye",1]')
    browser.session.receive('42["bye",2]')
    browser.session.end("transport close")
    await browser.settle()
    assert received == [(1,), (2,)]


async def test_messages_that_arrive_with_a_malformed_packet_are_not_handled(server: SocketServer) -> None:
    """Neither those after it nor those before it that still wait."""
    browser = Browser(server)
    await browser.joined("/")
    received = events_received(server, "bye")
    browser.session.receive("42[]")
    browser.session.receive('42["bye",2]')
    await browser.settle()
    assert received == []


async def test_a_client_may_opt_in_again(server: SocketServer, sessions: FakeSessions) -> None:
    """Another part of a page connects again over the same connection; with a private id it needs offsets."""
    browser = Browser(server)
    await browser.says('0{"recovery":false}', "1", "0")
    assert '"pid"' in browser.texts[-2]
    assert len(server.manager.audience("/", ()).recoverable) == 1


async def test_a_session_that_we_disconnect_cannot_be_recovered(
    server: SocketServer, sessions: FakeSessions
) -> None:
    """An application that disconnects a user must not see the same session again."""
    browser = Browser(server)
    await browser.says(connect())
    (sid,) = server.manager.rooms["/"][None]
    await server.manager.disconnect(sid, "/", ignore_queue=True)
    assert sessions.verbs(pid_of(browser)) == ["save", "drop"]


async def test_a_refused_client_gets_nothing_of_the_namespace(server: SocketServer) -> None:
    """What was emitted there meanwhile is not for it; what was emitted in its other namespaces is."""

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


async def test_a_client_that_is_refused_everywhere_gets_only_the_refusal(
    server: SocketServer, sessions: FakeSessions
) -> None:
    """No events, no session to recover, and nothing left behind."""

    async def refuse(sid: str, environ: Any) -> bool:
        await server.manager.emit("price", 3, namespace="/", ignore_queue=True)
        return False

    server.on("connect", refuse, "/")
    browser = Browser(server)
    await browser.says(connect())
    (refusal,) = browser.texts
    assert refusal.startswith("44")
    assert sessions.notes == []
    browser.session.connection_lost(None)
    await browser.settle()
    assert residue(server) == {}


async def test_a_recovery_ends_if_another_replica_claims_the_session(
    server: SocketServer, sessions: FakeSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser may try two replicas at once: the one that is told to close the session must not
    connect it.
    """
    bus = server.manager
    reading, going_on, answered = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def between(after: str, until: str, most: int) -> Batch:
        reading.set()
        await going_on.wait()
        return Batch(until)

    async def tell(replica: str, message: dict[str, Any]) -> int:
        answered.set()
        return 1

    monkeypatch.setattr(bus, "between", between)
    monkeypatch.setattr(bus, "send_to_replica", tell)
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
    await answered.wait()
    assert bus.audience("/", ()) is NOBODY
