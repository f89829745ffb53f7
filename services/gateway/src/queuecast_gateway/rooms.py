"""Who is in which room of this replica, and how an event reaches them: framed once, written once each."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from socketio.async_manager import AsyncManager

from queuecast_bus import Record
from queuecast_bus.manager import dump_arguments
from queuecast_bus.names import SESSION_PREFIX, is_session_id
from queuecast_gateway.engine.session import Session
from queuecast_gateway.history import History
from queuecast_gateway.packet import record_frames


class Watcher(Protocol):
    """Who wants to know of sessions."""

    def changed(self, sid: str, namespace: str, room: str, *, entered: bool) -> None: ...
    def dropped(self, sid: str, namespace: str) -> None: ...


class Audience(NamedTuple):
    """The connections that an event is for. Those that can recover are told the event's offset."""

    recoverable: Sequence[Session]
    plain: Sequence[Session]


NOBODY = Audience((), ())
NO_ROOMS: Mapping[str, str] = MappingProxyType({})


class Rooms(AsyncManager):  # type: ignore[misc]  # python-socketio has no types
    """python-socketio's table of rooms, with a delivery of our own.

    Beside the table stands, for each session, which rooms it has joined, and up to which offset all had been
    read then: to leave, or to be asked for its rooms, costs nothing that grows with the number of sessions.
    `offset_namespaces` are those in which
    connections can recover, unless they `refuse_offsets`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history = History(0)
        self.watcher: Watcher | None = None
        self.on_left: Callable[[tuple[str, str]], None] | None = None
        self.offset_namespaces: frozenset[str] = frozenset()
        self._joined: dict[str, dict[str, dict[str, str]]] = {}
        self._without_offsets: dict[str, set[str]] = {}
        self._arriving: dict[str, tuple[str | None, Mapping[str, str]]] = {}

    # Who is where

    def audience(self, namespace: str, rooms: Sequence[str], skip_sids: Iterable[str] = ()) -> Audience:
        """Return the connections in any of these rooms, each once; no room means the whole namespace."""
        table = self.rooms.get(namespace)
        if table is None:
            return NOBODY
        if len(rooms) == 1:
            found = table.get(rooms[0])
        elif rooms:
            found = {sid: eio_sid for room in rooms for sid, eio_sid in table.get(room, {}).items()}
        else:
            found = table.get(None)
        if not found:
            return NOBODY
        skipped = frozenset(skip_sids)
        if skipped:
            eio_sids: Iterable[str] = [eio_sid for sid, eio_sid in found.items() if sid not in skipped]
        else:
            # A bidict hands out its items one by one through Python; the dictionary inside does not.
            eio_sids = getattr(found, "_fwdm", found).values()
        without = self._without_offsets.get(namespace)
        if namespace not in self.offset_namespaces:
            audience = Audience((), self._sessions(eio_sids))
        elif not without:
            audience = Audience(self._sessions(eio_sids), ())
        else:
            each = frozenset(eio_sids)
            audience = Audience(self._sessions(each - without), self._sessions(each & without))
        return audience if audience.recoverable or audience.plain else NOBODY

    def _sessions(self, eio_sids: Iterable[str]) -> list[Session]:
        return list(filter(None, map(self.server.eio.sockets.get, eio_sids)))

    def refuse_offsets(self, eio_sid: str, namespace: str) -> None:
        """Give a connection no offsets in this namespace."""
        self._without_offsets.setdefault(namespace, set()).add(eio_sid)

    def forget_connection(self, eio_sid: str) -> None:
        """A connection has ended."""
        self._arriving.pop(eio_sid, None)
        for without in self._without_offsets.values():
            without.discard(eio_sid)

    def expect(self, eio_sid: str, sid: str, rooms: Mapping[str, str]) -> None:
        """Have the next connect of this connection be a session's that comes back, in its rooms.

        With each room goes the offset at which it was joined.
        """
        self._arriving[eio_sid] = sid, rooms

    def expect_rooms(self, eio_sid: str, rooms: Sequence[str]) -> None:
        """Have the next connect of this connection be in these rooms, too."""
        if rooms:
            sid, others = self._arriving.get(eio_sid, (None, {}))
            new = [room for room in rooms if room not in others]
            self._arriving[eio_sid] = sid, {**others, **dict.fromkeys(new, self.history.position)}

    # What python-socketio's table does, with the second table beside it

    async def pre_connect(self, eio_sid: str, namespace: str) -> str:
        sid, rooms = self._arriving.pop(eio_sid, (None, {}))
        sid = sid or f"{SESSION_PREFIX}{self.server.eio.generate_id()}"
        self.basic_enter_room(sid, namespace, None, eio_sid=eio_sid)
        self.pending_connect.setdefault(namespace, []).append(sid)
        for room in (sid, *rooms):
            self.basic_enter_room(sid, namespace, room, eio_sid=eio_sid)
        if rooms:
            self._joined[namespace][sid].update(rooms)
        return sid

    def is_sid_room(self, namespace: str, room: Any) -> bool:
        """Say whether a room is a session's own, which no other may be in, wherever that session is."""
        return is_session_id(room)

    def basic_enter_room(
        self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None
    ) -> None:
        super().basic_enter_room(sid, namespace, room, eio_sid=eio_sid)
        if room is not None and room != sid:
            joined = self._joined.setdefault(namespace, {}).setdefault(sid, {})
            if room not in joined:
                joined[room] = self.history.position
                self._tell(sid, namespace, room, entered=True)

    def basic_leave_room(self, sid: str, namespace: str, room: str | None) -> None:
        super().basic_leave_room(sid, namespace, room)
        if room is not None and self._joined.get(namespace, {}).get(sid, {}).pop(room, None) is not None:
            self._tell(sid, namespace, room, entered=False)

    def _tell(self, sid: str, namespace: str, room: str, *, entered: bool) -> None:
        if self.watcher is not None:
            self.watcher.changed(sid, namespace, room, entered=entered)

    def get_rooms(self, sid: str, namespace: str) -> list[str]:
        """Return a session's rooms, its own first."""
        if sid not in self.rooms.get(namespace, {}).get(None, {}):
            return []
        return [sid, *self.joined(sid, namespace)]

    def joined(self, sid: str, namespace: str) -> Mapping[str, str]:
        """Return the rooms that a session has joined, each with the offset at which it did."""
        return self._joined.get(namespace, {}).get(sid, NO_ROOMS)

    def basic_disconnect(self, sid: str, namespace: str, **kwargs: Any) -> None:
        if self.watcher is not None:
            self.watcher.dropped(sid, namespace)
        eio_sid = self.rooms.get(namespace, {}).get(None, {}).get(sid, "")
        if self.on_left is not None:
            self.on_left((eio_sid, namespace))
        self._without_offsets.get(namespace, set()).discard(eio_sid)
        for room in (*self.joined(sid, namespace), sid, None):
            super().basic_leave_room(sid, namespace, room)
        self._joined.get(namespace, {}).pop(sid, None)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            if sid in pending.get(namespace, ()):
                pending[namespace].remove(sid)
                if not pending[namespace]:
                    del pending[namespace]

    async def trigger_callback(self, sid: str, id: int, data: list[Any]) -> None:
        """Run an emit's callback. What nobody asked for is no line: whoever likes could fill the log."""
        if id in self.callbacks.get(sid, ()):
            await super().trigger_callback(sid, id, data)

    # What reaches them

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

        Whoever can recover is told the replica's position: a client takes any text that comes last for an
        offset, and all up to this one it has been given. Raises `BadRecord` for what some client could not
        take.
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
        for sessions, last in ((audience.recoverable, self.history.position), (audience.plain, None)):
            if sessions:
                sent = record_frames(record, last, self.history.max_event_bytes)
                self.server.eio.outbox.put(sent, sessions)


def _names(value: Any) -> Sequence[str]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else [name for name in value if name is not None]
