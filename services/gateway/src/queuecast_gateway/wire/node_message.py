"""Reads what `@socket.io/redis-emitter` and its relatives in other languages publish. Pure.

Events are MessagePack on `KEY#NAMESPACE#`, or with one room on `KEY#NAMESPACE#ROOM#`; requests are JSON on
`KEY-request#NAMESPACE#`. The format is that of the reference server's Redis adapter:
https://socket.io/docs/v4/redis-adapter/, https://github.com/socketio/socket.io-redis-emitter
"""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import msgpack

from queuecast_bus.bounds import MAX_NESTING, read_json
from queuecast_bus.command import Verb
from queuecast_bus.errors import BadRecord
from queuecast_bus.names import MAX_ROOMS, BadName, check_joinable
from queuecast_gateway.wire.emission import Emission, Request, Unsupported, names

EVENTS = (2, 5)
"""Types of a packet that is an event. Emitters use the first one for binary events too."""

VERBS = {2: Verb.JOIN, 3: Verb.LEAVE, 4: Verb.DISCONNECT}
"""What the requests of an emitter ask for, by their type."""

OTHER_REQUESTS = {
    0: "SOCKETS",
    1: "ALL_ROOMS",
    5: "REMOTE_FETCH",
    6: "SERVER_SIDE_EMIT",
    7: "BROADCAST (an emit with acknowledgements)",
}
"""Requests that are for Node's servers alone."""

SMALLEST_CONTAINER = 3
"""Bytes that an empty list or object takes at least in the JSON that clients are sent: `[],`. In MessagePack
it takes one, and in memory 60."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_node_message(key: str, channel: bytes, message: bytes, max_bytes: int) -> Emission | Request:
    """Return what a message on one of the channels of `key` asks for.

    Raises `BadRecord`, and `Unsupported` for a request that only a Node server can answer.
    """
    if len(message) > max_bytes:
        raise BadRecord(f"a message of {len(message)} bytes, at most {max_bytes} are read", "too_large")
    try:
        name = channel.decode()
        if name.startswith(f"{key}-request#"):
            return _request(name.removeprefix(f"{key}-request#")[:-1], _value(message, max_bytes))
        return _emission(name.removeprefix(f"{key}#"), _value(message, max_bytes))
    except UnicodeDecodeError as exc:
        raise BadRecord("not UTF-8", "json") from exc


def _value(message: bytes, max_bytes: int) -> Any:
    return read_json(message.decode()) if message[:1] == b"{" else _unpack(message, max_bytes)


def _emission(address: str, value: Any) -> Emission:
    if not isinstance(value, list) or len(value) != 3:
        raise BadRecord("not a list of an id, a packet and options")
    _, packet, options = value
    if not isinstance(packet, dict) or not isinstance(options, dict):
        raise BadRecord("the packet or its options are not an object")
    namespace = packet.get("nsp", "/")
    # As Node's servers do: an emitter whose Redis user may publish on some channels alone keeps to these.
    if not isinstance(namespace, str) or not address.startswith(f"{namespace}#"):
        raise BadRecord("the packet's namespace is not the channel's")
    data = packet.get("data")
    if packet.get("type") not in EVENTS or not isinstance(data, list) or not data:
        raise BadRecord("the packet is not an event")
    if not isinstance(data[0], str):
        raise BadRecord("the event's name is not text", "event_name")
    return Emission(
        data[0],
        tuple(_plain(argument, 1) for argument in data[1:]),
        namespace,
        names(options.get("rooms")),
        names(options.get("except", [])),
    )


def _request(namespace: str, value: Any) -> Request:
    kind = value.get("type") if isinstance(value, dict) else None
    if type(kind) is not int:
        raise BadRecord("the request has no type")
    verb = VERBS.get(kind)
    if verb is None:
        raise Unsupported(OTHER_REQUESTS.get(kind, f"of type {kind}"))
    # Older emitters name one session and one room.
    options = value["opts"] if "opts" in value else {"rooms": [value.get("sid")]}
    if not isinstance(options, dict):
        raise BadRecord("the request's options are not an object")
    rooms = names(value["rooms"] if "rooms" in value else [value["room"]] if "room" in value else [])
    if bool(rooms) == (verb is Verb.DISCONNECT) or len(rooms) > MAX_ROOMS:
        raise BadRecord(f"expected 1 to {MAX_ROOMS} rooms to join or leave, and none to disconnect")
    try:
        for room in rooms:
            check_joinable(room)
    except BadName as exc:
        raise BadRecord(str(exc)) from exc
    return Request(
        verb,
        namespace,
        names(options.get("rooms")),
        names(options.get("except", [])),
        rooms,
        whole=value.get("close") is True,
    )


def _unpack(message: bytes, max_bytes: int) -> Any:
    """Return the value of a MessagePack message. Nesting is bounded by msgpack itself, at 1,024."""
    left = max_bytes // SMALLEST_CONTAINER

    def count(container: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise BadRecord("more lists and objects than fit into an event", "too_large")
        return container

    try:
        return msgpack.unpackb(message, object_hook=count, list_hook=count)
    except (msgpack.StackError, RecursionError) as exc:
        raise BadRecord("nested too deeply", "nesting") from exc
    except (ValueError, msgpack.UnpackException) as exc:
        raise BadRecord(f"not MessagePack: {type(exc).__name__}: {exc}"[:200], "json") from exc


def _plain(value: Any, depth: int) -> Any:
    """Return a value as JSON has it: what a Node server would send for it. Bytes stay bytes."""
    if isinstance(value, (dict, list)):
        if depth >= MAX_NESTING:
            raise BadRecord(f"nested deeper than {MAX_NESTING}", "nesting")
        if isinstance(value, list):
            return [_plain(item, depth + 1) for item in value]
        if not all(type(name) is str for name in value):
            raise BadRecord("a key that is not text", "json")
        return {name: _plain(item, depth + 1) for name, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, msgpack.Timestamp):
        return _date(value)
    if isinstance(value, msgpack.ExtType):
        raise BadRecord(f"MessagePack's extension {value.code} is no JSON", "json")
    return value


def _date(moment: Any) -> str:
    """Return a timestamp as JavaScript's `Date.toJSON` writes it."""
    milliseconds = moment.seconds * 1000 + moment.nanoseconds // 1_000_000
    try:
        date = _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError as exc:
        raise BadRecord("a date before the year 1 or after 9999", "json") from exc
    return date.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
