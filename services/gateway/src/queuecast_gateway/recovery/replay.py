"""What a recovered session is sent: the events that it has missed, all of them or none. Pure.

Commands that arrived meanwhile are applied in their order among the events.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from queuecast_bus import BadRecord, Entry
from queuecast_bus.command import Verb, read_command
from queuecast_bus.names import AWAITED_PREFIX, COMMAND_NAMESPACE, is_session_id
from queuecast_bus.record import offset_key
from queuecast_gateway.access.grant import Identity
from queuecast_gateway.delivery.compression import Piece
from queuecast_gateway.delivery.history import History
from queuecast_gateway.delivery.membership import rooms_after
from queuecast_gateway.recovery.session_state import State
from queuecast_gateway.wire.presence import NAMESPACE_ROOM, room_of


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a client may be away, how much it may miss, and in how many rooms a session may be."""

    window_seconds: float
    max_events: int
    max_bytes: int
    max_rooms: int


class NotRecovered(Exception):
    """A session cannot be recovered; `outcome` is the label of a metric."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Missed:
    """The events that one session has missed after an offset, as frames; a room's only since it was joined.

    Raises `NotRecovered` if there are too many. The state's rooms include all commands up to the offset
    `saved`; rooms that the identity no longer allows are left out.
    """

    def __init__(self, state: State, after: str, saved: str, identity: Identity, bounds: Bounds) -> None:
        self.state = state
        self.after = after
        self._frames: list[bytes] = []
        self._offsets: list[str] = []
        self._start = offset_key(after)
        self._saved = offset_key(saved)
        self._identity = identity
        self._bounds = bounds
        self._size = 0
        allowed = (room for room in state.rooms if _may_be_in(identity, room))
        self._set_rooms({room: state.rooms[room] for room in allowed})

    @property
    def pieces(self) -> list[Piece]:
        """The events, each with its offset.

        Many sessions may wait for the rest of theirs. Meanwhile two lists of what the history has anyway take
        a quarter of the memory.
        """
        return list(map(Piece, self._frames, self._offsets))

    def _set_rooms(self, rooms: Mapping[str, str]) -> None:
        self.state = self.state._replace(rooms=rooms)
        self._rooms = frozenset((self.state.sid, *rooms))
        joined = {room: offset_key(at) for room, at in rooms.items()}
        self._joined_later = {room: key for room, key in joined.items() if key > self._start}

    def add(self, entries: Iterable[Entry], history: History) -> list[Entry]:
        """Take the next records that are for this session, up to the first one whose text only Redis has.

        Return all records for this session whose text only Redis has, up to the next command.
        """
        namespace, sid, mine = self.state.namespace, self.state.sid, self._rooms
        awaited = AWAITED_PREFIX + namespace
        without_text: list[Entry] = []
        for entry in entries:
            where, rooms, skip_sids = entry.address
            if where in (namespace, awaited):
                # Most records are for others: the cheapest check comes first.
                if rooms and (mine.isdisjoint(rooms) or (self._joined_later and not self._was_in(entry))):
                    continue
                if sid in skip_sids:
                    continue
                frames = history.replayed(entry)
                if frames is None:
                    without_text.append(entry)
                    self.check(len(without_text), 0)
                elif frames and not without_text:
                    self._frames.append(frames)
                    self._offsets.append(entry.offset)
                    self.after = entry.offset
                    self._size += len(frames)
                    self.check(0, 0)
            elif where == COMMAND_NAMESPACE and offset_key(entry.offset) > self._saved:
                if without_text:
                    break  # it must not change whom the records before it are for
                self._apply(entry)
                self.after, self._saved = entry.offset, offset_key(entry.offset)
                mine = self._rooms
        return without_text

    def _was_in(self, entry: Entry) -> bool:
        """Say whether the session had joined one of the rooms of an event before it was published."""
        key = offset_key(entry.offset)
        mine = self._rooms.intersection(entry.address.rooms)
        return any(key > self._joined_later.get(room, self._start) for room in mine)

    def _apply(self, entry: Entry) -> None:
        try:
            command = read_command(entry.address)
        except BadRecord:
            return  # no replica applied it to connected sessions either
        if command.concerns(self.state.namespace, self._identity.subject, self._rooms):
            if command.verb is Verb.DISCONNECT:
                raise NotRecovered("disconnected")
            most = self._bounds.max_rooms
            self._set_rooms(rooms_after(command, self.state.rooms, entry.offset, self._identity, most)[0])

    def check(self, more_events: int, more_bytes: int) -> None:
        """Raise `NotRecovered` if so many more events or bytes would be too much."""
        if (
            len(self._frames) + more_events > self._bounds.max_events
            or self._size + more_bytes > self._bounds.max_bytes
        ):
            raise NotRecovered("too_much")


def _may_be_in(identity: Identity, room: str) -> bool:
    """Say whether an identity may be in a room; in a watch room if it may be in the room beside it."""
    name = room_of(room)
    return name == NAMESPACE_ROOM or (identity.may_join(name) and not is_session_id(name))
