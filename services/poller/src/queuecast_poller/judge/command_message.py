"""Messages that are commands to sessions: what is to be done, and to whom. Pure.

The attribute `queuecast.command` says what. The body says to whom, `{"user": "ann"}` or `{"room": "vip"}`,
and has the `rooms` of a join or a leave. Nothing is guessed: a command that cannot be understood never
becomes an event for everyone.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

from queuecast_bus.command import Command, Target, Verb
from queuecast_bus.names import (
    MAX_BYTES,
    MAX_ROOMS,
    BadName,
    check_joinable,
    check_namespace,
    check_room,
)

COMMAND = "queuecast.command"
"""The attribute that makes a message a command."""

PREFIX = "queuecast."
"""Prefix of the attributes that are reserved for commands, in any case."""

VERBS = ", ".join(Verb)


class BadCommand(ValueError):
    """The message is a command that cannot be carried out; the text says why."""


def is_command(attributes: Iterable[str]) -> bool:
    """Return whether the names of a message's attributes make it a command, valid or not."""
    return any(map(_is_reserved, attributes))


@lru_cache(maxsize=1024)
def _is_reserved(name: str) -> bool:
    return name[: len(PREFIX)].casefold() == PREFIX


def read_command(attributes: Mapping[str, str], unreadable: Collection[str], data: Any) -> Command:
    """Return the command in a message's attributes and its body's data. Raises `BadCommand`."""
    for name in (*attributes, *unreadable):
        if name != COMMAND and _is_reserved(name):
            raise BadCommand(f"attribute {name!r}: did you mean {COMMAND!r}?")
    if COMMAND in unreadable:
        raise BadCommand(f"attribute {COMMAND}: expected type String")
    for name in ("event", "rooms"):
        if name in attributes or name in unreadable:
            raise BadCommand(f"attribute {name}: not allowed on a command, whose body says to whom it goes")
    try:
        verb = Verb(attributes[COMMAND])
    except ValueError as exc:
        raise BadCommand(f"{COMMAND} {attributes[COMMAND][:80]!r}: expected one of {VERBS}") from exc
    try:
        namespace = check_namespace(attributes.get("namespace", "/"))
        target, name = _target(data)
        return Command(verb, namespace, target, name, _rooms(verb, data))
    except BadName as exc:
        raise BadCommand(str(exc)) from exc


def _target(data: Any) -> tuple[Target, str]:
    if not isinstance(data, dict):
        raise BadCommand('the body: expected an object such as {"user": "ann"} or {"room": "vip"}')
    if unknown := data.keys() - {*Target, "rooms"}:
        raise BadCommand(
            f"the body: {min(unknown)[:80]!r} is not part of a command: expected user or room, rooms"
        )
    named = [target for target in Target if target in data]
    if len(named) != 1:
        raise BadCommand("the body: expected either a user or a room")
    name = data[named[0]]
    if not isinstance(name, str) or not 0 < _size(name) <= MAX_BYTES:
        raise BadCommand(f"the body: {named[0]}: expected 1 to {MAX_BYTES} bytes of UTF-8")
    return named[0], name if named[0] is Target.USER else check_room(name)


def _rooms(verb: Verb, data: Mapping[str, Any]) -> tuple[str, ...]:
    if verb is Verb.DISCONNECT:
        if "rooms" in data:
            raise BadCommand("the body: rooms: a disconnect has none")
        return ()
    rooms = data.get("rooms")
    if not isinstance(rooms, list) or not rooms or not all(isinstance(room, str) for room in rooms):
        raise BadCommand(f'the body: rooms: expected the rooms to {verb}, as in ["sku:7", "sku:8"]')
    if len(rooms) > MAX_ROOMS:
        raise BadCommand(f"the body: rooms: {len(rooms)} of them, at most {MAX_ROOMS} are allowed")
    check = check_joinable if verb is Verb.JOIN else check_room
    return tuple(dict.fromkeys(check(room) for room in rooms))


def _size(name: str) -> int:
    try:
        return len(name[: MAX_BYTES + 1].encode())
    except UnicodeEncodeError:
        return 0
