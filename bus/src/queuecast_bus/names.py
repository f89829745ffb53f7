"""The names that an event, a namespace and a room can have, on the queue's side as on the browser's. Pure."""

RESERVED_EVENTS = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
"""Events of a Socket.IO client's own. A packet that carries one would run handlers on forged words.
https://socket.io/docs/v4/emit-cheatsheet/#reserved-events"""

PROBE_NAMESPACE = "queuecast:probe"
"""Where gateways send themselves records. No browser can be in it: namespaces begin with a slash."""

CANARY_NAMESPACE = "queuecast:canary"
"""Where a poller's own messages come out, for every gateway."""

MAX_LENGTH = 256
"""Longest name, in characters."""

ROOM_SEPARATOR = ","
"""Separates rooms in a message's attribute, so no room's name can have it."""


class BadName(ValueError):
    """A name that cannot be used; the text says which and what would be right."""


def check_event(name: str) -> str:
    """Return `name` if browsers can receive and send events of that name. Raises `BadName`."""
    if not 0 < len(name) <= MAX_LENGTH:
        raise BadName(f"event {name[:80]!r}: expected 1 to {MAX_LENGTH} characters")
    if name in RESERVED_EVENTS:
        raise BadName(f"event {name!r} is reserved by Socket.IO")
    return _check_text("event", name)


def check_namespace(name: str) -> str:
    """Return `name` if browsers can be in a namespace of that name. Raises `BadName`.

    A comma ends a namespace in a Socket.IO packet, a question mark begins a query.
    """
    if not name.startswith("/") or len(name) > MAX_LENGTH or "," in name or "?" in name:
        raise BadName(f"namespace {name[:80]!r}: expected a slash and a name without comma or '?'")
    return _check_text("namespace", name)


def check_room(name: str) -> str:
    """Return `name` if it can be a room's. Raises `BadName`."""
    if not name.strip() or len(name) > MAX_LENGTH or ROOM_SEPARATOR in name:
        raise BadName(f"room {name[:80]!r}: expected 1 to {MAX_LENGTH} characters without comma")
    return _check_text("room", name)


def _check_text(what: str, name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise BadName(f"{what} {name[:80]!r}: half a surrogate pair is no character") from None
    return name
