"""The API between browsers and the gateway, as values: events, rooms and acknowledgements. Pure."""

from typing import Any, Literal, get_args

from queuecast_bus.names import BadName, check_event, check_joinable
from queuecast_gateway.reasons import CloseReason

BOARD_NAMESPACE = "/board"
"""The namespace of the live board, which comes on top of those in the settings."""

HANDLED_EVENTS = frozenset({"refresh", "subscribe", "token_expiring", "unsubscribe"})
"""Events between a browser and its gateway, which are never relayed."""

OFFSET_EVENT = "queuecast:offset"
"""The event that tells a client an offset and nothing else. No page needs a handler for it."""

EVENT = 2
"""The type of a packet that is an event, as in `socketio.packet`.
https://socket.io/docs/v4/socket-io-protocol/#exchange-protocol
"""

Ack = dict[str, Any]
"""The answer to a browser's event: `{ok: true, …}` or `{ok: false, error: {code, message}}`."""


AckCode = Literal[
    "bad_options",
    "bad_payload",
    "bad_room",
    "bus_unavailable",
    "forbidden",
    "rate_limited",
    "too_many_rooms",
    "unauthorized",
    "unknown_event",
]
ACK_CODES: tuple[AckCode, ...] = get_args(AckCode)


def namespace_prefix(namespace: str | None) -> str:
    """Return the prefix of a namespace in a packet's text; the default one has none."""
    return "" if namespace in (None, "/") else f"{namespace},"


def accepted(**details: Any) -> Ack:
    return {"ok": True, **details}


def refused(code: AckCode, message: str) -> Ack:
    return {"ok": False, "error": {"code": code, "message": message}}


class Refusal(Exception):
    """A browser's event is refused."""

    def __init__(self, code: AckCode, message: str) -> None:
        super().__init__(message)
        self.code: AckCode = code

    def ack(self) -> Ack:
        return refused(self.code, str(self))


CATCH_ALL = "*"
"""python-socketio's name for the handler of all other events; an event of that name would call it."""


def invalid_event_reason(data: Any) -> CloseReason | None:
    """Return what is wrong with a decoded EVENT payload: a list that starts with an event's name."""
    if not isinstance(data, list) or not data or not isinstance(data[0], str):
        return "payload"
    try:
        check_event(data[0])
    except BadName:
        return "event_name"
    return "event_name" if data[0] == CATCH_ALL else None


def room_names(argument: Any, most: int) -> list[str]:
    """Return the rooms that a browser asks for: one name or a list of up to `most`. Raises `Refusal`."""
    names = [argument] if isinstance(argument, str) else argument
    if isinstance(names, list) and len(names) > most:
        # Before a name is looked at: one message has room for thousands.
        raise Refusal("too_many_rooms", f"a session may be in {most} rooms at most")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise Refusal("bad_room", "expected the name of a room or a list of names")
    try:
        return [check_joinable(name) for name in names]
    except BadName as exc:
        raise Refusal("bad_room", str(exc)) from exc
