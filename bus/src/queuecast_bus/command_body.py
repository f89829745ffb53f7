"""The JSON object that says which sessions a command is for: of a message, and of the HTTP API. Pure.

`{"user": "ann"}` or `{"room": "vip"}`, and the `rooms` of a join or a leave. Nothing is guessed.
"""

from collections.abc import Mapping
from typing import Any

from queuecast_bus.command import Command, Target, Verb
from queuecast_bus.names import MAX_BYTES, MAX_ROOMS, BadName, check_joinable, check_room


class BadBody(ValueError):
    """The object is not that of a command; `path` is the place in it, the text says what was expected."""

    def __init__(self, text: str, *path: str | int) -> None:
        super().__init__(text)
        self.path = path


def read_body(verb: Verb, namespace: str, data: Any) -> Command:
    """Return the command in such an object. Raises `BadBody`."""
    if not isinstance(data, dict):
        raise BadBody('expected an object such as {"user": "ann"} or {"room": "vip"}')
    if unknown := data.keys() - {*Target, "rooms"}:
        raise BadBody(f"{min(unknown)[:80]!r} is not part of a command: expected user or room, rooms")
    named = [target for target in Target if target in data]
    if len(named) != 1:
        raise BadBody("expected either a user or a room")
    (target,) = named
    return Command(verb, namespace, target, _name(target, data[target]), _rooms(verb, data))


def _name(target: Target, name: Any) -> str:
    if not isinstance(name, str) or not 0 < _size(name) <= MAX_BYTES:
        raise BadBody(f"expected 1 to {MAX_BYTES} bytes of UTF-8", target.value)
    if target is Target.ROOM:
        try:
            check_room(name)
        except BadName as exc:
            raise BadBody(str(exc), target.value) from exc
    return name


def _rooms(verb: Verb, data: Mapping[str, Any]) -> tuple[str, ...]:
    if verb is Verb.DISCONNECT:
        if "rooms" in data:
            raise BadBody("a disconnect has none", "rooms")
        return ()
    rooms = data.get("rooms")
    if not isinstance(rooms, list) or not rooms or not all(isinstance(room, str) for room in rooms):
        raise BadBody(f'expected the rooms to {verb}, as in ["sku:7", "sku:8"]', "rooms")
    if len(rooms) > MAX_ROOMS:
        raise BadBody(f"{len(rooms)} of them, at most {MAX_ROOMS} are allowed", "rooms")
    check = check_joinable if verb is Verb.JOIN else check_room
    for index, room in enumerate(rooms):
        try:
            check(room)
        except BadName as exc:
            raise BadBody(str(exc), "rooms", index) from exc
    return tuple(dict.fromkeys(rooms))


def _size(name: str) -> int:
    try:
        return len(name[: MAX_BYTES + 1].encode())
    except UnicodeEncodeError:
        return 0
