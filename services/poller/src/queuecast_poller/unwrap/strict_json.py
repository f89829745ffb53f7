"""JSON that every parser on the way to a browser's handler can read: read here, and written. Pure.

Python's own reader accepts more (`NaN`, numbers beyond a double, any depth), on which a browser would fail.
"""

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 100
"""Deepest nesting of lists and objects; parsers give up somewhere beyond, each at its own depth."""

_TOO_DEEP = f"nested deeper than {MAX_DEPTH}"


class NotJson(ValueError):
    """The text is not JSON, or not such that every parser can read it; the message says why."""


def read_json(text: str) -> Any:
    """Return the value of a JSON text. Raises `NotJson`."""
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise NotJson(_TOO_DEEP) from None
    except ValueError as exc:
        raise NotJson(str(exc)) from exc
    # Counting brackets is cheap and almost always enough; only then is it worth to walk the value.
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth_exceeds(value, MAX_DEPTH):
        raise NotJson(_TOO_DEEP)
    return value


def write_json(value: Any) -> bytes:
    """Return the shortest JSON text of a value, in UTF-8. Raises `NotJson` for what none can say."""
    try:
        text = _ENCODER.encode(value)
    except RecursionError:
        raise NotJson(_TOO_DEEP) from None
    except (TypeError, ValueError) as exc:
        raise NotJson(str(exc)) from exc
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Half a surrogate pair can be escaped, and not encoded.
        return _ASCII_ENCODER.encode(value).encode()


def _depth_exceeds(value: Any, limit: int) -> bool:
    level: list[Any] = [[value]]
    for _ in range(limit + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, list | dict)
        ]
        if not level:
            return False
    return True


def _refuse_constant(name: str) -> NoReturn:
    # Python reads NaN and Infinity, which are no JSON: a browser would fail on the whole event.
    raise ValueError(f"{name} is not JSON")


def _parse_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


# Made once: `json.loads` with hooks makes a decoder for each call.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_parse_float)
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_ASCII_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, allow_nan=False)
