"""The newest event of each key of rooms: read from Redis once for each room, then kept up to date.

Redis keeps them for longer than the stream has their records; see `queuecast_bus.latest`.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

from queuecast_bus import BadRecord
from queuecast_bus.connection import redis_call
from queuecast_bus.latest import read_kept
from queuecast_bus.record import offset_key, offset_ms
from queuecast_gateway.delivery.gateway_bus import GatewayBus
from queuecast_gateway.delivery.room_index import RoomIndex
from queuecast_gateway.recovery.past_texts import EVENT_BYTES
from queuecast_gateway.recovery.replay_reader import catch_up
from queuecast_gateway.recovery.shared_read import SharedRead
from queuecast_gateway.wire.past import PastEvent, PastRun, joined, newest_that_fit, past_event

MOST_NEW = 200
"""How many events a room may have had since it was read, before it is read anew."""

READ_ROOMS = 20
"""How many rooms are read in turn for those who wait."""

Room = tuple[str, str]
"""A namespace and the name of a room."""


class LatestBounds(NamedTuple):
    """How old events may be, how many of a room are given, of how many bytes, and the memory for all."""

    max_seconds: float
    max_events: int
    max_bytes: int
    held_bytes: int


class LatestRoom:
    """The newest event of each key of a room, up to `offset`; the oldest first. `is_cut` says that some are
    left out.
    """

    __slots__ = ("events", "is_cut", "offset", "run", "size")

    def __init__(self, offset: str, events: dict[str, tuple[str, PastEvent]], *, is_cut: bool) -> None:
        self.offset = offset
        self.events = events
        self.is_cut = is_cut
        self.size = sum(EVENT_BYTES + event.size for _, event in events.values())
        self.run: PastRun | None = None

    def put(self, key: str, offset: str, event: PastEvent) -> None:
        """Take a newer event of a key."""
        if (before := self.events.pop(key, None)) is not None:
            self.size -= EVENT_BYTES + before[1].size
        self.events[key] = offset, event
        self.size += EVENT_BYTES + event.size
        self.run = None

    def drop_first(self) -> None:
        """Leave out the oldest event."""
        _, event = self.events.pop(next(iter(self.events)))
        self.size -= EVENT_BYTES + event.size
        self.run = None


class LatestRooms:
    """Reads and keeps rooms; `text` returns the event at an offset if it is in memory."""

    def __init__(
        self,
        bus: GatewayBus,
        bounds: LatestBounds,
        text: Callable[[str], PastEvent | None],
        on_read: Callable[[], object],
    ) -> None:
        self.size = 0
        self._bus = bus
        self._bounds = bounds
        self._text = text
        self._on_read = on_read
        self._rooms: dict[Room, LatestRoom] = {}
        self._script: Any = bus.commands.register_script(
            files("queuecast_gateway.recovery").joinpath("latest.lua").read_text("utf-8")
        )
        self._read_rooms = SharedRead(self._read)

    async def read(self, index: RoomIndex, namespace: str, rooms: Sequence[str]) -> tuple[PastRun, bool]:
        """Return the newest events of rooms up to the history's position, and whether they are all.

        The texts of all records must be kept meanwhile. From the last look on this awaits nothing. Raises
        `BusUnavailable`.
        """
        mine: dict[Room, LatestRoom] = {}
        wanted = [(namespace, room) for room in rooms]
        while True:
            # Redis is ahead of this replica: what a session is still to be sent must be in no answer.
            for state in [self._rooms.get(room) or mine.get(room) for room in wanted]:
                if state is not None:
                    await catch_up(self._bus.history, state.offset)
            stale = [room for room in wanted if not self._is_current(index, room, mine)]
            if not stale:
                break
            gaps = index.gaps
            read = await self._read_rooms(stale)
            if gaps == index.gaps:
                mine |= read
        found = [mine[room] for room in wanted]
        return self._joined(found)

    def clear(self) -> None:
        """Forget all rooms."""
        self._rooms.clear()
        self.size = 0

    def _is_current(self, index: RoomIndex, room: Room, mine: dict[Room, LatestRoom]) -> bool:
        """Bring a room up to the history's position, if that is possible from memory."""
        state = self._rooms.get(room) or mine.get(room)
        if state is None or offset_key(state.offset) < offset_key(index.start):
            self._forget(room)
            mine.pop(room, None)
            return False
        if offset_key(state.offset) > offset_key(self._bus.history.position):
            return False  # it was read anew for others meanwhile
        before = state.size
        new = index.find(*room, MOST_NEW + 1, state.offset)
        events = [self._text(offset) for offset in new]
        if len(new) > MOST_NEW or None in events:
            self._forget(room)
            mine.pop(room, None)
            return False
        for offset, event in zip(new, events, strict=True):
            if event is not None and event.key is not None:
                state.put(event.key, offset, event)
        state.offset = self._bus.history.position
        self._trim(state)
        if room in self._rooms:
            self.size += state.size - before
        mine[room] = state
        return True

    def _trim(self, state: LatestRoom) -> None:
        oldest_ms = (self._bus.clock.now() - self._bounds.max_seconds) * 1000
        while state.events and offset_ms(next(iter(state.events.values()))[0]) < oldest_ms:
            state.drop_first()
        while len(state.events) > self._bounds.max_events:
            state.drop_first()
            state.is_cut = True

    def _joined(self, found: Sequence[LatestRoom]) -> tuple[PastRun, bool]:
        if len(found) == 1 and found[0].run is not None:
            return found[0].run, not found[0].is_cut
        # A record may be for several of the rooms.
        events = dict(pair for state in found for pair in state.events.values())
        in_order = [events[offset] for offset in sorted(events, key=offset_key)]
        allowed = [event for event in in_order if event.text][-self._bounds.max_events :]
        given = newest_that_fit(allowed, self._bounds.max_bytes)
        run, is_complete = joined(given), len(given) == len(in_order)
        if len(found) == 1 and is_complete:
            found[0].run = run
        return run, is_complete and not any(state.is_cut for state in found)

    def _forget(self, room: Room) -> None:
        if (state := self._rooms.pop(room, None)) is not None:
            self.size -= state.size

    async def _read(self, rooms: list[Room]) -> Mapping[Room, LatestRoom]:
        found: dict[Room, LatestRoom] = {}
        for room in rooms[:READ_ROOMS]:
            self._on_read()
            keys = self._bus.keys
            oldest_ms = max(0, int((self._bus.clock.now() - self._bounds.max_seconds) * 1000))
            async with redis_call("reading the newest records of a room"):
                tail, is_cut, *fields = await self._script(
                    keys=[keys.tail, keys.latest(*room)],
                    args=[self._bounds.max_events, self._bounds.max_bytes, oldest_ms],
                )
            found[room] = self._kept(room, tail.decode(), fields, is_cut=bool(is_cut))
        return found

    def _kept(self, room: Room, tail: str, fields: Sequence[bytes], *, is_cut: bool) -> LatestRoom:
        events: dict[str, tuple[str, PastEvent]] = {}
        pairs = list(zip(fields[::2], fields[1::2], strict=True))
        for key, value in reversed(pairs):
            try:
                offset, record = read_kept(key, value, *room)
                event = past_event(record, offset, self._bus.history.max_event_bytes)
            except BadRecord:
                is_cut = True
                continue
            events[key.decode()] = offset, event
        state = LatestRoom(tail, events, is_cut=is_cut)
        if state.size <= self._bounds.held_bytes // 4:
            self._forget(room)
            self._rooms[room] = state
            self.size += state.size
            while self.size > self._bounds.held_bytes:
                self._forget(next(iter(self._rooms)))
        return state
