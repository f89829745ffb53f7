"""Messages that are commands to sessions: what is to be done, and to whom. Pure.

The attribute `queuecast.command` says what. The body says to whom, `{"user": "ann"}` or `{"room": "vip"}`,
and has the `rooms` of a join or a leave. Nothing is guessed: a command that cannot be understood never
becomes an event for everyone.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

from queuecast_bus.command import Command, Verb
from queuecast_bus.command_body import BadBody, read_body
from queuecast_bus.names import BadName, check_namespace

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
        return read_body(verb, check_namespace(attributes.get("namespace", "/")), data)
    except BadName as exc:
        raise BadCommand(str(exc)) from exc
    except BadBody as exc:
        place = ": ".join(("the body", *(part for part in exc.path if isinstance(part, str))))
        raise BadCommand(f"{place}: {exc}") from exc
