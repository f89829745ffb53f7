"""What a session that comes back is given: the events that it has missed, all of them or none. Pure.

Commands that came meanwhile are carried out in their place among the events.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from queuecast_bus import BadRecord, Entry
from queuecast_bus.command import Verb, read_command
from queuecast_bus.names import COMMAND_NAMESPACE, is_session_id
from queuecast_bus.record import offset_key
from queuecast_gateway.access.grant import Identity
from queuecast_gateway.history import History
from queuecast_gateway.membership import rooms_after
from queuecast_gateway.session_state import State


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long somebody may be away, how much may be missed, and in how many rooms a session may be."""

    window_seconds: float
    max_events: int
    max_bytes: int
    max_rooms: int


class NotRecovered(Exception):
    """A session does not come back; `outcome` is the label of a metric."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Missed:
    """The events that one session has missed after an offset, framed: those of a room since it has joined it.

    Raises `NotRecovered` when they get too many. The state's rooms contain all commands up to the offset
    `saved`; those that the identity allows count.
    """

    def __init__(self, state: State, after: str, saved: str, identity: Identity, bounds: Bounds) -> None:
        self.state = state
        self.after = after
        self.frames: list[bytes] = []
        self._start = offset_key(after)
        self._saved = offset_key(saved)
        self._identity = identity
        self._bounds = bounds
        self._size = 0
        may_be_in = (room for room in state.rooms if identity.may_join(room) and not is_session_id(room))
        self._be_in({room: state.rooms[room] for room in may_be_in})

    def _be_in(self, rooms: Mapping[str, str]) -> None:
        self.state = self.state._replace(rooms=rooms)
        self._rooms = frozenset((self.state.sid, *rooms))
        joined = {room: offset_key(at) for room, at in rooms.items()}
        self._joined_later = {room: key for room, key in joined.items() if key > self._start}

    def add(self, entries: Iterable[Entry], history: History) -> list[Entry]:
        """Take in those of the next records that are for this session.

        It ends before the first whose text is Redis's alone; returned are all of which that is so, up to the
        next command.
        """
        namespace, sid, mine = self.state.namespace, self.state.sid, self._rooms
        elsewhere: list[Entry] = []
        for entry in entries:
            where, rooms, skip_sids = entry.address
            if where == namespace:
                # Most are for others: what is asked first costs least.
                if rooms and (mine.isdisjoint(rooms) or (self._joined_later and not self._was_in(entry))):
                    continue
                if sid in skip_sids:
                    continue
                frames = history.replayed(entry)
                if frames is None:
                    elsewhere.append(entry)
                    self.check(len(elsewhere), 0)
                elif frames and not elsewhere:
                    self.frames.append(frames)
                    self.after = entry.offset
                    self._size += len(frames)
                    self.check(0, 0)
            elif where == COMMAND_NAMESPACE and offset_key(entry.offset) > self._saved:
                if elsewhere:
                    break  # which rooms those before it are for, it must not change
                self._obey(entry)
                self.after, self._saved = entry.offset, offset_key(entry.offset)
                mine = self._rooms
        return elsewhere

    def _was_in(self, entry: Entry) -> bool:
        """Say whether an event came after the session had joined one of the rooms that it is for."""
        key = offset_key(entry.offset)
        mine = self._rooms.intersection(entry.address.rooms)
        return any(key > self._joined_later.get(room, self._start) for room in mine)

    def _obey(self, entry: Entry) -> None:
        try:
            command = read_command(entry.address)
        except BadRecord:
            return  # the replicas that were there did not follow it either
        if command.concerns(self.state.namespace, self._identity.subject, self._rooms):
            if command.verb is Verb.DISCONNECT:
                raise NotRecovered("disconnected")
            most = self._bounds.max_rooms
            self._be_in(rooms_after(command, self.state.rooms, entry.offset, self._identity, most)[0])

    def check(self, more_events: int, more_bytes: int) -> None:
        """Raise `NotRecovered` if it would be too much, with so many events more."""
        if (
            len(self.frames) + more_events > self._bounds.max_events
            or self._size + more_bytes > self._bounds.max_bytes
        ):
            raise NotRecovered("too_much")
