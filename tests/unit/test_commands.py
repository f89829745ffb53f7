"""Commands to sessions: as records, on the sessions that are here, and on those that come back."""

import asyncio
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import Figures
from tests.unit.replica import ANYONE, SID, Bench, command, entry, events, known, make_bench, texts
from tests.unit.test_fanout import Bench as FanoutBench

from queuecast_bus import BadRecord, Record
from queuecast_bus.command import Command, Target, Verb, read_command
from queuecast_bus.names import COMMAND_NAMESPACE
from queuecast_bus.record import Address
from queuecast_gateway.access.grant import Identity, Rooms, patterns
from queuecast_gateway.commands import Commands
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.rooms import Rooms as RoomTable

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
    """By its address alone, which is all that is kept of a record that nobody here wants."""
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
def test_what_is_no_command_is_refused(words: tuple[str, ...]) -> None:
    """A newer version may write what this one does not know: nothing is done on a guess."""
    with pytest.raises(BadRecord):
        read_command(Address(COMMAND_NAMESPACE, words))


def test_nobody_in_particular_is_no_user() -> None:
    """Without tokens everybody's subject is empty; no name may mean all of them."""
    assert not Command(DISCONNECT, "/", USER, "ann").concerns("/", "", [])


# On the sessions that are here


class FakeServer:
    """Sessions in a real table of rooms, each somebody's."""

    def __init__(self) -> None:
        self.manager = RoomTable()
        self.eio = self
        self.people: dict[str, Identity] = {}
        self.tasks: list[asyncio.Task[None]] = []
        self.disconnected: list[str] = []

    def connect(self, sid: str, *rooms: str, identity: Identity = ANYONE, namespace: str = "/") -> None:
        self.people[sid] = identity
        for room in (None, sid, *rooms):
            self.manager.basic_enter_room(sid, namespace, room, eio_sid=f"eio-{sid}")

    def identity(self, sid: str, namespace: str) -> Identity:
        return self.people[sid]

    def sessions_of(self, subject: str, namespace: str) -> list[str]:
        here = self.manager.rooms.get(namespace, {}).get(None, {})
        return [sid for sid in here if self.people[sid].subject == subject]

    def start(self, work: Any) -> None:
        self.tasks.append(asyncio.ensure_future(work))

    async def disconnect(self, sid: str, namespace: str, ignore_queue: bool) -> None:
        assert ignore_queue, "every replica has read the command: none need be told"
        self.disconnected.append(sid)


class Here:
    """Commands on the sessions of one replica, and what became of them."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.server = FakeServer()
        self.figure = Figures(registry, "queuecast_gateway")
        self.obey = Commands(self.server, 3, Metrics(registry)).obey

    def rooms(self, sid: str, namespace: str = "/") -> list[str]:
        return list(self.server.manager.joined(sid, namespace))


ANN = Identity("ann", patterns(["sku:*"]))


@pytest.fixture
def here() -> Here:
    """Ann with two sessions, and somebody in the room `vip`."""
    made = Here()
    made.server.connect("ann-1", identity=ANN)
    made.server.connect("ann-2", "sku:1", identity=ANN)
    made.server.connect("bob", "vip")
    return made


async def test_all_sessions_of_a_user_join_at_once(here: Here) -> None:
    """The next record may be for that room already: nothing is awaited before it."""
    assert here.obey(Command(JOIN, "/", USER, "ann", ("sku:7",))) == 2
    assert here.rooms("ann-1") == ["sku:7"]
    assert here.rooms("ann-2") == ["sku:1", "sku:7"]
    assert here.rooms("bob") == ["vip"]
    assert here.figure("commands_total", outcome="joined") == 2


async def test_those_in_a_room_leave_it(here: Here) -> None:
    """Also when it is the room by which they are named."""
    assert here.obey(Command(LEAVE, "/", ROOM, "vip", ("vip", "elsewhere"))) == 1
    assert here.rooms("bob") == []
    assert here.figure("commands_total", outcome="left") == 1


async def test_a_session_is_named_by_the_room_of_its_own(here: Here) -> None:
    """Its id: a backend that was told it can speak of this one alone."""
    assert here.obey(Command(JOIN, "/", ROOM, "ann-1", ("sku:7",))) == 1
    assert here.rooms("ann-2") == ["sku:1"]


async def test_a_disconnect_is_begun_for_each(here: Here) -> None:
    """Handlers may take a while; the reading of the bus goes on meanwhile."""
    assert here.obey(Command(DISCONNECT, "/", USER, "ann")) == 2
    await asyncio.gather(*here.server.tasks)
    assert here.server.disconnected == ["ann-1", "ann-2"]
    assert here.figure("commands_total", outcome="disconnected") == 2


async def test_who_is_being_let_in_is_disconnected_after_that(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """python-socketio passes over whoever is half connected: it would stay."""
    pending = here.server.manager.pending_connect.setdefault("/", ["ann-1"])
    looks = 0

    async def look(_: float) -> None:
        nonlocal looks
        looks += 1
        assert here.server.disconnected in ([], ["ann-2"])
        if looks == 2:
            pending.clear()

    monkeypatch.setattr("queuecast_gateway.commands.asyncio.sleep", look)
    here.obey(Command(DISCONNECT, "/", USER, "ann"))
    await asyncio.gather(*here.server.tasks)
    assert sorted(here.server.disconnected) == ["ann-1", "ann-2"]
    assert looks == 2


async def test_another_namespace_is_not_concerned(here: Here) -> None:
    """The same user may be in both."""
    assert here.obey(Command(DISCONNECT, "/shop", USER, "ann")) == 0
    assert here.obey(Command(JOIN, "/shop", ROOM, "vip", ("sku:7",))) == 0


async def test_a_command_widens_no_rights(here: Here) -> None:
    """Whoever may send to the queue decides who listens now; the token decides who may. All or nothing."""
    assert here.obey(Command(JOIN, "/", USER, "ann", ("sku:7", "customer:9"))) == 2
    assert here.rooms("ann-1") == []
    assert here.figure("commands_total", outcome="forbidden") == 2


async def test_a_session_is_in_no_more_rooms_than_it_may_subscribe_to(here: Here) -> None:
    """The bound holds whoever asks; what it is in already is no more."""
    here.obey(Command(JOIN, "/", USER, "ann", ("sku:1", "sku:2", "sku:3")))
    here.obey(Command(JOIN, "/", ROOM, "ann-1", ("sku:4",)))
    assert here.rooms("ann-1") == ["sku:1", "sku:2", "sku:3"]
    assert here.figure("commands_total", outcome="too_many_rooms") == 1


async def test_the_room_of_a_session_is_joined_by_nobody_else(here: Here) -> None:
    """What is meant for it alone would be theirs."""
    here.obey(Command(JOIN, "/", ROOM, "vip", (SID, "sku:7")))
    assert here.rooms("bob") == ["vip"]
    assert here.figure("commands_total", outcome="forbidden") == 1


def test_a_command_is_counted_as_a_record_and_reaches_no_browser() -> None:
    """Whether somebody here was concerned, and what cannot be read; no namespace is reported as unknown."""
    bench = FanoutBench()
    one = Command(DISCONNECT, "/", USER, "ann")
    bench.commands.concerned = 1
    bench.deliver(one.record(), Record("command", b"[]", COMMAND_NAMESPACE, ("promote",)))
    bench.commands.concerned = 0
    bench.deliver(one.record())
    assert bench.commands.obeyed == [one, one]
    assert bench.texts == []
    for outcome in ("delivered", "nobody_here", "malformed"):
        assert bench.figure("records_read_total", outcome=outcome) == 1


# On those that come back


@pytest.fixture
def bench() -> Bench:
    return make_bench()


async def back(bench: Bench, identity: Identity = ANYONE, **state: Any) -> list[str]:
    """Have the session come back that got 103-0 last; return what it missed."""
    at = {"tail": "120-0", "subject": identity.subject, **state}
    bench.sessions.known["pid"] = known(**at)
    welcome = await bench.admitted("/", identity, pid="pid", offset="103-0")
    assert welcome.pid == "pid"
    return texts(welcome.missed)


def rooms_of(bench: Bench) -> list[str]:
    (rooms,) = [asked[3] for asked in bench.bus.asked if asked[0] == "expect"]
    return list(rooms)


async def test_who_was_away_joins_in_its_place_among_the_events(bench: Bench) -> None:
    """What came before is not for it, what came after is: as if it had been there."""
    bench.bus.read(
        entry("104-0", "sku:7"),
        command("105-0", JOIN, USER, "ann", "sku:7"),
        entry("106-0", "sku:7"),
        command("107-0", LEAVE, ROOM, "sku:7", "a"),
        entry("108-0", "a"),
        entry("109-0"),
    )
    identity = Identity("ann", patterns(["a", "sku:*"]))
    assert await back(bench, identity) == events(106, 109)
    assert rooms_of(bench) == ["sku:7"]


async def test_who_was_disconnected_while_away_does_not_come_back(bench: Bench) -> None:
    """It begins anew, if it may: the command was for a session that is over."""
    bench.bus.read(command("104-0", DISCONNECT, ROOM, "a"), entry("105-0"))
    bench.sessions.known["pid"] = known(tail="120-0")
    bench.assert_new(await bench.admitted(pid="pid", offset="103-0"), "disconnected")


async def test_a_command_for_others_changes_nothing(bench: Bench) -> None:
    """Another user, another room, another namespace, or none that can be read."""
    bench.bus.read(
        command("104-0", DISCONNECT, USER, "bob"),
        command("105-0", DISCONNECT, ROOM, "b"),
        command("106-0", DISCONNECT, ROOM, "a", namespace="/shop"),
        entry("107-0", "promote", namespace=COMMAND_NAMESPACE),
        entry("108-0"),
    )
    assert await back(bench) == events(108)


async def test_a_command_that_its_rooms_contain_is_not_followed_again(bench: Bench) -> None:
    """It may have undone it since by its own will, which is newer."""
    bench.bus.read(command("104-0", JOIN, ROOM, "a", "b"), command("105-0", JOIN, ROOM, "a", "c"))
    bench.sessions.known["pid"] = known(tail="120-0")._replace(saved="104-0")
    await bench.admitted(pid="pid", offset="103-0")
    assert rooms_of(bench) == ["a", "c"]


async def test_a_command_behind_a_text_of_redis_waits_for_it(bench: Bench) -> None:
    """Whom the events before it are for, it must not change."""
    bench.bus.overhear(
        entry("104-0", "a"),
        entry("105-0", "sku:7"),
        command("106-0", JOIN, ROOM, "a", "sku:7"),
        entry("107-0", "sku:7"),
        command("108-0", LEAVE, ROOM, "a", "sku:7"),
        entry("109-0", "sku:7"),
    )
    assert await back(bench) == events(104, 107)
    assert rooms_of(bench) == ["a"]


async def test_a_command_widens_no_rights_of_who_was_away(bench: Bench) -> None:
    """And no number of rooms."""
    bench.bus.read(
        command("104-0", JOIN, ROOM, SID, "secret"),
        command("105-0", JOIN, ROOM, SID, "b", "c", "d"),
        command("106-0", JOIN, ROOM, SID, "b"),
    )
    await back(bench, Identity("ann", Rooms(names=frozenset("abcd"))))
    assert rooms_of(bench) == ["a", "b"]
