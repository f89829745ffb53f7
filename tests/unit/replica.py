"""A replica for the tests of recovery: what it has read, what Redis has, and what was asked of it."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry
from tests.unit.fakes import Figures
from tests.unit.gateway.fakes import FakeSessions

from queuecast_bus import Batch, Entries, Entry, Gap, Record
from queuecast_bus.command import Command, Target, Verb
from queuecast_bus.record import Address, offset_key
from queuecast_gateway.access.grant import EVERY_ROOM, Identity
from queuecast_gateway.delivery.compression import Compression
from queuecast_gateway.delivery.history import History
from queuecast_gateway.engine.deflate import Deflater
from queuecast_gateway.engine.frames import split
from queuecast_gateway.limits.quota import Quota
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.recovery.recovery import Recovery
from queuecast_gateway.recovery.replay import Bounds
from queuecast_gateway.recovery.session_state import Claimed, State
from queuecast_gateway.recovery.welcome import Welcome

ANYONE = Identity("", EVERY_ROOM)
BOUNDS = Bounds(window_seconds=60, max_events=5, max_bytes=1_000, max_rooms=3)
NEW = "new-1"
SID = "sid:AAAAAAAAAAAAAAAAAAAA"


def entry(offset: str, *rooms: str, namespace: str = "/", skip: tuple[str, ...] = ()) -> Entry:
    """Return the event `e` with its offset's milliseconds as argument."""
    record = Record("e", b"[%d]" % offset_key(offset)[0], namespace, rooms, skip)
    return Entry(offset, Address(namespace, rooms, skip), [b"p", b"0-0", *record.to_fields()])


def command(offset: str, verb: Verb, target: Target, name: str, *rooms: str, namespace: str = "/") -> Entry:
    """Return a command to sessions, as it is read."""
    record = Command(verb, namespace, target, name, rooms).record()
    address = Address(record.namespace, record.rooms)
    return Entry(offset, address, [b"p", b"0-0", *record.to_fields()])


def texts(sent: bytes) -> list[str]:
    return [payload.decode() for _, payload in split(sent)]


def events(*numbers: int) -> list[str]:
    return [f'42["e",{number},"{number}-0"]' for number in numbers]


class Replica:
    """The bus of a gateway, with a list for the stream that Redis has, and what was asked of it."""

    def __init__(self) -> None:
        self.history = History(1 << 20, deflater=Deflater(512))
        self.compression = Compression(self.history)
        self.host_id = "me"
        self.offset_namespaces = frozenset({"/", "/shop"})
        self.server = self.eio = self
        self.watcher: Any = None
        self.stream: list[Entry] = []
        self.trimmed = False
        self.asked: list[Any] = []
        self.connected: dict[tuple[str, str], str] = {}
        self.old: set[tuple[str, str]] = set()
        self._ids = itertools.count(1)

    def read(self, *batch: Entry, wanted: Sequence[int] | None = None) -> None:
        """Have this replica read records, of which all or some are wanted here."""
        self.history.add(Batch(batch[-1].offset, Entries.of(*batch)), wanted)

    def read_unwanted(self, *batch: Entry) -> None:
        """Have it read records that nobody here wants."""
        self.stream += batch
        self.read(*batch, wanted=())

    def generate_id(self) -> str:
        return f"new-{next(self._ids)}"

    def eio_sid_from_sid(self, sid: str, namespace: str) -> str | None:
        return "old" if (sid, namespace) in self.old else None

    @contextmanager
    def recovering(self, sid: str, namespace: str, claim: int) -> Iterator[Callable[[], bool]]:
        self.history.recovering += 1
        yield lambda: True
        self.history.recovering -= 1

    async def close_here(self, sid: str, namespace: str) -> None:
        self.asked.append(("close", sid, namespace))
        self.old.discard((sid, namespace))

    async def close_elsewhere(self, replica: str, sid: str, namespace: str, claim: int) -> None:
        self.asked.append(("close", replica, sid, namespace))

    def expect(self, eio_sid: str, sid: str, rooms: Mapping[str, str]) -> None:
        self.asked.append(("expect", eio_sid, sid, rooms))

    def refuse_offsets(self, eio_sid: str, namespace: str) -> None:
        self.asked.append(("refuse", eio_sid, namespace))

    async def between(self, after: str, until: str, most: int) -> Batch:
        self.asked.append(("between", after, until))
        if self.trimmed:
            return Batch(until, gap=Gap("trimmed", after, until))
        found = [
            each for each in self.stream if offset_key(after) < offset_key(each.offset) <= offset_key(until)
        ][:most]
        return Batch(found[-1].offset if found else until, Entries.of(*found))

    async def recall(self, offsets: list[str]) -> list[list[bytes]]:
        self.asked.append(("recall", *offsets))
        texts = {each.offset: each.fields for each in self.stream}
        return [texts.get(offset, []) for offset in offsets]

    def sid_from_eio_sid(self, eio_sid: str, namespace: str) -> str | None:
        return self.connected.get((eio_sid, namespace))

    def joined(self, sid: str, namespace: str) -> Mapping[str, str]:
        return {"a": "100-0"}


class Bench(NamedTuple):
    bus: Replica
    sessions: FakeSessions
    recovery: Recovery
    figure: Figures

    async def admitted(self, namespace: str = "/", identity: Identity = ANYONE, /, **data: Any) -> Welcome:
        _, welcome = await self.recovery.admit("eio", namespace, data, identity)
        assert welcome is not None
        return welcome

    def assert_recovered(self, welcome: Welcome, *missed: int) -> None:
        """It is the same session, and these are the events that it is given first."""
        assert welcome.pid == "pid"
        assert texts(welcome.missed) == events(*missed)
        assert ("expect", "eio", SID, {"a": "100-0"}) in self.bus.asked
        assert (
            self.figure("recoveries_total", outcome="recovered") == self.figure.sum("recoveries_total") == 1
        )
        assert self.figure("events_replayed_total") == len(missed)

    def assert_new(self, welcome: Welcome, outcome: str) -> None:
        """It is another session, never half a replay, and this is why."""
        assert welcome.pid == NEW
        assert welcome.missed == b""
        assert [what for what, *_ in self.bus.asked if what == "expect"] == []
        assert self.figure("recoveries_total", outcome=outcome) == self.figure.sum("recoveries_total") == 1
        assert self.figure("events_replayed_total") == 0


def make_bench() -> Bench:
    """A replica that has read the records 100-0 to 103-0, and a session that began at 100-0 elsewhere."""
    registry = CollectorRegistry()
    bus, sessions = Replica(), FakeSessions()
    parts: list[Any] = [bus, sessions]
    recovery = Recovery(*parts, BOUNDS, Metrics(registry), Quota(0, 60))
    bus.history.add(Batch("100-0"))
    bus.read(entry("101-0"), entry("102-0", "a"), entry("103-0", "b"))
    sessions.known["pid"] = known()
    return Bench(bus, sessions, recovery, Figures(registry, "queuecast_gateway"))


def known(tail: str = "103-0", lost_up_to: str = "0-0", owner: str = "", **state: Any) -> Claimed:
    at = State(SID, "/", {"a": "100-0"}, "100-0")._replace(**state)
    return Claimed(at, owner, tail, lost_up_to)
