"""What browsers and the gateway say to each other, as values: events, rooms, acknowledgements. Pure."""

from typing import Any, Literal, get_args

from queuecast_bus.names import BadName, check_event, check_joinable
from queuecast_gateway.faults import Fault

Ack = dict[str, Any]
"""The answer to a browser's event: `{ok: true, …}` or `{ok: false, error: {code, message}}`."""


AckCode = Literal[
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
"""python-socketio's name for the handler of all other events; as an event it would run it without a name."""


def event_fault(data: Any) -> Fault | None:
    """Say what is wrong with a decoded EVENT payload: a list that begins with a name that can be used."""
    if not isinstance(data, list) or not data or not isinstance(data[0], str):
        return "payload"
    try:
        check_event(data[0])
    except BadName:
        return "event_name"
    return "event_name" if data[0] == CATCH_ALL else None


def room_names(argument: Any) -> list[str]:
    """Return the rooms that a browser asks for: one name or a list of them. Raises `Refusal`."""
    names = [argument] if isinstance(argument, str) else argument
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise Refusal("bad_room", "expected the name of a room or a list of names")
    try:
        return [check_joinable(name) for name in names]
    except BadName as exc:
        raise Refusal("bad_room", str(exc)) from exc
