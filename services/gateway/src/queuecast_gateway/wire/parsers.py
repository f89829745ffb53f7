"""Socket.IO parsers that the gateway does not have: it knows them by a CONNECT, and can say no in some. Pure.

https://socket.io/docs/v4/custom-parser/: no header or parameter of a request says which one a client has.
"""

import json
import re
from typing import NamedTuple

import msgpack

LOOKED_AT = 512
"""How many bytes of a message are looked at: a CONNECT names its type and its namespace before its data, or
behind a token."""

_NAMESPACE = re.compile(rb"\xa3nsp(?:[\xa0-\xbf]|\xd9.)(/[!-~]{0,80})", re.DOTALL)


class Foreign(NamedTuple):
    """What a client of another parser sent: the parser's name, and the namespace that it wants to join."""

    parser: str
    namespace: str = "/"


def foreign(data: str | bytes) -> Foreign | None:
    """Return what a message is in another parser; None if it is nothing that is known here."""
    if isinstance(data, bytes):
        head = data[:LOOKED_AT]
        if (data[:1] in _SMALL_MAPS or data[:1] == b"\xde") and b"\xa4type" in head:
            return Foreign("msgpack", _msgpack_namespace(data))
        if b"\xa0" <= data[:1] <= b"\xbf" and b"\x64type" in head:
            return Foreign("CBOR")
        return None
    if data[:1] == "{" and '"type"' in data[:LOOKED_AT]:
        found = re.search(r'"nsp":"(/[!#-~]{0,80})"', data)
        return Foreign("JSON", found[1] if found else "/")
    return None


def connect_error(to: Foreign, message: str) -> str | bytes | None:
    """Return a CONNECT_ERROR that this client can read, None if the gateway cannot write its parser."""
    packet = {"type": 4, "nsp": to.namespace, "data": {"message": message}}
    if to.parser == "JSON":
        return json.dumps(packet)
    if to.parser == "msgpack":
        packed: bytes = msgpack.packb(packet)
        return packed
    return None


_SMALL_MAPS = frozenset(bytes((first,)) for first in range(0x80, 0x90))


def _msgpack_namespace(data: bytes) -> str:
    """Find the namespace without decoding the rest. https://github.com/msgpack/msgpack/blob/master/spec.md"""
    found = _NAMESPACE.search(data)
    if found is None:
        return "/"
    length = data[found.start() + 4]
    if length == 0xD9:
        length = data[found.start() + 5]
    else:
        length -= 0xA0
    return found[1][:length].decode("ascii")
