"""Reads what python-socketio's Redis managers publish, and our own replicas among each other. Pure.

Each message is a JSON object whose `method` says what it is. Managers before python-socketio 5.14 pickle it
instead. Whoever reads a pickle runs its writer's code, so it is recognised and never read.
https://github.com/miguelgrinberg/python-socketio/blob/main/src/socketio/async_pubsub_manager.py
"""

import base64
from typing import Any

from socketio.packet import Packet

from queuecast_bus import BadRecord
from queuecast_bus.bounds import read_json
from queuecast_gateway.wire.emission import Emission, Unsupported, names

COMMANDS: dict[str, tuple[str, ...]] = {
    "disconnect": ("namespace", "sid"),
    "enter_room": ("namespace", "sid", "room"),
    "leave_room": ("namespace", "sid", "room"),
    "close_room": ("namespace", "room"),
}
"""What each command of a manager has to name."""

MAX_GROWTH = 4
"""A message is at most so many times as long as its event: JSON's escapes make six bytes of two, and base64
four of three."""


class Pickled(Exception):
    """A message of a manager of python-socketio before 5.14."""


def read_python_message(message: bytes, max_bytes: int) -> dict[str, Any]:
    """Return a message, of which every command names what it has to.

    Raises `BadRecord`, `Pickled`, and `Unsupported` for an unknown method.
    `max_bytes` is the size of the largest event.
    """
    # Protocols 2 to 5 of pickle begin with an opcode and their number, and end with a full stop.
    if message[:1] == b"\x80" and message[1:2] in (b"\2", b"\3", b"\4", b"\5") and message[-1:] == b".":
        raise Pickled
    if len(message) > MAX_GROWTH * max_bytes:
        most = MAX_GROWTH * max_bytes
        raise BadRecord(f"a message of {len(message)} bytes, at most {most} are read", "too_large")
    try:
        read = read_json(message.decode())
    except UnicodeDecodeError as exc:
        raise BadRecord("not UTF-8", "json") from exc
    if not isinstance(read, dict) or not isinstance(read.get("method"), str):
        raise BadRecord("not an object with a method")
    method = read["method"]
    if method not in COMMANDS and method not in ("emit", "callback"):
        raise Unsupported(
            f"the method {method[:80]!r} is of no version of python-socketio that is known here"
        )
    needed = COMMANDS.get(method, ())
    if "question" in read:
        needed += "question", "host_id"
        if type(read.get("claim")) is not int:
            raise BadRecord("a question without a claim")
    for name in needed:
        if not isinstance(read.get(name), str):
            raise BadRecord(f"{method} without a {name}")
    return read


def is_of_an_emitter(message: dict[str, Any]) -> bool:
    """Say whether a message may be one of an emitter. All others are of our own replicas."""
    return message["method"] == "emit" or (message["method"] in COMMANDS and "question" not in message)


def read_emission(message: dict[str, Any]) -> Emission:
    """Return the event of an `emit`. Raises `BadRecord`."""
    data: Any
    event, data, namespace = message.get("event"), message.get("data"), message.get("namespace") or "/"
    if not isinstance(event, str):
        raise BadRecord("the event's name is not text")
    if not isinstance(namespace, str):
        raise BadRecord("the namespace is not text")
    try:
        if message.get("binary"):
            data = Packet.reconstruct_binary(data[0], [base64.b64decode(each) for each in data[1:]])
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as exc:
        raise BadRecord(f"attachments that do not fit: {type(exc).__name__}: {exc}"[:200]) from exc
    if isinstance(data, list):
        data = data[0] if len(data) == 1 else tuple(data)
    rooms, skip_sids = message.get("room"), message.get("skip_sid")
    if rooms == []:
        raise BadRecord("an empty list of rooms addresses nobody")
    return Emission(event, data, namespace, _names(rooms), (), _names(skip_sids))


def _names(value: Any) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    return names([name for name in listed if name is not None])
