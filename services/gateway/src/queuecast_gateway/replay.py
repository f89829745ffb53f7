"""What a session that comes back is given: the events that it has missed, all of them or none. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from queuecast_bus import Entry
from queuecast_gateway.history import History
from queuecast_gateway.session_state import State


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long somebody may be away, and how much may be missed."""

    window_seconds: float
    max_events: int
    max_bytes: int


class NotRecovered(Exception):
    """A session does not come back; `outcome` is the label of a metric."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Missed:
    """The events that one session has missed, framed. Raises `NotRecovered` when they get too many."""

    def __init__(self, state: State, after: str, bounds: Bounds) -> None:
        self.state = state
        self.after = after
        self.frames: list[bytes] = []
        self._rooms = frozenset((state.sid, *state.rooms))
        self._bounds = bounds
        self._size = 0

    def add(self, entries: Iterable[Entry], history: History) -> list[Entry]:
        """Take in those of the next records that are for this session.

        It ends before the first whose text is Redis's alone; returned are all of which that is so.
        """
        namespace, sid = self.state.namespace, self.state.sid
        elsewhere: list[Entry] = []
        for entry in entries:
            where, rooms, skip_sids = entry.address
            if where == namespace and sid not in skip_sids and not (rooms and self._rooms.isdisjoint(rooms)):
                frames = history.replayed(entry)
                if frames is None:
                    elsewhere.append(entry)
                    self.check(len(elsewhere), 0)
                elif frames and not elsewhere:
                    self.frames.append(frames)
                    self.after = entry.offset
                    self._size += len(frames)
                    self.check(0, 0)
        return elsewhere

    def check(self, more_events: int, more_bytes: int) -> None:
        """Raise `NotRecovered` if it would be too much, with so many events more."""
        if (
            len(self.frames) + more_events > self._bounds.max_events
            or self._size + more_bytes > self._bounds.max_bytes
        ):
            raise NotRecovered("too_much")
