"""Which clients get no offsets behind the arguments of their events: they say so, or cannot recover. Pure.

A client says it in the payload of CONNECT or as a parameter of its URL, whichever its language allows.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

OPT_OUT = "recovery"
"""`auth: {recovery: false}`, or `?recovery=false`. True asks for offsets, whatever the request looks like."""

_PYTHON = re.compile(r"(?:^|&)transport=[a-z]+&EIO=4&t=\d+\.\d+$")
"""The query of python-engineio: no other client has this order, and the time in fractions of a second.

Its client recovers nothing, and a handler that takes one argument raises when there are two."""


def said(value: Any) -> bool | None:
    """Return whether a client wants offsets by what it said; None if it said nothing.

    `false`, 0, and both as text, mean no: typed clients have only text.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return value.strip().lower() not in ("false", "0")
    return not (value is False or (type(value) in (int, float) and value == 0))


def wanted(environ: Mapping[str, str]) -> bool:
    """Return whether a client wants offsets, by the request that opened its connection."""
    query = environ.get("QUERY_STRING", "")
    if OPT_OUT in query:
        asked = said(dict(reversed(parse_qsl(query))).get(OPT_OUT))
        if asked is not None:
            return asked
    return _PYTHON.search(query) is None
