"""The names that an event, a namespace and a room can have, on the queue's side as on the browser's. Pure."""

import re
from functools import lru_cache
from typing import Any

RESERVED_EVENTS = frozenset(
    {
        *("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"),
        "__disconnect_final",
    }
)
"""Events of a Socket.IO client's own, the last one of python-socketio's. A JavaScript client closes its
connection at a packet that carries one; others would run handlers on forged words.
https://socket.io/docs/v4/emit-cheatsheet/#reserved-events"""

GATEWAY_EVENTS = frozenset({"token_expiring"})
"""Events that only a gateway sends: an application's event of such a name would be taken for its word."""

GATEWAY_PREFIX = "queuecast:"
"""What other events of a gateway's own begin with."""

PROBE_NAMESPACE = "queuecast:probe"
"""Where gateways send themselves records. No browser can be in it: namespaces begin with a slash."""

CANARY_NAMESPACE = "queuecast:canary"
"""Where a poller's own messages come out, for every gateway."""

COMMAND_NAMESPACE = "queuecast:command"
"""Where commands to sessions come out, for every gateway; see `command`."""

MAX_ROOMS = 100
"""Most rooms that one message can address."""

MAX_BYTES = 256
"""Longest name, in bytes of UTF-8: what it takes on the wire, in Redis and in memory."""

SUBJECT_ROOM = "user:"
"""What the room of a token's subject begins with. It may be longer than others by this, so that every subject
that a token may have has one."""

ROOM_SEPARATOR = ","
"""Separates rooms in a message's attribute, so no room's name can have it."""

JSON_OPENINGS = ("[", "{", '"')
"""What JSON begins with, and no room's name: `["a"]` is a list that somebody failed to read, not a room."""

SESSION_PREFIX = "sid:"
"""What the ids of sessions begin with: each is an address of its own, of its session alone."""

_SESSION_ID = re.compile(rf"{SESSION_PREFIX}[\w-]{{20}}", re.ASCII)


class BadName(ValueError):
    """A name that cannot be used; the text says which and what would be right."""


def check_event(name: str) -> str:
    """Return `name` if browsers can receive and send events of that name. Raises `BadName`."""
    if not 0 < _size("event", name) <= MAX_BYTES:
        raise BadName(f"event {name[:80]!r}: expected 1 to {MAX_BYTES} bytes of UTF-8")
    if name in RESERVED_EVENTS:
        raise BadName(f"event {name!r} is reserved by Socket.IO")
    return name


@lru_cache(maxsize=1024)
def check_published_event(name: str) -> str:
    """Return `name` if an application may publish events of that name. Raises `BadName`."""
    if name in GATEWAY_EVENTS or name.startswith(GATEWAY_PREFIX):
        raise BadName(f"event {name[:80]!r} is the gateway's own")
    return check_event(name)


def check_namespace(name: str) -> str:
    """Return `name` if browsers can be in a namespace of that name. Raises `BadName`.

    A comma ends a namespace in a Socket.IO packet, a question mark begins a query.
    """
    if not name.startswith("/") or _size("namespace", name) > MAX_BYTES or "," in name or "?" in name:
        raise BadName(
            f"namespace {name[:80]!r}: expected a slash and a name without comma or '?', "
            f"at most {MAX_BYTES} bytes of UTF-8"
        )
    return name


def check_room(name: str) -> str:
    """Return `name` if it can be a room's. Raises `BadName`."""
    most = MAX_BYTES + (len(SUBJECT_ROOM) if name.startswith(SUBJECT_ROOM) else 0)
    if not name.strip() or _size("room", name) > most or ROOM_SEPARATOR in name:
        raise BadName(f"room {name[:80]!r}: expected 1 to {most} bytes of UTF-8 without comma")
    if name.lstrip().startswith(JSON_OPENINGS):
        raise BadName(f"room {name[:80]!r} looks like JSON, and no room's name may")
    return name


def check_joinable(name: str) -> str:
    """Return `name` if a session can join the room of that name. Raises `BadName`."""
    if is_session_id(name):
        raise BadName(f"room {name!r}: the id of a session is not a room that can be joined")
    return check_room(name)


def is_session_id(name: Any) -> bool:
    """Say whether this is a session's id, by its form: any replica can tell, wherever the session is."""
    return isinstance(name, str) and _SESSION_ID.fullmatch(name) is not None


def _size(what: str, name: str) -> int:
    """Return the bytes of a name; of one that is much too long, so many that it is refused."""
    try:
        return len(name[: MAX_BYTES + len(SUBJECT_ROOM) + 1].encode())
    except UnicodeEncodeError:
        raise BadName(f"{what} {name[:80]!r}: half a surrogate pair is no character") from None
