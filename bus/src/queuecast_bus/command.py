"""Commands to sessions: disconnect them, have them join or leave rooms. As values, and as records. Pure.

A command travels as a record, so that it is stored before its message is deleted, comes to every replica in
its place among the events, and to a session that is away when that comes back. All of it is in the address:
readers need no more of a record to know whom it concerns.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple

from queuecast_bus.errors import BadRecord
from queuecast_bus.names import COMMAND_NAMESPACE, MAX_ROOMS
from queuecast_bus.record import Address, Record


class Verb(StrEnum):
    """What is done to a session."""

    DISCONNECT = "disconnect"
    JOIN = "join"
    LEAVE = "leave"


class Target(StrEnum):
    """How sessions are named."""

    USER = "user"
    """All sessions whose token has this subject."""
    ROOM = "room"
    """All sessions that are in this room; a session's id is a room that it alone is in."""


class Command(NamedTuple):
    """One command for the sessions of one namespace; `rooms` are those to join or leave."""

    verb: Verb
    namespace: str
    target: Target
    name: str
    rooms: tuple[str, ...] = ()

    def record(self, sent_ms: int | None = None, *, redelivered: bool = False) -> Record:
        """Return the record in which it travels."""
        words = (self.verb.value, self.namespace, self.target.value, self.name, *self.rooms)
        return Record("command", b"[]", COMMAND_NAMESPACE, words, sent_ms=sent_ms, redelivered=redelivered)

    def concerns(self, namespace: str, subject: str, rooms: Collection[str]) -> bool:
        """Say whether it is for a session in this namespace, of this subject ("" is nobody's), there."""
        if namespace != self.namespace:
            return False
        return self.name in rooms if self.target is Target.ROOM else subject == self.name


def read_command(address: Address) -> Command:
    """Return the command in a record's address. Raises `BadRecord`."""
    try:
        verb, namespace, target, name, *rooms = address.rooms
        command = Command(Verb(verb), namespace, Target(target), name, tuple(rooms))
    except ValueError as exc:
        raise BadRecord(f"not a command: {str(address.rooms)[:80]}") from exc
    if not name or len(rooms) > MAX_ROOMS or bool(rooms) == (command.verb is Verb.DISCONNECT):
        raise BadRecord(f"not a command: {str(address.rooms)[:80]}")
    return command
