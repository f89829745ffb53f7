"""Which sessions are in which rooms of this replica, and how an event is delivered to them: framed once."""

from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from socketio.async_manager import AsyncManager

from queuecast_bus import Record
from queuecast_bus.manager import dump_arguments
from queuecast_bus.names import SESSION_PREFIX, is_session_id
from queuecast_gateway.delivery.awaited_events import AwaitedEvents
from queuecast_gateway.delivery.compression import Compression, Piece
from queuecast_gateway.delivery.history import History
from queuecast_gateway.engine.session import Session
from queuecast_gateway.wire.packet import record_frames
from queuecast_gateway.wire.presence import NAMESPACE_ROOM, is_watch_room, watch_room


class Watcher(Protocol):
    """What is called when a session changes."""

    def changed(self, sid: str, namespace: str, room: str, *, entered: bool) -> None: ...
    def dropped(self, sid: str, namespace: str) -> None: ...


class Attendance(Protocol):
    """What is called when a session enters or leaves a room, or with the room "" its namespace."""

    def entered(self, sid: str, namespace: str, room: str) -> None: ...
    def left(self, sid: str, namespace: str, rooms: Iterable[str]) -> None: ...


class Audience(NamedTuple):
    """The connections that an event is for. Those that can recover get its offset too."""

    recoverable: Sequence[Session]
    plain: Sequence[Session]


NOBODY = Audience((), ())
NO_ROOMS: Mapping[str, str] = MappingProxyType({})


class Members(dict[str, str]):
    """The sessions of a room, each with its connection.

    python-socketio's bidict takes five times the time and memory, and every session has a room of its own.
    Only the room of all sessions needs the inverse that a bidict has.
    """

    __slots__ = ()

    @property
    def _fwdm(self) -> "Members":
        """python-socketio's name for the dictionary inside a bidict."""
        return self


class Rooms(AsyncManager):  # type: ignore[misc]  # python-socketio has no types
    """python-socketio's table of rooms, with a delivery of our own.

    A second table has the rooms of each session, and the offset that had been read when it joined each: the
    cost of leaving, or of listing a session's rooms, does not grow with the number of sessions.
    `offset_namespaces` are those in which connections can recover, unless they `refuse_offsets`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history = History(0)
        self.compression = Compression(self.history)
        self.watcher: Watcher | None = None
        self.presence: Attendance | None = None
        self.awaited: AwaitedEvents | None = None
        self.on_left: Callable[[tuple[str, str]], None] | None = None
        self.offset_namespaces: frozenset[str] = frozenset()
        self._joined: dict[str, dict[str, dict[str, str]]] = {}
        self._without_offsets: dict[str, set[str]] = {}
        self._expected: dict[str, tuple[str | None, Mapping[str, str]]] = {}

    # Audiences

    def audience(self, namespace: str, rooms: Sequence[str], skip_sids: Iterable[str] = ()) -> Audience:
        """Return the connections in any of these rooms, each once; no room means the whole namespace."""
        table = self.rooms.get(namespace)
        if table is None:
            return NOBODY
        if len(rooms) == 1:
            found = table.get(rooms[0])
        elif rooms:
            found = {sid: eio_sid for room in rooms for sid, eio_sid in table.get(room, {}).items()}
        elif None in table:
            # A bidict yields its items one by one in Python code; the dictionary inside it does not.
            found = table[None]._fwdm
        else:
            return NOBODY
        if not found:
            return NOBODY
        skipped = frozenset(skip_sids)
        if skipped:
            eio_sids: Iterable[str] = [eio_sid for sid, eio_sid in found.items() if sid not in skipped]
        else:
            eio_sids = found.values()
        if namespace not in self.offset_namespaces:
            audience = Audience((), self._sessions(eio_sids))
        else:
            audience = self._divided(eio_sids, self._without_offsets.get(namespace))
        return audience if audience.recoverable or audience.plain else NOBODY

    def _divided(self, eio_sids: Iterable[str], without: Container[str] | None) -> Audience:
        """Return the audience of these connections, some of which are `without` offsets."""
        if not without:
            return Audience(self._sessions(eio_sids), ())
        # Two lists and not two sets: one client without offsets must not make each event cost six times as
        # much for everybody, 330 instead of 90 ns a connection.
        every = list(eio_sids)
        with_offsets = [each for each in every if each not in without]
        others = [] if len(with_offsets) == len(every) else [each for each in every if each in without]
        return Audience(self._sessions(with_offsets), self._sessions(others))

    def sids(self, namespace: str, rooms: Sequence[str], except_rooms: Sequence[str] = ()) -> frozenset[str]:
        """Return the sessions in any of these rooms but in none of the others; no room means all."""
        table = self.rooms.get(namespace, {})
        found = frozenset(sid for room in rooms or (None,) for sid in table.get(room, ()))
        return found.difference(*(table.get(room, ()) for room in except_rooms))

    def is_anybody_in(self, place: str) -> bool:
        """Say whether a session is in a place: a namespace, a comma, and a room, or none for all of it."""
        namespace, _, room = place.partition(",")
        return bool(self.rooms.get(namespace, {}).get(room or None))

    def is_in(self, sid: str, namespace: str, rooms: Collection[str]) -> bool:
        """Say whether a session is in any of these rooms; no room means the whole namespace."""
        table = self.rooms.get(namespace, {})
        return any(sid in table.get(room, ()) for room in rooms or (None,))

    def _sessions(self, eio_sids: Iterable[str]) -> list[Session]:
        return list(filter(None, map(self.server.eio.sockets.get, eio_sids)))

    def namespaces_of(self, eio_sid: str) -> list[str]:
        """Return the namespaces that a connection has joined."""
        return [name for name in self.get_namespaces() if self.sid_from_eio_sid(eio_sid, name)]

    def refuse_offsets(self, eio_sid: str, namespace: str) -> None:
        """Send a connection no offsets in this namespace."""
        self._without_offsets.setdefault(namespace, set()).add(eio_sid)

    def forget_connection(self, eio_sid: str) -> None:
        """A connection has ended."""
        self._expected.pop(eio_sid, None)
        for without in self._without_offsets.values():
            without.discard(eio_sid)

    def expect(self, eio_sid: str, sid: str, rooms: Mapping[str, str]) -> None:
        """Make the next CONNECT of this connection restore a session, in its rooms.

        Each room has the offset at which it was joined.
        """
        self._expected[eio_sid] = sid, rooms

    def expect_rooms(self, eio_sid: str, rooms: Sequence[str]) -> None:
        """Make the next CONNECT of this connection join these rooms too."""
        if rooms:
            sid, others = self._expected.get(eio_sid, (None, {}))
            new = [room for room in rooms if room not in others]
            self._expected[eio_sid] = sid, {**others, **dict.fromkeys(new, self.history.position)}

    # python-socketio's table, kept in step with the second one

    async def pre_connect(self, eio_sid: str, namespace: str) -> str:
        sid, rooms = self._expected.pop(eio_sid, (None, {}))
        sid = sid or f"{SESSION_PREFIX}{self.server.eio.generate_id()}"
        self.basic_enter_room(sid, namespace, None, eio_sid=eio_sid)
        self.pending_connect.setdefault(namespace, []).append(sid)
        for room in (sid, *rooms):
            self.basic_enter_room(sid, namespace, room, eio_sid=eio_sid)
        if rooms:
            self._joined[namespace][sid].update(rooms)
        return sid

    def is_sid_room(self, namespace: str, room: Any) -> bool:
        """Say whether a room is a session's own, on whatever replica: no other session may join it."""
        return is_session_id(room)

    def basic_enter_room(
        self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None
    ) -> None:
        if room is None or namespace not in self.rooms:
            super().basic_enter_room(sid, namespace, room, eio_sid=eio_sid)
        if room is None:
            if self.presence is not None:
                self.presence.entered(sid, namespace, NAMESPACE_ROOM)
            return
        if sid != room and self.is_sid_room(namespace, room):
            raise ValueError("cannot enter a sid room")
        table = self.rooms[namespace]
        if eio_sid is None:
            eio_sid = table[None][sid]
        if (members := table.get(room)) is None:
            members = table[room] = Members()
        members[sid] = eio_sid
        if room != sid:
            joined = self._joined.setdefault(namespace, {}).setdefault(sid, {})
            if room not in joined:
                joined[room] = self.history.position
                self._notify(sid, namespace, room, entered=True)
            if self.presence is not None:
                self.presence.entered(sid, namespace, room)

    def reserve_room(self, sid: str, namespace: str, room: str) -> None:
        """Have a session join a room that it is delivered nothing of before `basic_enter_room`.

        It counts among the session's rooms at once, so that it is saved with them.
        """
        if self.is_sid_room(namespace, room):
            raise ValueError("a session's own room cannot be joined")
        joined = self._joined.setdefault(namespace, {}).setdefault(sid, {})
        if room not in joined:
            joined[room] = self.history.position
            self._notify(sid, namespace, room, entered=True)

    def gets_offsets(self, eio_sid: str, namespace: str) -> bool:
        """Say whether events have their offset as last argument for this connection."""
        without = self._without_offsets.get(namespace, ())
        return namespace in self.offset_namespaces and eio_sid not in without

    def basic_leave_room(self, sid: str, namespace: str, room: str | None) -> None:
        super().basic_leave_room(sid, namespace, room)
        if room is not None and self._joined.get(namespace, {}).get(sid, {}).pop(room, None) is not None:
            self._notify(sid, namespace, room, entered=False)
            if self.presence is not None:
                self.presence.left(sid, namespace, (room,))
                if not is_watch_room(room) and watch_room(room) in self.joined(sid, namespace):
                    self.basic_leave_room(sid, namespace, watch_room(room))

    def _notify(self, sid: str, namespace: str, room: str, *, entered: bool) -> None:
        if self.watcher is not None:
            self.watcher.changed(sid, namespace, room, entered=entered)

    def get_rooms(self, sid: str, namespace: str) -> list[str]:
        """Return a session's rooms, its own first."""
        if sid not in self.rooms.get(namespace, {}).get(None, {}):
            return []
        joined = self.joined(sid, namespace)
        if self.presence is None:
            return [sid, *joined]
        return [sid, *(room for room in joined if not is_watch_room(room))]

    def joined(self, sid: str, namespace: str) -> Mapping[str, str]:
        """Return the rooms that a session has joined, each with the offset at which it was joined.

        Watch rooms are among them.
        """
        return self._joined.get(namespace, {}).get(sid, NO_ROOMS)

    def basic_disconnect(self, sid: str, namespace: str, **kwargs: Any) -> None:
        if self.watcher is not None:
            self.watcher.dropped(sid, namespace)
        if self.awaited is not None:
            self.awaited.left(sid)
        eio_sid = self.rooms.get(namespace, {}).get(None, {}).get(sid, "")
        if self.on_left is not None:
            self.on_left((eio_sid, namespace))
        self._without_offsets.get(namespace, set()).discard(eio_sid)
        joined = self.joined(sid, namespace)
        for room in (*joined, sid, None):
            super().basic_leave_room(sid, namespace, room)
        if self.presence is not None:
            self.presence.left(sid, namespace, (*joined, NAMESPACE_ROOM))
        self._joined.get(namespace, {}).pop(sid, None)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            if sid in pending.get(namespace, ()):
                pending[namespace].remove(sid)
                if not pending[namespace]:
                    del pending[namespace]

    async def trigger_callback(self, sid: str, id: int, data: list[Any]) -> None:
        """Run an emit's callback. Unknown ids are not logged: any client could fill the log with them."""
        if id in self.callbacks.get(sid, ()):
            await super().trigger_callback(sid, id, data)

    # Emitting

    async def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: Any = None,
        skip_sid: Any = None,
        callback: Any = None,
        to: Any = None,
        **kwargs: Any,
    ) -> None:
        """Emit to the connections of this replica alone, with python-socketio's parameters.

        Raises `BadRecord` for an event that some client could not take.
        """
        audience = self.audience(namespace, _names(to or room), _names(skip_sid))
        if audience is NOBODY:
            return
        arguments, attachments = dump_arguments(data)
        record = Record(event, arguments, namespace, attachments=attachments)
        if callback is not None:
            record.check(self.history.max_event_bytes)
            await super().emit(event, data, namespace, room, skip_sid, callback, to, **kwargs)
            return
        self.write(record, audience)

    def write(self, record: Record, audience: Audience) -> None:
        """Send an event that is on no stream. Raises `BadRecord` if some client could not take it.

        Connections that can recover get the replica's position as offset: a client takes any text at the end
        for an offset, and has received everything up to this one.
        """
        for sessions, last in ((audience.recoverable, self.history.position), (audience.plain, None)):
            if sessions:
                sent = record_frames(record, last, self.history.max_event_bytes)
                self.compression.put(self.server.eio.outbox, [Piece(sent)], sessions)


def _names(value: Any) -> Sequence[str]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else [name for name in value if name is not None]
