"""Where a message goes: event, namespace and rooms, from its attributes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

ATTRIBUTES = ("event", "rooms", "namespace")
"""The message attributes that address a message."""

RESERVED_EVENTS = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
"""Event names that mean something else to a Socket.IO client.
https://socket.io/docs/v4/emit-cheatsheet/#reserved-events"""

MAX_NAME_LENGTH = 256
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
    event = attributes.get("event", default_event)
    namespace = attributes.get("namespace", "/")
    check_event(event)
    if not namespace.startswith("/") or len(namespace) > MAX_NAME_LENGTH or any(c in namespace for c in ",?"):
        raise BadAddress(f"namespace {namespace[:80]!r}: expected a slash and a name without comma or '?'")
    return Address(event, namespace, _rooms(attributes["rooms"]) if "rooms" in attributes else ())


def check_event(event: str) -> None:
    """Raise `BadAddress` if browsers could not receive an event of that name."""
    if not event or len(event) > MAX_NAME_LENGTH:
        raise BadAddress(f"event {event[:80]!r}: expected 1 to {MAX_NAME_LENGTH} characters")
    if event in RESERVED_EVENTS:
        raise BadAddress(f"event {event!r} is reserved by Socket.IO")


def _rooms(text: str) -> tuple[str, ...]:
    rooms = tuple(dict.fromkeys(room.strip() for room in text.split(",")))
    # A list that came out empty must not turn into a broadcast to everyone.
    if not all(rooms) or len(rooms) > MAX_ROOMS or any(len(room) > MAX_NAME_LENGTH for room in rooms):
        raise BadAddress(
            f"rooms {text[:80]!r}: expected up to {MAX_ROOMS} names of 1 to {MAX_NAME_LENGTH} "
            "characters, separated by commas"
        )
    return rooms
