"""Which sessions are in which rooms, and what they receive: python-socketio's table, and our own
beside it.
"""

import re
import time
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from socketio.async_manager import AsyncManager
from tests.unit.browser import Browser, make_server, residue
from tests.unit.gateway.fakes import FakeSessions

from queuecast_gateway.delivery.history import History
from queuecast_gateway.delivery.rooms import NOBODY, Audience, Members, Rooms
from queuecast_gateway.server.socketio_server import SocketServer


@pytest.fixture
def server() -> SocketServer:
    return make_server(CollectorRegistry(), FakeSessions())


# Deliveries


async def test_a_session_in_several_rooms_is_found_once(server: SocketServer) -> None:
    """Rooms overlap; a session must not get an event twice."""
    browsers = [Browser(server) for _ in range(3)]
    sids = [await browser.joined() for browser in browsers]
    elsewhere = Browser(server)
    await elsewhere.joined("/shop")
    for sid, rooms in zip(sids, (("x", "y"), ("y",), ("z",)), strict=True):
        for room in rooms:
            await server.enter_room(sid, room)
    sessions = [browser.session for browser in browsers]
    find = server.manager.audience
    assert find("/", ()) == Audience(sessions, ())
    assert find("/", ("x", "y", "nobody here")) == Audience(sessions[:2], ())
    assert find("/", ("y",), (sids[0],)) == Audience(sessions[1:2], ())
    assert find("/", ("nobody here",)) is find("/nowhere", ()) is find("/", ("x",), (sids[0],)) is NOBODY


async def test_an_emit_goes_to_its_whole_audience(server: SocketServer) -> None:
    """It is framed once, and written at the end of the loop's iteration."""
    first, second = Browser(server), Browser(server)
    sid, _ = await first.joined(), await second.joined()
    await server.manager.emit("price", (3, b"x"), namespace="/", skip_sid=[sid], ignore_queue=True)
    assert (first.transport.written, second.transport.written) == ([], [])
    server.eio.outbox.flush()
    assert first.transport.frames == []
    assert [data for _, data in second.transport.frames] == [
        b'451-["price",3,{"_placeholder":true,"num":0},"0-0"]',
        b"x",
    ]


async def test_a_connection_that_refused_offsets_gets_none(server: SocketServer) -> None:
    """The others in the same room do, and so does the same connection in another namespace."""
    plain, other = Browser(server), Browser(server)
    await plain.joined(recovery=False)
    await plain.joined("/shop")
    await other.joined()
    assert server.manager.audience("/", ()) == Audience([other.session], [plain.session])
    assert server.manager.audience("/shop", ()) == Audience([plain.session], ())
    await server.manager.emit("price", 3, namespace="/", ignore_queue=True)
    for browser in (plain, other):
        await browser.settle()
    assert plain.texts == ['42["price",3]']
    assert other.texts == ['42["price",3,"0-0"]']
    plain.session.connection_lost(None)
    await plain.settle()
    assert server.manager._without_offsets == {"/": set()}


def test_one_connection_without_offsets_costs_the_others_little() -> None:
    """Any browser may refuse them. With sets, each event then took six times as long to match."""

    class Engine:
        sockets: ClassVar = {f"e{number}": object() for number in range(5_000)}

    class Server:
        eio = Engine()

    rooms = Rooms()
    rooms.server = Server()
    rooms.offset_namespaces = frozenset({"/"})
    rooms.rooms = {"/": {"a": Members((f"s{sid}", sid) for sid in Engine.sockets)}}

    def cost() -> float:
        def once() -> float:
            began = time.process_time()
            for _ in range(10):
                rooms.audience("/", ("a",))
            return time.process_time() - began

        return min(once() for _ in range(10))

    without = cost()
    rooms.refuse_offsets("e7", "/")
    assert cost() < 4.5 * without
    recoverable, plain = rooms.audience("/", ("a",))
    assert (len(recoverable), len(plain)) == (4_999, 1)


async def test_without_recovery_nobody_gets_an_offset() -> None:
    """`QUEUECAST_RECOVERY_SECONDS=0` is the protocol without recovery."""
    server = make_server(CollectorRegistry(), FakeSessions(), recovery_seconds=0)
    browser = Browser(server)
    await browser.says("0")
    assert re.fullmatch(r'40{"sid":"[^"]+"}', *browser.texts)
    await server.manager.emit("price", 3, namespace="/", ignore_queue=True)
    browser.session.heartbeat.ping()
    await browser.settle()
    assert browser.texts[1:] == ['42["price",3]', "2"]
    assert server.manager.audience("/", ()) == Audience((), [browser.session])


async def test_a_recovered_session_is_in_its_rooms(server: SocketServer) -> None:
    """From its CONNECT on, so that it misses nothing. Another connection gets a session of its own."""
    browser, other = Browser(server), Browser(server)
    server.manager.expect(browser.session.sid, "old-sid", {"a": "1-0", "b": "2-0"})
    assert await browser.joined() == "old-sid"
    assert server.rooms("old-sid", "/") == ["old-sid", "a", "b"]
    assert server.manager.audience("/", ("b",)).recoverable == [browser.session]
    assert await other.joined() != "old-sid"
    for each in (browser, other):
        each.session.connection_lost(None)
        await each.settle()
    assert residue(server) == {}


async def test_a_session_may_be_in_rooms_from_the_start(server: SocketServer) -> None:
    """In those of its token; only with the next CONNECT of this connection."""
    browser, other = Browser(server), Browser(server)
    server.manager.expect_rooms(browser.session.sid, ("user:ann", "team:red"))
    sid, second = await browser.joined(), await browser.joined("/shop")
    assert server.rooms(sid, "/") == [sid, "user:ann", "team:red"]
    assert server.rooms(second, "/shop") == [second]
    assert server.manager.audience("/", ("team:red",)).recoverable == [browser.session]
    third = await other.joined()
    assert server.rooms(third, "/") == [third]
    for each in (browser, other):
        each.session.connection_lost(None)
        await each.settle()
    assert residue(server) == {}


async def test_a_recovered_session_gets_the_rooms_of_its_token_too(server: SocketServer) -> None:
    """In each room once, as the session that it was."""
    browser = Browser(server)
    server.manager.expect(browser.session.sid, "old-sid", {"a": "1-0", "user:ann": "2-0"})
    server.manager.expect_rooms(browser.session.sid, ("user:ann", "team:red"))
    assert await browser.joined() == "old-sid"
    assert server.rooms("old-sid", "/") == ["old-sid", "a", "user:ann", "team:red"]


async def test_no_rooms_to_expect_leave_nothing_behind(server: SocketServer) -> None:
    """An open gateway has no rooms of tokens: its connections must not cost an entry each."""
    browser = Browser(server)
    await browser.settle()
    server.manager.expect_rooms(browser.session.sid, ())
    assert server.manager._expected == {}
    assert (await browser.joined()) != ""


async def test_expected_rooms_are_forgotten_with_their_connection(server: SocketServer) -> None:
    """The connection ended before its CONNECT."""
    browser = Browser(server)
    await browser.settle()
    server.manager.expect_rooms(browser.session.sid, ("user:ann",))
    browser.session.connection_lost(None)
    await browser.settle()
    assert residue(server) == {}


async def test_each_session_is_reported_once_when_it_leaves(server: SocketServer) -> None:
    """Sessions are counted: none may be counted twice, or instead of another."""
    left: list[tuple[str, str]] = []
    server.manager.on_left = left.append
    browser, other = Browser(server), Browser(server)
    sid, _, _ = await browser.joined(), await browser.joined("/shop"), await other.joined()
    await browser.says("1/shop,")
    assert left == [(browser.session.sid, "/shop")]
    browser.session.connection_lost(None)
    await browser.settle()
    server.manager.basic_disconnect(sid, "/")
    mine = [key for key in left if key[0] == browser.session.sid]
    assert mine == [(browser.session.sid, "/shop"), (browser.session.sid, "/")]
    assert other.session.sid not in [eio_sid for eio_sid, _ in left]


# The table

# Few of each: most mistakes need the same session and the same room twice.
SIDS = ("sid:AAAAAAAAAAAAAAAAAAA1", "sid:AAAAAAAAAAAAAAAAAAA2")
ROOMS = ("a", "b", SIDS[0])
steps = st.one_of(
    st.tuples(st.just("enter"), st.sampled_from(SIDS), st.sampled_from(ROOMS)),
    st.tuples(st.just("leave"), st.sampled_from(SIDS), st.sampled_from(ROOMS)),
    st.tuples(st.just("disconnect"), st.sampled_from(SIDS), st.none()),
    st.tuples(st.just("connect"), st.sampled_from(SIDS), st.none()),
    st.tuples(st.just("close"), st.none(), st.sampled_from(ROOMS)),
)


class Stock(AsyncManager):  # type: ignore[misc]  # python-socketio has no types
    """The stock table, which forgets that a name was a session's once the session has left."""

    def is_sid_room(self, namespace: str, room: str) -> bool:
        return room in SIDS


class Changes:
    """Keeps the changes of sessions that were reported."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, str, bool]] = []
        self.dropped_sids: list[str] = []

    def changed(self, sid: str, namespace: str, room: str, *, entered: bool) -> None:
        self.changes.append((sid, room, entered))

    def dropped(self, sid: str, namespace: str) -> None:
        self.dropped_sids.append(sid)


def do(manager: AsyncManager, step: tuple[str, Any, Any]) -> bool:
    """Change a table in one way; say whether it raised no error."""
    verb, sid, room = step
    try:
        if verb == "connect":
            if not manager.rooms.get("/", {}).get(None, {}).get(sid):
                manager.basic_enter_room(sid, "/", None, eio_sid=f"eio-{sid}")
                manager.basic_enter_room(sid, "/", sid, eio_sid=f"eio-{sid}")
        elif verb == "enter":
            manager.basic_enter_room(sid, "/", room)
        elif verb == "leave":
            if room != sid:
                manager.basic_leave_room(sid, "/", room)
        elif verb == "close":
            manager.basic_close_room(room, "/")
        else:
            manager.basic_disconnect(sid, "/")
    except (KeyError, ValueError):
        return False
    return True


def without_empty_rooms(table: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return a table without the rooms that python-socketio makes for a session that it does not know."""
    rooms = {
        namespace: {name: room for name, room in rooms.items() if room} for namespace, rooms in table.items()
    }
    return {namespace: of_namespace for namespace, of_namespace in rooms.items() if of_namespace}


@settings(max_examples=300)
@given(st.lists(steps, min_size=5, max_size=40))
def test_rooms_are_what_the_stock_table_says(taken: list[tuple[str, Any, Any]]) -> None:
    """Whatever is entered, left, closed or ended, in any order: ours is the same table, only faster."""
    ours, theirs = Rooms(), Stock()
    for sid in SIDS:
        do(ours, ("connect", sid, None))
        do(theirs, ("connect", sid, None))
    for step in taken:
        assert do(ours, step) == do(theirs, step), step
        assert ours.rooms == without_empty_rooms(theirs.rooms), step
        for sid in SIDS:
            assert sorted(ours.get_rooms(sid, "/")) == sorted(theirs.get_rooms(sid, "/")), step
    for sid in SIDS:
        do(ours, ("disconnect", sid, None))
    assert not any(room for table in ours.rooms.values() for room in table.values())
    assert not any(ours._joined.values())


def test_every_change_is_reported() -> None:
    """A change that is not saved is missing when the session is recovered."""
    rooms, changes = Rooms(), Changes()
    rooms.watcher = changes
    do(rooms, ("connect", "s2", None))
    for _ in range(2):
        for step in (("enter", "s2", "a"), ("enter", "s2", "b"), ("leave", "s2", "a"), ("close", None, "b")):
            do(rooms, step)
            do(rooms, step)
    expected = [("s2", "a", True), ("s2", "b", True), ("s2", "a", False), ("s2", "b", False)]
    assert changes.changes == expected * 2, "each once"
    do(rooms, ("disconnect", "s2", None))
    assert changes.changes == expected * 2
    assert changes.dropped_sids == ["s2"], "before its rooms are gone"


def test_a_room_is_joined_at_the_current_position() -> None:
    """Earlier records are not for the session; joining again does not change the offset."""
    rooms = Rooms()
    do(rooms, ("connect", "s2", None))
    rooms.history.begin("5-0")
    do(rooms, ("enter", "s2", "a"))
    rooms.history.begin("7-0")
    do(rooms, ("enter", "s2", "a"))
    do(rooms, ("enter", "s2", "b"))
    assert rooms.joined("s2", "/") == {"a": "5-0", "b": "7-0"}


def test_by_default_nothing_is_kept() -> None:
    """A table without a gateway around it has no history, and reports to nobody."""
    rooms = Rooms()
    assert isinstance(rooms.history, History)
    assert rooms.offset_namespaces == frozenset()
