"""Reads what a person sends from the live board: one event, or many of the same kind. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from queuecast_bus.names import MAX_ROOMS, BadName, check_published_event, check_room
from queuecast_gateway.wire.protocol import Refusal

MAX_COUNT = 1_000
"""Events of one request."""


class Sending(NamedTuple):
    """An event, the rooms that it is for (none: everyone), its data, and how many times it is sent."""

    event: str
    rooms: tuple[str, ...]
    data: Any
    times: int

    def data_of(self, number: int) -> Any:
        """Return the data of one of the events, counted from 1: of many, each has an id of its own."""
        if self.times > 1 and isinstance(self.data, Mapping) and "id" in self.data:
            return {**self.data, "id": f"{self.data['id']}-{number}"}
        return self.data


def read_sending(request: Any) -> Sending:
    """Return what a request asks to send: `{event, rooms, data, count}`. Raises `Refusal`."""
    if not isinstance(request, Mapping) or "data" not in request:
        raise Refusal("bad_payload", "expected {event, rooms, data, count}")
    rooms, count = request.get("rooms", []), request.get("count", 1)
    if not isinstance(rooms, list) or len(rooms) > MAX_ROOMS or not all(isinstance(r, str) for r in rooms):
        raise Refusal("bad_room", f"rooms: expected a list of at most {MAX_ROOMS} names")
    if type(count) is not int or not 1 <= count <= MAX_COUNT:
        raise Refusal("bad_payload", f"count: expected a number from 1 to {MAX_COUNT}")
    event = request.get("event")
    if not isinstance(event, str):
        raise Refusal("bad_payload", "event: expected its name")
    try:
        return Sending(check_published_event(event), tuple(map(check_room, rooms)), request["data"], count)
    except BadName as exc:
        raise Refusal("bad_payload", str(exc)) from exc
