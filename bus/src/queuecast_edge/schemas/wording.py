"""Where data or a schema is wrong, and what was expected there, in words for whoever wrote it. Pure."""

import json
import re
from collections.abc import Iterable
from typing import Any, cast

from jsonschema.exceptions import ValidationError

MAX_MISTAKE = 200
"""Longest description of a mistake, in characters. It goes into an acknowledgement."""

MAX_PLACE = 100
"""Longest place in such a description: it consists of property names, which the browser may have chosen."""

MAX_NAME = 40
"""Longest name of an unexpected property that is shown."""


def describe(error: ValidationError) -> str:
    """Say where and what. The library's own text would repeat the data, which can be 100 kB."""
    return f"{place('data', error.absolute_path)}: {_expected(error)}"[:MAX_MISTAKE]


def place(root: str, path: Iterable[Any]) -> str:
    """Return a place below `root` as JavaScript would write it, `data.items[0]`, cut to `MAX_PLACE`."""
    text = root + "".join(map(_accessor, path))
    return text if len(text) <= MAX_PLACE else text[: MAX_PLACE - 1] + "…"


def _accessor(key: Any) -> str:
    if isinstance(key, str) and key.isascii() and key.isidentifier():
        return f".{key}"
    return f"[{key[:MAX_PLACE]!r}]" if isinstance(key, str) else f"[{key}]"


def _expected(error: ValidationError) -> str:
    keyword, value, data = error.validator, cast(Any, error.validator_value), cast(Any, error.instance)
    if not isinstance(keyword, str):
        return "it, or something in it, is not allowed"  # the schema is `false`; the error does not say where
    if keyword == "type":
        return "expected " + " or ".join(map(str, value if isinstance(value, list) else [value]))
    if keyword == "required":
        missing = next(name for name in value if name not in data)
        return f"expected a property {missing!r}"
    if keyword == "additionalProperties":
        return f"expected no property {_additional(error)[:MAX_NAME]!r}"
    if isinstance(value, dict | bool) or keyword in ("allOf", "anyOf", "oneOf"):
        return f"does not fit `{keyword}` of its schema"
    return f"expected {keyword} {json.dumps(getattr(value, 'written', value))}"


def _additional(error: ValidationError) -> str:
    schema: Any = error.schema
    names = cast(dict[str, Any], error.instance)
    patterns = schema.get("patternProperties", {})
    return next(
        name
        for name in names
        if name not in schema.get("properties", {}) and not any(re.search(text, name) for text in patterns)
    )
