"""What browsers and the gateway say to each other, as values: events, rooms, acknowledgements. Pure."""

from typing import Any

from queuecast_bus.names import BadName, check_event, check_room

Ack = dict[str, Any]
"""The answer to a browser's event: `{ok: true, …}` or `{ok: false, error: {code, message}}`."""


def accepted(**details: Any) -> Ack:
    return {"ok": True, **details}


def refused(code: str, message: str) -> Ack:
    return {"ok": False, "error": {"code": code, "message": message}}


class Refusal(Exception):
    """A browser's event is refused; `code` is one of a closed set."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def ack(self) -> Ack:
        return refused(self.code, str(self))


def is_event(data: Any) -> bool:
    """Say whether a decoded EVENT payload is one: a list that begins with a name that can be used."""
    if not isinstance(data, list) or not data or not isinstance(data[0], str):
        return False
    try:
        check_event(data[0])
    except BadName:
        return False
    return True


def room_names(argument: Any) -> list[str]:
    """Return the rooms that a browser asks for: one name or a list of them. Raises `Refusal`."""
    names = [argument] if isinstance(argument, str) else argument
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise Refusal("bad_room", "expected the name of a room or a list of names")
    try:
        return [check_room(name) for name in names]
    except BadName as exc:
        raise Refusal("bad_room", str(exc)) from exc
