"""What every stock Socket.IO client can take of one event, and the JSON of its arguments. Pure.

A client that cannot read one event drops its connection, and recovery would hand it the same event again.
So a record is checked where it is made, and again where it is read. Each limit is that of the client which
is the strictest about it; `docs/security.md` names them, with their sources.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from queuecast_bus.errors import BadRecord

MAX_ATTACHMENTS = 10
"""Binary attachments of one event: the JavaScript client's own limit (socket.io-parser, `maxAttachments`)."""

MAX_NESTING = 64
"""How deep lists and objects may lie in one another, the list of arguments included. .NET's parser has this
limit, Rust's 128, Python's gives up below 1,000 and JavaScript's attachments at some thousands."""

MAX_DIGITS = 100
"""Characters of an integer, its sign included: python-engineio's JSON refuses longer ones."""

MAX_CLIENT_BYTES = 4_000_000
"""So much of an event every client takes: python-socketio's asyncio client has 4 MiB for a WebSocket message
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
_decoder_of_integers = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite, parse_int=_short)
"""The same, and slower by a call for each integer: where there may be a long one."""


def read_json(text: str) -> Any:
    """Return the value of a JSON text that every client can read, but for its nesting. Raises `BadRecord`."""
    try:
        return (_decoder_of_integers if _has_many_digits(text) else _decoder).decode(text)
    except json.JSONDecodeError as exc:
        raise BadRecord(f"not JSON: {exc}", "json") from exc
    except RecursionError as exc:
        raise BadRecord("nested too deeply", "nesting") from exc


def _has_many_digits(text: str) -> bool:
    """Say whether there may be an integer that is too long: ten of its digits are in every tenth place."""
    return len(text) > MAX_DIGITS and _TEN_DIGITS.search(text[:: MAX_DIGITS // 10]) is not None


_TEN_DIGITS = re.compile("[0-9]{10}")


def check_nesting(value: Any, text: str, most: int = MAX_NESTING) -> None:
    """Raise `BadRecord` if lists and objects of a JSON text's value are nested deeper than that."""
    # What is short cannot be so deep, and nearly always the brackets are few enough, too.
    if len(text) > 2 * most and text.count("[") + text.count("{") > most and _is_deeper(value, most):
        raise BadRecord(f"nested deeper than {most}", "nesting")


def read_arguments(text: bytes, attachments: int) -> list[Any]:
    """Return the arguments of an event with so many attachments. Raises `BadRecord`."""
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
    """Raise `BadRecord` unless each of so many attachments stands in the data once, in their order.

    A client puts one wherever it is named. Some take more than `true` for the mark of a placeholder, so in an
    event with attachments nothing else may look like one.
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
        raise BadRecord(f"{expected} of {count} attachments have a place", "attachments")


def _placeholders(data: Any) -> Iterator[dict[str, Any]]:
    """Yield what some client takes for a placeholder, in the order of the text; it is at most so deep."""
    if isinstance(data, dict):
        if data.get(PLACEHOLDER):
            yield data
        else:
            for item in data.values():
                yield from _placeholders(item)
    elif isinstance(data, list):
        for item in data:
            yield from _placeholders(item)


def _is_deeper(value: Any, most: int) -> bool:
    """Say whether what the decoder made, lists and dictionaries, is nested deeper: 25 µs for 120 of them."""
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(most):
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
