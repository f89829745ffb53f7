"""Limits within which every stock Socket.IO client can read an event, and the JSON of its arguments. Pure.

A client that cannot read an event drops its connection, and recovery would send it the same event again. So a
record is checked where it is made, and again where it is read. Each limit is that of the strictest client;
`docs/security.md` names them, with their sources.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from queuecast_bus.errors import BadRecord

MAX_ATTACHMENTS = 10
"""Binary attachments of one event: the JavaScript client's limit (socket.io-parser, `maxAttachments`)."""

MAX_NESTING = 64
"""Deepest nesting of lists and objects, the list of arguments included. .NET's parser has this limit, Rust's
128; Python 3.11's fails below 1,000, and JavaScript's attachments fail at some thousands."""

MAX_DIGITS = 100
"""Characters of an integer, its sign included: python-engineio's JSON refuses longer ones."""

MAX_CLIENT_BYTES = 4_000_000
"""Largest event that every client accepts: python-socketio's asyncio client has 4 MiB for a WebSocket message
(aiohttp, `max_msg_size`), the others more or no limit."""

PLACEHOLDER = "_placeholder"
"""Stands for an attachment: https://socket.io/docs/v4/socket-io-protocol/#packet-encoding."""


def _no_constant(name: str) -> Any:
    raise BadRecord(f"{name} is not JSON", "json")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise BadRecord(f"the number {text[:40]} is too large", "number")
    return number


def _short(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise BadRecord(f"an integer of {len(text)} characters, at most {MAX_DIGITS} can be read", "number")
    return int(text)


_decoder = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)
_integer_checking_decoder = json.JSONDecoder(
    parse_constant=_no_constant, parse_float=_finite, parse_int=_short
)
"""The same, but slower by a call for each integer; used if there may be a long one."""


def read_json(text: str) -> Any:
    """Return the value of a JSON text. Raises `BadRecord` if some client could not read it; nesting is not
    checked.
    """
    try:
        return (_integer_checking_decoder if _has_many_digits(text) else _decoder).decode(text)
    except json.JSONDecodeError as exc:
        raise BadRecord(f"not JSON: {exc}", "json") from exc
    except RecursionError as exc:
        raise BadRecord("nested too deeply", "nesting") from exc


def _has_many_digits(text: str) -> bool:
    """Return whether an integer may be too long: then every tenth character has ten digits in a row."""
    return len(text) > MAX_DIGITS and _TEN_DIGITS.search(text[:: MAX_DIGITS // 10]) is not None


_TEN_DIGITS = re.compile("[0-9]{10}")


def check_nesting(value: Any, text: str, limit: int = MAX_NESTING) -> None:
    """Raise `BadRecord` if the lists and objects in a JSON text's value are nested deeper than the limit."""
    # A short text cannot be that deep, and most texts have too few brackets.
    if len(text) > 2 * limit and text.count("[") + text.count("{") > limit and _is_deeper(value, limit):
        raise BadRecord(f"nested deeper than {limit}", "nesting")


def read_arguments(text: bytes, attachments: int) -> list[Any]:
    """Return the arguments of an event with this number of attachments. Raises `BadRecord`."""
    try:
        decoded = text.decode()
    except UnicodeDecodeError as exc:
        raise BadRecord("not UTF-8", "json") from exc
    arguments = read_json(decoded)
    if not isinstance(arguments, list):
        raise BadRecord("the arguments are not a list", "json")
    check_nesting(arguments, decoded)
    if attachments:
        check_attachments(arguments, attachments)
    return arguments


def check_attachments(data: Any, count: int) -> None:
    """Raise `BadRecord` unless the data has one placeholder for each attachment, in their order.

    A client replaces every placeholder. Some clients accept other values than `true` as its mark, so in an
    event with attachments nothing else may look like a placeholder.
    """
    if count > MAX_ATTACHMENTS:
        raise BadRecord(f"{count} attachments, at most {MAX_ATTACHMENTS} can be read", "attachments")
    expected = 0
    for placeholder in _placeholders(data):
        number = placeholder.get("num")
        if placeholder[PLACEHOLDER] is not True or type(number) is not int or number != expected:
            raise BadRecord("expected each attachment once, in their order", "attachments")
        expected += 1
    if expected != count:
        raise BadRecord(f"{expected} of {count} attachments have a placeholder", "attachments")


def _placeholders(data: Any) -> Iterator[dict[str, Any]]:
    """Yield what some client takes for a placeholder, in the order of the text. Nesting is bounded."""
    if isinstance(data, dict):
        if data.get(PLACEHOLDER):
            yield data
        else:
            for item in data.values():
                yield from _placeholders(item)
    elif isinstance(data, list):
        for item in data:
            yield from _placeholders(item)


def _is_deeper(value: Any, limit: int) -> bool:
    """Return whether lists and dictionaries are nested deeper than the limit: 25 µs for 120 of them."""
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(limit):
        level = [
            item
            for each in level
            for item in (each.values() if type(each) is dict else each)
            if type(item) in _CONTAINERS
        ]
        if not level:
            return False
    return True


_CONTAINERS = frozenset({dict, list})
