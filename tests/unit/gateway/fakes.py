"""Stand-ins for what is around the gateway: a Socket.IO server, saved sessions, a connection."""

import asyncio
import itertools
from types import SimpleNamespace
from typing import Any

from queuecast_bus import BusUnavailable
from queuecast_gateway.access.grant import EVERY_ROOM, Identity
from queuecast_gateway.engine.frames import split
from queuecast_gateway.recovery.session_state import Claimed, State, Verb
from queuecast_gateway.wire.presence import is_watch_room


class FakeServer:
    """The parts of a Socket.IO server that handlers and board use, with what they did to it."""

    def __init__(self) -> None:
        self.handlers: dict[tuple[str, str], Any] = {}
        self.manager = SimpleNamespace(rooms={})
        self.emitted: list[tuple[str, Any, dict[str, Any]]] = []
        self.refusing: Exception | None = None
        self.forgetting: Exception | None = None
        self.remembered: list[list[str]] = []
        self.anyone = Identity("", EVERY_ROOM)
        self.renewed: Identity | Exception = self.anyone
        self.tokens: list[Any] = []
        self.opened: list[tuple[str, str]] = []
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
        return [sid, *(room for room in self.joined(sid, namespace) if not is_watch_room(room))]

    def joined(self, sid: str, namespace: str) -> list[str]:
        return self._rooms.get((sid, namespace), [])

    async def enter_room(self, sid: str, room: str, namespace: str) -> None:
        joined = self._rooms.setdefault((sid, namespace), [])
        if room not in joined:
            joined.append(room)

    def address_of(self, sid: str, namespace: str) -> str:
        return "192.0.2.1"

    def reserve_room(self, sid: str, room: str, namespace: str) -> None:
        self._rooms.setdefault((sid, namespace), []).append(room)

    def open_room(self, sid: str, room: str, namespace: str) -> None:
        assert room in self.rooms(sid, namespace)
        self.opened.append((sid, room))

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
    """`queuecast_gateway.recovery.session_store.SessionStore` over a dictionary; it raises while `away`.

    `notes` has each note of a session: its private id, the verb, and its state. A claim waits for `going_on`.
    """

    def __init__(self) -> None:
        self.notes: list[tuple[str, Verb, State]] = []
        self.known: dict[str, Claimed] = {}
        self.lost_up_to: list[str] = []
        self.away = False
        self.going_on = asyncio.Event()
        self.going_on.set()

    def note(self, pid: str, verb: Verb, state: State) -> None:
        # A copy: the rooms of the state change later.
        self.notes.append((pid, verb, state._replace(rooms=dict(state.rooms))))

    def changed(self, pid: str, state: State, room: str, *, entered: bool) -> None:
        assert (room in state.rooms) is entered
        self.note(pid, "here", state)

    async def confirm(self, pid: str, state: State) -> None:
        if self.away:
            raise BusUnavailable("saving sessions: nobody there")
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
        verbs = [verb for noted, verb, _ in self.notes if noted == pid]
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
