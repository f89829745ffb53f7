"""What browsers and the gateway say to each other, as values: names, limits, acknowledgements. Pure."""

from typing import Any

RESERVED_EVENTS = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
"""Names of a Socket.IO client's own events. A packet that carries one would run our handlers on forged words.
https://socket.io/docs/v4/emit-cheatsheet/#reserved-events"""

MAX_NAME_LENGTH = 256

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
    """Say whether a decoded EVENT payload is one: a list that begins with a name that is not reserved."""
    return (
        isinstance(data, list)
        and bool(data)
        and isinstance(data[0], str)
        and 0 < len(data[0]) <= MAX_NAME_LENGTH
        and data[0] not in RESERVED_EVENTS
    )


def room_names(argument: Any) -> list[str]:
    """Return the rooms that a browser asks for: one name or a list of them. Raises `Refusal`."""
    names = [argument] if isinstance(argument, str) else argument
    if not isinstance(names, list) or not names:
        raise Refusal("bad_room", "expected the name of a room or a list of names")
    for name in names:
        if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME_LENGTH or "," in name:
            raise Refusal(
                "bad_room",
                f"expected names of 1 to {MAX_NAME_LENGTH} characters without commas, got {str(name)[:80]!r}",
            )
    return names
