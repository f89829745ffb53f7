"""The opening handshake: parse the request that starts a connection, check it, answer it. Pure.

https://socket.io/docs/v4/engine-io-protocol/#handshake and RFC 6455, section 4.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from queuecast_gateway.engine import refusals, revision3
from queuecast_gateway.engine.refusals import Refused

VERSION = "4"
"""The Engine.IO revision of this server."""

MAX_CACHED = 200
"""Longest text that is cached, in characters: clients choose it."""

MAX_PARAMETERS = 200

MAX_USUAL_BYTES, MAX_USUAL_HEADERS = 8_000, 60

_USUAL_HEAD = re.compile(
    rb"GET /[!-\"$-~]* HTTP/1\.1\r\n"  # no fragment, nothing beyond ASCII
    rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*\r\n)+"
    rb"\r\n"
)
"""https://www.rfc-editor.org/rfc/rfc9112#section-2.1, with the tokens of RFC 9110, section 5.6.2."""

_UPGRADES = frozenset({"upgrade", "keep-alive, upgrade"})  # Firefox sends the second
_BODY_HEADERS = frozenset({"content-length", "transfer-encoding"})

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Request(NamedTuple):
    """The head of an HTTP request. Header names are in lower case; repeated headers are joined by a comma."""

    path: str
    query_string: str
    headers: dict[str, str]

    @property
    def query(self) -> dict[str, str]:
        """The parameters. Raises `Refused` if there are more than `MAX_PARAMETERS`."""
        if len(self.query_string) <= MAX_CACHED:
            return dict(_pairs(self.query_string))
        try:
            return dict(_parsed(self.query_string))
        except ValueError:
            raise refusals.bad_request() from None

    def environ(self, client: str) -> dict[str, str]:
        """Return the environ for connect handlers, with the names of WSGI."""
        environ = {
            _variable(name) if len(name) <= MAX_CACHED else _named(name): value
            for name, value in self.headers.items()
        }
        environ |= {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": self.path,
            "QUERY_STRING": self.query_string,
            "REMOTE_ADDR": client,
            "wsgi.url_scheme": self.headers.get("x-forwarded-proto", "http"),
        }
        return environ


def head_size(environ: Mapping[str, str]) -> int:
    """Return roughly how many bytes the head of a request takes in memory."""
    return sum(map(len, environ)) + sum(map(len, environ.values()))


# Nearly all clients send the same query string and header names.


def _parsed(query_string: str) -> tuple[tuple[str, str], ...]:
    """Return names and values, in reverse: in a dict, the first value of a repeated name then wins.

    Raises `ValueError` if there are too many.
    """
    return tuple(reversed(parse_qsl(query_string, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)))


def _named(header: str) -> str:
    return f"HTTP_{header.upper().replace('-', '_')}"


_pairs = lru_cache(maxsize=16)(_parsed)
_variable = lru_cache(maxsize=64)(_named)


def parse(head: bytes) -> Request:
    """Parse the head of a request, which is known to be well-formed."""
    first, *lines = head.decode("latin-1").split("\r\n")
    path, _, query_string = first.split(" ")[1].partition("?")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            name, value = name.lower(), value.strip(" \t")
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    return Request(unquote(path) if "%" in path else path, query_string, headers)


def parse_websocket_request(data: bytes) -> Request | None:
    """Parse the first bytes of a connection if they are a usual request for a WebSocket, and nothing more.

    All clients and proxies send one in this form: RFC 9112 without what it discourages, in one piece. Return
    None for anything else, which a full HTTP parser then reads or refuses.
    """
    if len(data) > MAX_USUAL_BYTES or _USUAL_HEAD.fullmatch(data) is None:
        return None
    request = parse(data)
    headers = request.headers
    is_usual = (
        len(headers) <= MAX_USUAL_HEADERS
        and headers.get("upgrade", "").lower() == "websocket"
        and headers.get("connection", "").lower() in _UPGRADES
        and _BODY_HEADERS.isdisjoint(headers)
    )
    return request if is_usual else None


def check_version(query: dict[str, str]) -> None:
    """Raise `Refused` unless the client speaks this revision. A session's later requests may omit it."""
    version = query.get("EIO")
    if version != VERSION and not (version is None and "sid" in query):
        raise refusals.unsupported_version()


def is_revision_3(query: dict[str, str]) -> bool:
    """Say whether a request is of a client that can be told why it is refused: see `revision3`."""
    # Old browsers poll by scripts (`j`), whose answers have another form.
    return query.get("EIO") == revision3.VERSION and "j" not in query


def switch(request: Request, extension: str = "") -> bytes:
    """Return the HTTP answer that upgrades the connection to a WebSocket, perhaps with an extension.

    Raises `Refused`.
    """
    key = request.headers.get("sec-websocket-key", "").strip()
    try:
        nonce = binascii.a2b_base64(key, strict_mode=True)
    except ValueError:
        nonce = b""
    if request.headers.get("sec-websocket-version") != "13":
        raise Refused(
            "bad_request", 3, "Bad request", HTTPStatus.UPGRADE_REQUIRED, sec_websocket_version="13"
        )
    if len(nonce) != 16:
        raise refusals.bad_request()
    accept = base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest())
    extensions = b"\r\nSec-WebSocket-Extensions: " + extension.encode() if extension else b""
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + extensions + b"\r\n\r\n"
    )
