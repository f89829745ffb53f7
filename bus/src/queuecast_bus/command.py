"""Commands to sessions: disconnect, or join or leave rooms. As values and as records. Pure.

A command travels as a record, so that it is stored before its message is deleted, and reaches every replica
in order with the events. A session that is away receives it when it reconnects. The whole command is in the
address, so that readers need nothing else to find the sessions it concerns.
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
    """How sessions are selected."""

    USER = "user"
    """All sessions whose token has this subject."""
    ROOM = "room"
    """All sessions in this room. A session's id is a room that only this session is in."""


class Command(NamedTuple):
    """One command to sessions of one namespace. `rooms` are those to join or leave."""

    verb: Verb
    namespace: str
    target: Target
    name: str
    rooms: tuple[str, ...] = ()

    def record(self, sent_ms: int | None = None, *, redelivered: bool = False) -> Record:
        """Return the record that carries it."""
        words = (self.verb.value, self.namespace, self.target.value, self.name, *self.rooms)
        return Record("command", b"[]", COMMAND_NAMESPACE, words, sent_ms=sent_ms, redelivered=redelivered)

    def concerns(self, namespace: str, subject: str, rooms: Collection[str]) -> bool:
        """Return whether it is for a session with this namespace, subject ("" is nobody's) and rooms."""
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
