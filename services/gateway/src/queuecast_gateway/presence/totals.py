"""Who is in the rooms that are watched here: the sum of the parts of all living replicas. Pure.

A part is what its replica has announced, and goes with it. Nothing else adds to a total, so that none can be
negative, or stay when nobody is left.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from sys import getsizeof

from queuecast_gateway.presence.own_part import INEXACT, NAMELESS, REPLICA_KEY, Part

WATCHED_BYTES, PART_BYTES, USER_BYTES = 700, 200, 110
"""What a watched room takes beside its name, each replica's part of it, and each identity in a part; measured
by `tests/unit/gateway/presence/test_totals.py`."""


class Total:
    """Who is in one room. `users` has the number of replicas on which each identity is.

    `is_known` says that all parts have been read, `is_news` that the total has changed since that was last
    set to False. `told_at` is when browsers were last told, and `newcomers` are the sessions that were not.
    """

    __slots__ = (
        "inexact",
        "is_known",
        "is_news",
        "nameless",
        "newcomers",
        "parts",
        "size",
        "told_at",
        "users",
    )

    def __init__(self, key: str) -> None:
        self.parts: dict[str, Part] = {}
        self.users: dict[str, int] = {}
        self.nameless = self.inexact = 0
        self.size = WATCHED_BYTES + getsizeof(key)
        self.is_known = self.is_news = False
        self.told_at = float("-inf")
        self.newcomers: set[str] = set()

    @property
    def count(self) -> int:
        """How many are there: identities, however many sessions each has, and sessions without one."""
        return len(self.users) + self.nameless

    @property
    def sessions(self) -> int:
        """How many sessions are there."""
        return sum(number for part in self.parts.values() for user, number in part.items() if user != INEXACT)

    def change(self, replica: str, changes: Part) -> None:
        """Take the new numbers of some identities on a replica; 0 means that it has left."""
        part = self.parts.get(replica)
        if part is None:
            part = self.parts[replica] = {}
            self.size += PART_BYTES
        for user, number in changes.items():
            before = part.get(user, 0)
            if number > 0:
                part[user] = number
            elif before:
                del part[user]
            self._count(user, before, max(0, number))
        if not part:
            del self.parts[replica]
            self.size -= PART_BYTES

    def _count(self, user: str, before: int, after: int) -> None:
        if user == NAMELESS:
            self.nameless += after - before
            self.is_news |= after != before
        elif user == INEXACT:
            self.inexact += after - before
            self.is_news |= (after > 0) != (before > 0)
        elif (after > 0) != (before > 0):
            replicas = self.users.get(user, 0) + (1 if after else -1)
            self.size += USER_BYTES if after else -USER_BYTES
            self.is_news |= replicas == 0 or (replicas == 1 and after > 0)
            if replicas:
                self.users[user] = replicas
            else:
                del self.users[user]

    def replace(self, replica: str, part: Part) -> None:
        """Take the whole part of a replica."""
        gone = self.parts.get(replica, {}).keys() - part.keys()
        self.change(replica, {**part, **dict.fromkeys(gone, 0)})


class Totals:
    """The totals of the rooms that are watched here, by their keys. `unread` are those without all parts.

    `living` are the replicas that have a lease, and `reread` those whose part has to be read anew.
    """

    def __init__(self) -> None:
        self.rooms: dict[str, Total] = {}
        self.living: set[str] = set()
        self.unread: set[str] = set()
        self.reread: set[str] = set()

    @property
    def size(self) -> int:
        """The memory that they take."""
        return sum(total.size for total in self.rooms.values())

    def watch(self, key: str) -> Total:
        """Return the total of a room, which is kept from now on."""
        total = self.rooms.get(key)
        if total is None:
            if not self.rooms:
                self.rooms[REPLICA_KEY] = Total(REPLICA_KEY)
                self.unread.add(REPLICA_KEY)
            total = self.rooms[key] = Total(key)
            self.unread.add(key)
        return total

    def forget(self, key: str) -> None:
        """Nobody here watches a room any more."""
        self.rooms.pop(key, None)
        self.unread.discard(key)
        if not self.rooms.keys() - {REPLICA_KEY}:
            self.rooms.clear()
            self.unread.clear()

    @property
    def skipped(self) -> int:
        """How many sessions are in rooms that their replicas do not announce."""
        total = self.rooms.get(REPLICA_KEY)
        return 0 if total is None else total.inexact

    def begin(self, living: Iterable[str]) -> None:
        """Read everything anew: these replicas live, and changes may have been missed."""
        self.living = set(living)
        self.reread.clear()
        self.unread = set(self.rooms)
        for total in self.rooms.values():
            for replica in total.parts.keys() - self.living:
                total.replace(replica, {})

    def change(self, replica: str, changes: Mapping[str, Part]) -> None:
        """Take what a replica has announced."""
        self.living.add(replica)
        if len(changes) < len(self.rooms):
            for key, part in changes.items():
                if (total := self.rooms.get(key)) is not None:
                    total.change(replica, part)
        else:
            for key in self.rooms.keys() & changes.keys():
                self.rooms[key].change(replica, changes[key])

    def renew(self, replica: str) -> None:
        """A replica has announced all of its part anew."""
        self.living.add(replica)
        self.reread.add(replica)

    def remove(self, replica: str) -> None:
        """A replica is gone, and its part with it."""
        self.living.discard(replica)
        self.reread.discard(replica)
        for total in self.rooms.values():
            if replica in total.parts:
                total.replace(replica, {})

    def take_unread(self) -> list[tuple[Collection[str], Sequence[str]]]:
        """Return what has to be read, as replicas and keys, and take it for read."""
        keys, replicas = list(self.unread), self.reread.intersection(self.living)
        others = [key for key in self.rooms if key not in self.unread] if replicas else []
        wanted: list[tuple[Collection[str], Sequence[str]]] = []
        if keys:
            wanted.append((list(self.living), keys))
        if others:
            wanted.append((list(replicas), others))
        self.unread, self.reread = set(), set()
        return wanted

    def read(self, replica: str, key: str, part: Part) -> None:
        """Take the part of a room that was read."""
        if replica in self.living and (total := self.rooms.get(key)) is not None:
            total.replace(replica, part)

    def know(self, keys: Iterable[str]) -> None:
        """All parts of these rooms have been read."""
        for key in keys:
            if (total := self.rooms.get(key)) is not None and not total.is_known:
                total.is_known = total.is_news = True
