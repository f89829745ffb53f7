"""Commands to sessions: as records, applied to connected sessions, and to sessions that are recovered."""

import asyncio
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import Figures, replace_sleep
from tests.unit.gateway.delivery.fanout_bench import Bench as FanoutBench
from tests.unit.replica import ANYONE, SID, Bench, command, entry, events, known, make_bench, texts

from queuecast_bus import BadRecord, Record
from queuecast_bus.command import Command, Target, Verb, read_command
from queuecast_bus.names import COMMAND_NAMESPACE
from queuecast_bus.record import Address
from queuecast_gateway.access.grant import Identity, Rooms, patterns
from queuecast_gateway.delivery import commands as module
from queuecast_gateway.delivery.commands import Commands
from queuecast_gateway.delivery.rooms import Rooms as RoomTable
from queuecast_gateway.metrics import Metrics

DISCONNECT, JOIN, LEAVE = Verb
USER, ROOM = Target

# As records


@pytest.mark.parametrize(
    "one",
    [
        Command(DISCONNECT, "/", USER, "ann"),
        Command(JOIN, "/shop", ROOM, "vip", ("sku:7", "sku:8")),
        Command(LEAVE, "/", USER, "ünï", ("a",)),
    ],
)
def test_a_command_is_read_as_it_was_written(one: Command) -> None:
    """From its address alone, which is all that the history keeps of a record that nobody here wants."""
    record = one.record()
    assert read_command(Address(record.namespace, record.rooms)) == one


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("join", "/", "user"),
        ("promote", "/", "user", "ann", "a"),
        ("join", "/", "everyone", "ann", "a"),
        ("join", "/", "user", "", "a"),
        ("join", "/", "user", "ann"),
        ("disconnect", "/", "user", "ann", "a"),
        ("join", "/", "user", "ann", *map(str, range(101))),
    ],
    ids=lambda words: " ".join(words)[:24],
)
def test_an_unknown_command_is_refused(words: tuple[str, ...]) -> None:
    """A newer version may write what this one does not know: nothing is done on a guess."""
    with pytest.raises(BadRecord):
        read_command(Address(COMMAND_NAMESPACE, words))


def test_an_empty_subject_is_no_user() -> None:
    """Without tokens every subject is empty; no name may mean all of them."""
    assert not Command(DISCONNECT, "/", USER, "ann").concerns("/", "", [])


# Applied to connected sessions


class FakeServer:
    """Sessions in a real table of rooms, each with an identity."""

    def __init__(self) -> None:
        self.manager = RoomTable()
        self.eio = self
        self.identities: dict[str, Identity] = {}
        self.tasks: list[asyncio.Task[None]] = []
        self.disconnected: list[str] = []

    def connect(self, sid: str, *rooms: str, identity: Identity = ANYONE, namespace: str = "/") -> None:
        self.identities[sid] = identity
        for room in (None, sid, *rooms):
            self.manager.basic_enter_room(sid, namespace, room, eio_sid=f"eio-{sid}")

    def identity(self, sid: str, namespace: str) -> Identity:
        return self.identities[sid]

    def sessions_of(self, subject: str, namespace: str) -> list[str]:
        here = self.manager.rooms.get(namespace, {}).get(None, {})
        return [sid for sid in here if self.identities[sid].subject == subject]

    def start(self, work: Any) -> None:
        self.tasks.append(asyncio.ensure_future(work))

    async def disconnect(self, sid: str, namespace: str, ignore_queue: bool) -> None:
        assert ignore_queue, "every replica has read the command: none has to be told"
        self.disconnected.append(sid)


class Here:
    """Commands applied to the sessions of one replica, and the result."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.server = FakeServer()
        self.figure = Figures(registry, "queuecast_gateway")
        self.apply = Commands(self.server, 3, Metrics(registry)).apply

    def rooms(self, sid: str, namespace: str = "/") -> list[str]:
        return list(self.server.manager.joined(sid, namespace))


ANN = Identity("ann", patterns(["sku:*"]))


@pytest.fixture
def here() -> Here:
    """Ann with two sessions, and another user in the room `vip`."""
    made = Here()
    made.server.connect("ann-1", identity=ANN)
    made.server.connect("ann-2", "sku:1", identity=ANN)
    made.server.connect("bob", "vip")
    return made


async def test_all_sessions_of_a_user_join_at_once(here: Here) -> None:
    """The next record may be for that room already: nothing is awaited before it."""
    assert here.apply(Command(JOIN, "/", USER, "ann", ("sku:7",))) == 2
    assert here.rooms("ann-1") == ["sku:7"]
    assert here.rooms("ann-2") == ["sku:1", "sku:7"]
    assert here.rooms("bob") == ["vip"]
    assert here.figure("commands_total", outcome="joined") == 2


async def test_the_sessions_in_a_room_leave_it(here: Here) -> None:
    """Also if it is the room that names them."""
    assert here.apply(Command(LEAVE, "/", ROOM, "vip", ("vip", "elsewhere"))) == 1
    assert here.rooms("bob") == []
    assert here.figure("commands_total", outcome="left") == 1


async def test_a_session_is_named_by_its_own_room(here: Here) -> None:
    """A backend that knows a session's id can address this session alone."""
    assert here.apply(Command(JOIN, "/", ROOM, "ann-1", ("sku:7",))) == 1
    assert here.rooms("ann-2") == ["sku:1"]


async def test_a_disconnect_begins_for_each_session(here: Here) -> None:
    """Handlers may take a while, and reading the bus goes on meanwhile."""
    assert here.apply(Command(DISCONNECT, "/", USER, "ann")) == 2
    await asyncio.gather(*here.server.tasks)
    assert here.server.disconnected == ["ann-1", "ann-2"]
    assert here.figure("commands_total", outcome="disconnected") == 2


async def test_a_session_that_is_connecting_is_disconnected_afterwards(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """python-socketio ignores a disconnect of a session that is half connected: it would stay."""
    pending = here.server.manager.pending_connect.setdefault("/", ["ann-1"])
    looks = 0

    async def look(_: float) -> None:
        nonlocal looks
        looks += 1
        assert here.server.disconnected in ([], ["ann-2"])
        if looks == 2:
            pending.clear()

    replace_sleep(monkeypatch, module, look)
    here.apply(Command(DISCONNECT, "/", USER, "ann"))
    await asyncio.gather(*here.server.tasks)
    assert sorted(here.server.disconnected) == ["ann-1", "ann-2"]
    assert looks == 2


async def test_another_namespace_is_not_affected(here: Here) -> None:
    """The same user may be in both."""
    assert here.apply(Command(DISCONNECT, "/shop", USER, "ann")) == 0
    assert here.apply(Command(JOIN, "/shop", ROOM, "vip", ("sku:7",))) == 0


async def test_a_command_grants_no_rights(here: Here) -> None:
    """The sender decides which sessions are in a room, the token which may be. All rooms or none."""
    assert here.apply(Command(JOIN, "/", USER, "ann", ("sku:7", "customer:9"))) == 2
    assert here.rooms("ann-1") == []
    assert here.figure("commands_total", outcome="forbidden") == 2


async def test_a_session_is_in_no_more_rooms_than_it_may_subscribe_to(here: Here) -> None:
    """The limit holds for commands too; rooms that it is in already do not count twice."""
    here.apply(Command(JOIN, "/", USER, "ann", ("sku:1", "sku:2", "sku:3")))
    here.apply(Command(JOIN, "/", ROOM, "ann-1", ("sku:4",)))
    assert here.rooms("ann-1") == ["sku:1", "sku:2", "sku:3"]
    assert here.figure("commands_total", outcome="too_many_rooms") == 1


async def test_a_command_cannot_join_the_room_of_another_session(here: Here) -> None:
    """The other session would receive what is meant for it alone."""
    here.apply(Command(JOIN, "/", ROOM, "vip", (SID, "sku:7")))
    assert here.rooms("bob") == ["vip"]
    assert here.figure("commands_total", outcome="forbidden") == 1


def test_a_command_is_counted_as_a_record_and_reaches_no_browser() -> None:
    """By whether it was for a session here, or cannot be read; its namespace is not reported as unknown."""
    bench = FanoutBench()
    one = Command(DISCONNECT, "/", USER, "ann")
    bench.commands.concerned = 1
    bench.deliver(one.record(), Record("command", b"[]", COMMAND_NAMESPACE, ("promote",)))
    bench.commands.concerned = 0
    bench.deliver(one.record())
    assert bench.commands.applied == [one, one]
    assert bench.texts == []
    for outcome in ("delivered", "nobody_here", "malformed"):
        assert bench.figure("records_read_total", outcome=outcome) == 1


# Applied to recovered sessions


@pytest.fixture
def bench() -> Bench:
    return make_bench()


async def recover(bench: Bench, identity: Identity = ANYONE, **state: Any) -> list[str]:
    """Recover the session whose last offset was 103-0; return what it missed."""
    at = {"tail": "120-0", "subject": identity.subject, **state}
    bench.sessions.known["pid"] = known(**at)
    welcome = await bench.admitted("/", identity, pid="pid", offset="103-0")
    assert welcome.pid == "pid"
    return texts(welcome.missed)


def rooms_of(bench: Bench) -> list[str]:
    (rooms,) = [asked[3] for asked in bench.bus.asked if asked[0] == "expect"]
    return list(rooms)


async def test_commands_are_applied_in_order_among_the_missed_events(bench: Bench) -> None:
    """Earlier events of a room are not for the session, later ones are: as if it had been connected."""
    bench.bus.read(
        entry("104-0", "sku:7"),
        command("105-0", JOIN, USER, "ann", "sku:7"),
        entry("106-0", "sku:7"),
        command("107-0", LEAVE, ROOM, "sku:7", "a"),
        entry("108-0", "a"),
        entry("109-0"),
    )
    identity = Identity("ann", patterns(["a", "sku:*"]))
    assert await recover(bench, identity) == events(106, 109)
    assert rooms_of(bench) == ["sku:7"]


async def test_a_session_that_was_disconnected_while_away_is_not_recovered(bench: Bench) -> None:
    """Its client gets a new session, if it may: the command was for the old one."""
    bench.bus.read(command("104-0", DISCONNECT, ROOM, "a"), entry("105-0"))
    bench.sessions.known["pid"] = known(tail="120-0")
    bench.assert_new(await bench.admitted(pid="pid", offset="103-0"), "disconnected")


async def test_a_command_for_others_changes_nothing(bench: Bench) -> None:
    """Another user, another room, another namespace, or a command that cannot be read."""
    bench.bus.read(
        command("104-0", DISCONNECT, USER, "bob"),
        command("105-0", DISCONNECT, ROOM, "b"),
        command("106-0", DISCONNECT, ROOM, "a", namespace="/shop"),
        entry("107-0", "promote", namespace=COMMAND_NAMESPACE),
        entry("108-0"),
    )
    assert await recover(bench) == events(108)


async def test_a_command_that_the_saved_rooms_include_is_not_applied_again(bench: Bench) -> None:
    """The session may have undone it since, which is newer."""
    bench.bus.read(command("104-0", JOIN, ROOM, "a", "b"), command("105-0", JOIN, ROOM, "a", "c"))
    bench.sessions.known["pid"] = known(tail="120-0")._replace(saved="104-0")
    await bench.admitted(pid="pid", offset="103-0")
    assert rooms_of(bench) == ["a", "c"]


async def test_a_command_waits_for_an_earlier_text_from_redis(bench: Bench) -> None:
    """It must not change whom earlier events are for."""
    bench.bus.read_unwanted(
        entry("104-0", "a"),
        entry("105-0", "sku:7"),
        command("106-0", JOIN, ROOM, "a", "sku:7"),
        entry("107-0", "sku:7"),
        command("108-0", LEAVE, ROOM, "a", "sku:7"),
        entry("109-0", "sku:7"),
    )
    assert await recover(bench) == events(104, 107)
    assert rooms_of(bench) == ["a"]


async def test_a_command_grants_no_rights_to_a_recovered_session(bench: Bench) -> None:
    """Nor more rooms than it may be in."""
    bench.bus.read(
        command("104-0", JOIN, ROOM, SID, "secret"),
        command("105-0", JOIN, ROOM, SID, "b", "c", "d"),
        command("106-0", JOIN, ROOM, SID, "b"),
    )
    await recover(bench, Identity("ann", Rooms(names=frozenset("abcd"))))
    assert rooms_of(bench) == ["a", "b"]
