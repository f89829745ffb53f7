"""Reads and writes JSON that every parser on the way to a browser's handler can read. Pure.

Python's own reader accepts more (`NaN`, numbers beyond a double, any depth), which would fail in a browser.
"""

import json
from typing import Any

from queuecast_bus import bounds
from queuecast_bus.errors import BadRecord

MAX_DEPTH = bounds.MAX_NESTING - 1
"""Deepest nesting of lists and objects. The list of the event's arguments adds one level."""

_TOO_DEEP = f"nested deeper than {MAX_DEPTH}"


class NotJson(ValueError):
    """The text is not JSON that every parser can read; the error's message says why."""


def read_json(text: str) -> Any:
    """Return the value of a JSON text. Raises `NotJson`."""
    try:
        value = bounds.read_json(text)
        bounds.check_nesting(value, text, MAX_DEPTH)
    except BadRecord as exc:
        raise NotJson(str(exc)) from exc
    return value


def write_json(value: Any) -> bytes:
    """Return the shortest JSON text of a value, in UTF-8. Raises `NotJson` if there is none."""
    try:
        text = _ENCODER.encode(value)
        bounds.check_nesting(value, text, MAX_DEPTH)
    except RecursionError:
        raise NotJson(_TOO_DEEP) from None
    except (BadRecord, TypeError, ValueError) as exc:
        raise NotJson(str(exc)) from exc
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Half a surrogate pair can be escaped but not encoded.
        return _ASCII_ENCODER.encode(value).encode()


# Made once: `json.dumps` with options makes an encoder at each call.
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_ASCII_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, allow_nan=False)
