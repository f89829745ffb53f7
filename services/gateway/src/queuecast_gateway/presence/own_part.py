"""What this replica adds to who is there: for each room its sessions, by identity. Pure.

A room's part maps each identity to its number of sessions here. It only ever counts sessions that it has
noted, so no number can be wrong for longer than they are there, nor below 0.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from sys import getsizeof
from typing import Literal

Limit = Literal["rooms", "users"]
"""What there were too many of: rooms of this replica, or identities in one of them."""

NAMELESS = ""
"""Stands for all sessions without an identity, and for those beyond the limit of identities."""

INEXACT = ","
"""Its number is the sessions beyond a limit: in a room's part those that are counted without their identity,
of a replica those that are not counted. No identity has a comma."""

REPLICA_KEY = ","
"""The key of what is not about a room: see `INEXACT`."""

Part = dict[str, int]
"""The number of sessions by identity."""

ROOM_BYTES, MEMBER_BYTES = 420, 110
"""What a room takes beside its name, and each of its sessions; measured by
`tests/unit/gateway/presence/test_own_part.py`."""


def key_of(namespace: str, room: str) -> str:
    """Return the key of a room. A comma ends a namespace, and no room has one."""
    return f"{namespace},{room}"


def split_key(key: str) -> tuple[str, str]:
    """Return the namespace and the room of a key."""
    namespace, _, room = key.partition(",")
    return namespace, room


class OwnRoom:
    """The sessions of a room on this replica, each with the identity that it is counted by."""

    __slots__ = ("numbers", "sessions")

    def __init__(self) -> None:
        self.sessions: dict[str, str] = {}
        self.numbers: Part = {}


class OwnPart:
    """The rooms of this replica, up to `max_rooms`, each with up to `max_users` identities.

    `changes` are the identities whose number has changed in each room since it was announced. `skipped` are
    the sessions in rooms beyond the limit. `on_limit` is called for each session with the limit reached.
    """

    def __init__(self, max_rooms: int, max_users: int, on_limit: Callable[[Limit], object]) -> None:
        self.rooms: dict[str, OwnRoom] = {}
        self.changes: dict[str, set[str]] = {}
        self.skipped = self.size = 0
        self._max_rooms = max_rooms
        self._max_users = max_users
        self._on_limit = on_limit

    def enter(self, key: str, sid: str, user: str, others: Callable[[], Iterable[tuple[str, str]]]) -> None:
        """Note that a session has entered a room.

        `others` yields the sessions that are there, each with its identity: some may have come while there
        were too many rooms.
        """
        room = self.rooms.get(key)
        if room is None:
            if len(self.rooms) >= self._max_rooms:
                self._skip(1)
                self._on_limit("rooms")
                return
            room = self.rooms[key] = OwnRoom()
            self.size += ROOM_BYTES + getsizeof(key)
            if self.skipped:
                for other, its_user in others():
                    if other != sid:
                        self._skip(-1)
                        self._add(key, room, other, its_user)
        self._add(key, room, sid, user)

    def _add(self, key: str, room: OwnRoom, sid: str, user: str) -> None:
        if sid in room.sessions:
            return
        numbers, changes = room.numbers, self.changes.setdefault(key, set())
        if user and user not in numbers and len(numbers) >= self._max_users:
            user = NAMELESS
            self._on_limit("users")
            numbers[INEXACT] = numbers.get(INEXACT, 0) + 1
            changes.add(INEXACT)
        room.sessions[sid] = user
        numbers[user] = numbers.get(user, 0) + 1
        changes.add(user)
        self.size += MEMBER_BYTES

    def leave(self, key: str, sid: str) -> None:
        """Note that a session has left a room."""
        room = self.rooms.get(key)
        user = None if room is None else room.sessions.pop(sid, None)
        if room is None or user is None:
            self._skip(-1)
            return
        self.size -= MEMBER_BYTES
        numbers, changes = room.numbers, self.changes.setdefault(key, set())
        self._less(numbers, changes, user)
        if user == NAMELESS and INEXACT in numbers:
            # Which of them had an identity is not kept: it is exact again once none is left beyond the limit.
            numbers[INEXACT] = min(numbers[INEXACT], numbers.get(NAMELESS, 0))
            if not numbers[INEXACT]:
                del numbers[INEXACT]
            changes.add(INEXACT)
        if not room.sessions:
            del self.rooms[key]
            self.size -= ROOM_BYTES + getsizeof(key)

    @staticmethod
    def _less(numbers: Part, changes: set[str], user: str) -> None:
        changes.add(user)
        if numbers[user] > 1:
            numbers[user] -= 1
        else:
            del numbers[user]

    def _skip(self, sessions: int) -> None:
        after = max(0, self.skipped + sessions)
        if after != self.skipped:
            self.skipped = after
            self.changes.setdefault(REPLICA_KEY, set()).add(INEXACT)

    def part(self, key: str) -> Part:
        """Return the part of a room, or of the replica; it is empty for a room in which nobody is."""
        if key == REPLICA_KEY:
            return {INEXACT: self.skipped} if self.skipped else {}
        room = self.rooms.get(key)
        return {} if room is None else room.numbers

    def keys(self) -> Iterator[str]:
        """Yield the keys of all parts."""
        yield from list(self.rooms)
        yield REPLICA_KEY

    def take_changes(self, most: int) -> Mapping[str, Part]:
        """Return the new numbers of up to `most` rooms, 0 for identities that have left, and forget them."""
        taken = list(islice(self.changes, most))
        return {key: self._changed(key, self.changes.pop(key)) for key in taken}

    def _changed(self, key: str, users: set[str]) -> Part:
        numbers = self.part(key)
        return {user: numbers.get(user, 0) for user in users}
