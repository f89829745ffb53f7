"""Stand-ins for what is beyond a process: a queue, the bus, a Socket.IO server, a clock. Small and exact."""

import asyncio
import hashlib
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from prometheus_client import CollectorRegistry

from queuecast_bus import BusUnavailable, Record, Stored
from queuecast_gateway.access.grant import EVERY_ROOM, Identity
from queuecast_gateway.engine.frames import split
from queuecast_gateway.session_state import State, Verb
from queuecast_gateway.sessions import Claimed
from queuecast_poller.failure import Call, Failed, Failure, QueueUnavailable
from queuecast_poller.message import Message
from queuecast_poller.payloads import NoPayload
from queuecast_poller.unwrap import Pointer

_numbers = itertools.count(1)

THROTTLED = QueueUnavailable(Call.RECEIVE, "orders", Failure.THROTTLED, "RequestThrottled: slow down")


def failing(call: Call, reason: Failure = Failure.SERVER_ERROR) -> QueueUnavailable:
    """Return a failure of a call to SQS."""
    return QueueUnavailable(call, "orders", reason, "it was told to fail")


def message(body: str = '{"id":7}', **details: Any) -> Message:
    """Return a message as SQS would hand it over: with an id of its own and the right MD5."""
    number = next(_numbers)
    md5 = hashlib.md5(body.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
    return Message(
        **{
            "id": f"message-{number}",
            "receipt_handle": f"handle-{number}",
            "body": body,
            "body_md5": md5,
            **details,
        }
    )


def messages(count: int) -> list[Message]:
    return [message() for _ in range(count)]


def handles(batch: Sequence[Message]) -> list[str]:
    return [each.receipt_handle for each in batch]


class FakeClock:
    """A clock that moves when it is told to; stands in for the module `time` or one of its functions."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def perf_counter(self) -> float:
        return self.now

    def time_ns(self) -> int:
        return int(self.now * 1_000_000_000)

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


Refusals = set[str] | dict[str, str]
"""Receipt handles that a batch refuses: with `InternalError`, or each with a code that blames the caller."""


class FakeQueue:
    """`queuecast_poller.sqs.Queue` from a script: each receive gives the next answer or raises it.

    When the script is used up, the queue asks for the end (`stop`), as a SIGTERM would. A call to delete or
    to change the visibility raises the next of its answers, or refuses the entries that it names.
    """

    def __init__(
        self, *answers: Sequence[Message] | Exception, stop: asyncio.Event | None = None, journal: Any = None
    ) -> None:
        self.visibility_seconds = 30
        self.fifo = False
        self.max_receive_count: int | None = None
        self.visibility_changes: list[tuple[list[str], int]] = []
        self.visibility_answers: deque[Refusals | Exception] = deque()
        self.deletes: list[list[str]] = []
        self.delete_answers: deque[Refusals | Exception] = deque()
        self.asked_for: list[int] = []
        self.canaries: list[str] = []
        self.canary_answers: deque[Exception | None] = deque()
        self.refreshes = 0
        self.on_refresh: Callable[[], object] = lambda: None
        self.on_receive: Callable[[], object] = lambda: None
        self.on_change: Callable[[], object] = lambda: None
        self.on_delete: Callable[[], object] = lambda: None
        self._answers = deque(answers)
        self._stop = stop
        self._journal = journal if journal is not None else []

    @property
    def deleted(self) -> list[str]:
        return [what for verb, what in self._journal if verb == "deleted"]

    async def refresh(self) -> None:
        self.refreshes += 1
        self.on_refresh()

    async def receive(self, most: int = 10) -> list[Message]:
        self.asked_for.append(most)
        self.on_receive()
        await asyncio.sleep(0)  # others have their turn, as they have while SQS thinks
        if not self._answers:
            if self._stop is not None:
                self._stop.set()
            return []
        answer = self._answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    async def delete(self, receipt_handles: Sequence[str]) -> list[Failed]:
        self.deletes.append(list(receipt_handles))
        self.on_delete()
        failed = await self._answer(self.delete_answers, receipt_handles)
        refused = {entry.receipt_handle for entry in failed}
        self._journal += [("deleted", handle) for handle in receipt_handles if handle not in refused]
        return failed

    async def change_visibility(self, receipt_handles: Sequence[str], seconds: int) -> list[Failed]:
        self.visibility_changes.append((list(receipt_handles), seconds))
        self.on_change()
        return await self._answer(self.visibility_answers, receipt_handles)

    async def send_canary(self, body: str) -> None:
        answer = self.canary_answers.popleft() if self.canary_answers else None
        if answer is not None:
            raise answer
        self.canaries.append(body)

    async def _answer(
        self, answers: "deque[Refusals | Exception]", receipt_handles: Sequence[str]
    ) -> list[Failed]:
        await asyncio.sleep(0)
        answer = answers.popleft() if answers else set()
        if isinstance(answer, Exception):
            raise answer
        refused = answer if isinstance(answer, dict) else dict.fromkeys(answer, "InternalError")
        return [
            Failed(handle, refused[handle], sender_fault=refused[handle] != "InternalError")
            for handle in receipt_handles
            if handle in refused
        ]


class FakeNamespaces:
    """`queuecast_bus.namespaces.Namespaces` from a set, which says `/` alone until it is told otherwise."""

    def __init__(self) -> None:
        self.served = {"any", "/"}
        self.away = False
        self.asked: list[list[str]] = []

    async def announce(self, namespaces: Iterable[str]) -> None:
        if self.away:
            raise BusUnavailable("saying which namespaces are served: nobody there")
        self.served |= {"any", *namespaces}

    async def announced(self, namespaces: Iterable[str]) -> set[str]:
        self.asked.append(sorted(namespaces))
        if self.away:
            raise BusUnavailable("asking which namespaces are served: nobody there")
        return self.served.intersection(["any", *self.asked[-1]])


class FakePayloads:
    """`queuecast_poller.payloads.Payloads` from a dictionary; a reason in it is raised."""

    def __init__(self, objects: dict[Pointer, str | NoPayload] | None = None) -> None:
        self.objects = objects or {}
        self.fetched: list[Pointer] = []

    async def fetch(self, pointer: Pointer) -> str:
        self.fetched.append(pointer)
        found = self.objects.get(pointer, NoPayload("there is no such object"))
        if isinstance(found, NoPayload):
            raise found
        return found

    async def aclose(self) -> None: ...


class FakePressure:
    """`queuecast_bus.pressure.Pressure` as a flag; while `away` it raises."""

    def __init__(self) -> None:
        self.behind = False
        self.away = False
        self.asked = 0
        self.reports = 0

    async def is_reported(self) -> bool:
        self.asked += 1
        if self.away:
            raise BusUnavailable("asking: nobody there")
        return self.behind

    async def report(self) -> None:
        self.reports += 1
        if self.away:
            raise BusUnavailable("saying: nobody there")


class FakeBus:
    """Stores records once per dedup id, as the append script does; `away_for` many tries it refuses."""

    def __init__(self, *, away_for: float = 0, journal: Any = None) -> None:
        self.namespaces = FakeNamespaces()
        self.pressure = FakePressure()
        self.records: list[Record] = []
        self.tries: list[list[tuple[Record, str | None]]] = []
        self.on_refusal: Callable[[], object] = lambda: None
        self.before_publish: Callable[[], Awaitable[object]] = lambda: asyncio.sleep(0)
        self._away_for = away_for
        self._offsets: dict[str, str] = {}
        self._journal = journal if journal is not None else []

    async def publish(self, batch: Sequence[tuple[Record, str | None]]) -> list[Stored]:
        self.tries.append(list(batch))
        await self.before_publish()
        if len(self.tries) <= self._away_for:
            self.on_refusal()
            raise BusUnavailable("publishing: ConnectionError: nobody there")
        return [self._store(record, dedup_id) for record, dedup_id in batch]

    def _store(self, record: Record, dedup_id: str | None) -> Stored:
        if dedup_id in self._offsets:
            return Stored(self._offsets[dedup_id], duplicate=True)
        self.records.append(record)
        self._journal.append(("published", dedup_id))
        offset = f"{len(self.records)}-0"
        if dedup_id is not None:
            self._offsets[dedup_id] = offset
        return Stored(offset, duplicate=False)


class FakeServer:
    """The parts of a Socket.IO server that handlers and board use, with what they did to it."""

    def __init__(self) -> None:
        self.handlers: dict[tuple[str, str], Any] = {}
        self.emitted: list[tuple[str, Any, dict[str, Any]]] = []
        self.refusing: Exception | None = None
        self.forgetting: Exception | None = None
        self.remembered: list[list[str]] = []
        self.anyone = Identity("", EVERY_ROOM)
        self.renewed: Identity | Exception = self.anyone
        self.tokens: list[Any] = []
        self._rooms: dict[tuple[str, str], list[str]] = {}

    async def receive(self, event: str, sid: str, *arguments: Any, namespace: str = "/") -> Any:
        """Have a browser say something: run its handler, as python-socketio does; return the ack."""
        handler = self.handlers.get((event, namespace))
        if handler is not None:
            return await handler(sid, *arguments)
        return await self.handlers["*", namespace](event, sid, *arguments)

    def on(self, event: str, handler: Any, namespace: str) -> None:
        self.handlers[event, namespace] = handler

    def rooms(self, sid: str, namespace: str) -> list[str]:
        return [sid, *self._rooms.get((sid, namespace), [])]

    async def enter_room(self, sid: str, room: str, namespace: str) -> None:
        joined = self._rooms.setdefault((sid, namespace), [])
        if room not in joined:
            joined.append(room)

    async def leave_room(self, sid: str, room: str, namespace: str) -> None:
        self._rooms[sid, namespace].remove(room)

    async def remember(self, sid: str, namespace: str) -> None:
        if self.forgetting is not None:
            raise self.forgetting
        self.remembered.append(self.rooms(sid, namespace))

    def identity(self, sid: str, namespace: str) -> Identity:
        return self.anyone

    async def renew(self, sid: str, namespace: str, token: Any) -> Identity:
        self.tokens.append(token)
        if isinstance(self.renewed, Exception):
            raise self.renewed
        return self.renewed

    async def emit(self, event: str, data: Any, **options: Any) -> None:
        if self.refusing is not None:
            raise self.refusing
        self.emitted.append((event, data, options))

    async def relay(self, sid: str, event: str, arguments: tuple[Any, ...], namespace: str) -> None:
        await self.emit(event, arguments, namespace=namespace)


class FakeSessions:
    """`queuecast_gateway.sessions.Sessions` with a dictionary for Redis; while `away` it raises.

    `said` is every word on a session: its private id, the verb, and its state. A claim waits for `going_on`.
    """

    def __init__(self) -> None:
        self.said: list[tuple[str, Verb, State]] = []
        self.known: dict[str, Claimed] = {}
        self.lost_up_to: list[str] = []
        self.away = False
        self.going_on = asyncio.Event()
        self.going_on.set()

    def note(self, pid: str, verb: Verb, state: State) -> None:
        # As it is now: what is handed over goes on to live.
        self.said.append((pid, verb, state._replace(rooms=dict(state.rooms))))

    def changed(self, pid: str, state: State, room: str, *, entered: bool) -> None:
        assert (room in state.rooms) is entered
        self.note(pid, "here", state)

    async def confirm(self, pid: str, state: State) -> None:
        if self.away:
            raise BusUnavailable("writing down sessions: nobody there")
        self.note(pid, "here", state)

    async def claim(self, pid: str, namespace: str, subject: str) -> Claimed | None:
        await self.going_on.wait()
        if self.away:
            raise BusUnavailable("claiming a session: nobody there")
        found = self.known.get(pid)
        is_theirs = found is not None and (found.state.namespace, found.state.subject) == (namespace, subject)
        return found if is_theirs else None

    def lost(self, up_to: str) -> None:
        self.lost_up_to.append(up_to)

    def verbs(self, pid: str) -> list[Verb]:
        """What became of a session, without repetitions."""
        verbs = [verb for said, verb, _ in self.said if said == pid]
        return [verb for verb, _ in itertools.groupby(verbs)]


class FakeTransport:
    """A TCP connection, as asyncio shows it: what was written to it, and what became of it."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.protocol: Any = None
        self.closing = False
        self.aborted = False
        self.reading = True
        self.buffered = 0

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def get_extra_info(self, name: str) -> "FakeTransport":
        return self

    def fileno(self) -> int:
        """Return no descriptor: there is nothing that could be written to past this object."""
        return -1

    @property
    def frames(self) -> list[tuple[int, bytes]]:
        """Opcode and payload of the frames that were written."""
        return list(split(b"".join(self.written)))

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = self.aborted = True

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Figures:
    """Reads a registry as Prometheus would."""

    def __init__(self, registry: CollectorRegistry, prefix: str, **labels: str) -> None:
        self._registry = registry
        self._prefix = prefix
        self._labels = labels

    def __call__(self, name: str, **labels: str) -> float:
        found = self._registry.get_sample_value(f"{self._prefix}_{name}", {**self._labels, **labels})
        assert found is not None, f"there is no {self._prefix}_{name} {labels}"
        return found

    def sum(self, name: str) -> float:
        """Return the sum over all label values."""
        wanted = f"{self._prefix}_{name}"
        return sum(
            sample.value
            for family in self._registry.collect()
            for sample in family.samples
            if sample.name == wanted
        )
