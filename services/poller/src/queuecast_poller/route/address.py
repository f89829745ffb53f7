"""A message's address: event, namespace and rooms, from its attributes. Pure.

It never guesses: an attribute that cannot be understood is refused, because a broadcast would show the
message to everyone.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from queuecast_bus.names import (
    JSON_OPENINGS,
    MAX_ROOMS,
    ROOM_SEPARATOR,
    BadName,
    check_namespace,
    check_published_event,
    check_room,
)

ATTRIBUTES = ("event", "rooms", "namespace")
"""The message attributes that address a message."""


class BadAddress(ValueError):
    """An attribute of the message is not a valid address; the text says which and why."""


class Address(NamedTuple):
    """The recipients of an event. No room means everyone in the namespace."""

    event: str
    namespace: str = "/"
    rooms: tuple[str, ...] = ()


def address(attributes: Mapping[str, str], default: Address) -> Address:
    """Return the address in a message's attributes, completed from the default. Raises `BadAddress`."""
    if not attributes:
        return default
    event, rooms, namespace = map(attributes.get, ATTRIBUTES)
    try:
        return Address(
            default.event if event is None else check_published_event(event),
            default.namespace if namespace is None else check_namespace(namespace),
            default.rooms if rooms is None else room_list(rooms),
        )
    except BadName as exc:
        raise BadAddress(str(exc)) from exc


def check_names(
    names: Iterable[str], unreadable: Collection[str], application_attributes: Collection[str] = ()
) -> None:
    """Raise `BadAddress` if one of a message's attributes should address it and cannot.

    It may be binary, or a misspelling: a message with `Rooms` is for those rooms, not for everyone.
    `application_attributes` are similar names that the application uses for something else.
    """
    for name in unreadable:
        if name in ATTRIBUTES:
            raise BadAddress(f"attribute {name}: expected type String or Number")
    for name in (*names, *unreadable):
        correct = correct_spelling(name)
        if correct is not None and name not in application_attributes:
            raise BadAddress(f"attribute {name!r}: did you mean {correct!r}?")


@lru_cache(maxsize=1024)
def correct_spelling(name: str) -> str | None:
    """Return the addressing attribute that `name` misspells, in case or number; None if it does not."""
    if name in ATTRIBUTES:
        return None
    stem = name.casefold().removesuffix("s")
    return next((correct for correct in ATTRIBUTES if correct.removesuffix("s") == stem), None)


def room_list(text: str) -> tuple[str, ...]:
    """Return the rooms in a text: names between commas, or a JSON list of them. Raises `BadAddress`.

    SNS writes its `String.Array` as such a list. Numbers in a list are names too, as they are spelled. Short
    texts are cached, because the same rooms recur: 0.2 µs instead of 1.9.
    """
    return _cached_list(text) if len(text) <= MAX_CACHED_CHARACTERS else _room_list(text)


MAX_CACHED_CHARACTERS = 128
"""Longest list that is cached. With 4,096 of them the cache takes 8 MiB at most."""


def _room_list(text: str) -> tuple[str, ...]:
    text = text.strip()
    if text.startswith(JSON_OPENINGS):
        return check_rooms(_json_list(text))
    if text.startswith("(") and text.endswith(")"):
        raise BadAddress(f"rooms: {text[:80]!r} looks like a list; {_EXPECTED}")
    return check_rooms(text.split(ROOM_SEPARATOR))


_cached_list = lru_cache(maxsize=4096)(_room_list)


def check_rooms(names: Collection[Any]) -> tuple[str, ...]:
    """Return these names without duplicates. Raises `BadAddress`."""
    # An empty list or name is refused, not skipped: an empty result would be a broadcast to everyone.
    if not names:
        raise BadAddress("rooms: the list is empty; leave the attribute out to address everyone")
    try:
        rooms = tuple(dict.fromkeys(map(_check_room, names)))
    except BadName as exc:
        raise BadAddress(str(exc)) from exc
    if len(rooms) > MAX_ROOMS:
        raise BadAddress(f"rooms: {len(rooms)} of them, at most {MAX_ROOMS} can be addressed")
    return rooms


_EXPECTED = 'expected names between commas, or a JSON list of them: ["sku:7","sku:8"]'


def _check_room(name: Any) -> str:
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    if not isinstance(name, str):
        raise BadName(f"rooms: {str(name)[:80]} is not a name; {_EXPECTED}")
    name = name.strip()
    if not name.isprintable() and any(map(_is_control, name)):
        raise BadName(f"room {name[:80]!r} contains control characters; {_EXPECTED}")
    return check_room(name)


def _is_control(character: str) -> bool:
    return character < " " or character == "\x7f"


def _json_list(text: str) -> list[Any]:
    try:
        found = _AS_SPELLED.decode(text)
    except (ValueError, RecursionError) as exc:
        raise BadAddress(f"rooms: {text[:80]!r} looks like JSON and is not; {_EXPECTED}") from exc
    if not isinstance(found, list):
        raise BadAddress(f"rooms: {text[:80]!r} is not a list; {_EXPECTED}")
    return found


# `Infinity` becomes a float, which is refused as a name.
_AS_SPELLED = json.JSONDecoder(parse_int=str, parse_float=str)
