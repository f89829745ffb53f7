"""Valid names of events, namespaces and rooms, the same for messages and for browsers. Pure."""

import re
from functools import lru_cache
from typing import Any

RESERVED_EVENTS = frozenset(
    {
        *("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"),
        "__disconnect_final",
    }
)
"""Events that Socket.IO clients raise themselves; the last one is python-socketio's. A JavaScript client
closes its connection when a packet carries one. Other clients would run their handlers for a forged event.
https://socket.io/docs/v4/emit-cheatsheet/#reserved-events"""

GATEWAY_EVENTS = frozenset({"token_expiring"})
"""Events that only a gateway sends. Browsers would take an application's event of such a name for the
gateway's."""

GATEWAY_PREFIX = "queuecast:"
"""Prefix of other events that only a gateway sends."""

PROBE_NAMESPACE = "queuecast:probe"
"""Where gateways send records to themselves. No browser can be in it: namespaces begin with a slash."""

CANARY_NAMESPACE = "queuecast:canary"
"""Where pollers send canaries to all gateways."""

COMMAND_NAMESPACE = "queuecast:command"
"""Where commands to sessions go to all gateways; see `command`."""

VOLATILE_PREFIX = "~"
"""Before the namespace in the address of a volatile record. What looks for the records of a namespace, to
replay them or to show the past, does not find it; a gateway that knows no such records shows it to nobody."""

ROLL_CALL_NAMESPACE = "queuecast:roll-call"
"""Where pollers ask all gateways in which rooms somebody is; it has the prefix below, too."""

AWAITED_PREFIX = "?"
"""Before the namespace in the address of a record whose event has to be acknowledged; see `awaited`. Gateways
that cannot collect acknowledgements do not know such a namespace, and do not show the event to anybody."""

MAX_ROOMS = 100
"""Most rooms that one message can address."""

MAX_BYTES = 256
"""Longest name, in bytes of UTF-8: its size on the wire, in Redis and in memory."""

SUBJECT_ROOM = "user:"
"""Prefix of the room of a token's subject. Such a room may be longer by the prefix, so that every valid
subject has one."""

ROOM_SEPARATOR = ","
"""Separates rooms in a message's attribute, so no room's name can contain it."""

JSON_OPENINGS = ("[", "{", '"')
"""Characters that begin JSON, and therefore no room's name: `["a"]` is an unparsed list, not a room."""

SESSION_PREFIX = "sid:"
"""Prefix of session ids. Each is also an address, of its session alone."""

_SESSION_ID = re.compile(rf"{SESSION_PREFIX}[\w-]{{20}}", re.ASCII)


class BadName(ValueError):
    """A name is invalid; the text says which, and what was expected."""


def check_event(name: str) -> str:
    """Return `name` if browsers can receive and send events with that name. Raises `BadName`."""
    if not 0 < _size("event", name) <= MAX_BYTES:
        raise BadName(f"event {name[:80]!r}: expected 1 to {MAX_BYTES} bytes of UTF-8")
    if name in RESERVED_EVENTS:
        raise BadName(f"event {name!r} is reserved by Socket.IO")
    return name


@lru_cache(maxsize=1024)
def check_published_event(name: str) -> str:
    """Return `name` if an application may publish events with that name. Raises `BadName`."""
    if name in GATEWAY_EVENTS or name.startswith(GATEWAY_PREFIX):
        raise BadName(f"event {name[:80]!r} is reserved for the gateway")
    return check_event(name)


def check_namespace(name: str) -> str:
    """Return `name` if browsers can be in a namespace with that name. Raises `BadName`.

    In a Socket.IO packet a comma ends the namespace, and a question mark begins a query.
    """
    if not name.startswith("/") or _size("namespace", name) > MAX_BYTES or "," in name or "?" in name:
        raise BadName(
            f"namespace {name[:80]!r}: expected a slash and a name without ',' or '?', "
            f"at most {MAX_BYTES} bytes of UTF-8"
        )
    return name


def check_room(name: str) -> str:
    """Return `name` if a room can have it. Raises `BadName`."""
    most = MAX_BYTES + (len(SUBJECT_ROOM) if name.startswith(SUBJECT_ROOM) else 0)
    if not name.strip() or _size("room", name) > most or ROOM_SEPARATOR in name:
        raise BadName(f"room {name[:80]!r}: expected 1 to {most} bytes of UTF-8 without comma")
    if name.lstrip().startswith(JSON_OPENINGS):
        raise BadName(f"room {name[:80]!r} looks like JSON, which a room's name may not")
    return name


def check_joinable(name: str) -> str:
    """Return `name` if sessions can join the room with that name. Raises `BadName`."""
    if is_session_id(name):
        raise BadName(f"room {name!r}: a session's id is not a room that can be joined")
    return check_room(name)


def is_session_id(name: Any) -> bool:
    """Return whether this has the form of a session's id. Any replica can tell, wherever the session is."""
    return isinstance(name, str) and _SESSION_ID.fullmatch(name) is not None


def _size(what: str, name: str) -> int:
    """Return the size of a name in bytes. A name that is much too long is cut to a size that is refused."""
    try:
        return len(name[: MAX_BYTES + len(SUBJECT_ROOM) + 1].encode())
    except UnicodeEncodeError:
        raise BadName(f"{what} {name[:80]!r}: half a surrogate pair is not a character") from None
