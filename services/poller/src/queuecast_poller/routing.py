"""Where a message goes: event, namespace and rooms, from its attributes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from queuecast_bus.names import ROOM_SEPARATOR, BadName, check_event, check_namespace, check_room

ATTRIBUTES = ("event", "rooms", "namespace")
"""The message attributes that address a message."""

CANARY = "queuecast"
"""The attribute of a message that a poller has sent itself; its value is "canary", and its body proves it."""

MAX_ROOMS = 100


class BadAddress(ValueError):
    """The message's attributes address nothing that exists; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Address:
    """The recipients of an event. No room means everyone in the namespace."""

    event: str
    namespace: str = "/"
    rooms: tuple[str, ...] = ()


def address(attributes: Mapping[str, str], default_event: str) -> Address:
    """Return the address in a message's attributes. Raises `BadAddress`."""
    try:
        return Address(
            check_event(attributes.get("event", default_event)),
            check_namespace(attributes.get("namespace", "/")),
            _rooms(attributes["rooms"]) if "rooms" in attributes else (),
        )
    except BadName as exc:
        raise BadAddress(str(exc)) from exc


def _rooms(text: str) -> tuple[str, ...]:
    # An empty name is refused, not skipped: a list that came out empty would be a broadcast to everyone.
    rooms = tuple(dict.fromkeys(check_room(room.strip()) for room in text.split(ROOM_SEPARATOR)))
    if len(rooms) > MAX_ROOMS:
        raise BadAddress(f"rooms: {len(rooms)} of them, at most {MAX_ROOMS} can be addressed")
    return rooms
