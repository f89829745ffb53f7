"""The opening handshake: the request that begins a connection, what is wrong with it, what answers it. Pure.

https://socket.io/docs/v4/engine-io-protocol/#handshake and RFC 6455, section 4.
"""

import base64
import binascii
import hashlib
import json
import math
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from queuecast_gateway.faults import Turn

VERSION = "4"
"""The Engine.IO revision that is spoken here; 3 is that of the JavaScript clients before 3.0."""

MAX_CACHED = 200
"""Characters of what is kept to be looked up again: strangers choose it."""

MAX_PARAMETERS = 200

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Refused(Exception):
    """A request is refused. `code` and `message` are those that the stock client knows, 0 to 5.

    `turn` says it more closely to whoever runs this; it is None for what has ended a session, which is
    counted as such. `headers` go with the answer.
    """

    def __init__(
        self,
        turn: Turn | None,
        code: int,
        message: str,
        status: HTTPStatus = HTTPStatus.BAD_REQUEST,
        **headers: str,
    ) -> None:
        super().__init__(message)
        self.turn = turn
        self.code = code
        self.status = status
        self.headers = {name.replace("_", "-").title(): value for name, value in headers.items()}

    @property
    def body(self) -> bytes:
        return json.dumps({"code": self.code, "message": str(self)}, separators=(",", ":")).encode()


def unknown_transport() -> Refused:
    return Refused("transport", 0, "Transport unknown")


def unknown_session() -> Refused:
    return Refused("session", 1, "Session ID unknown")


def bad_method() -> Refused:
    return Refused("method", 2, "Bad handshake method")


def bad_request() -> Refused:
    return Refused("bad_request", 3, "Bad request")


def forbidden() -> Refused:
    return Refused("origin", 4, "Forbidden", HTTPStatus.FORBIDDEN)


def unknown_host(host: str) -> Refused:
    why = f"{host[:80]!r} is no name of this gateway; if it should be one, QUEUECAST_HOSTS has to have it"
    return Refused("host", 4, why, HTTPStatus.FORBIDDEN)


def leaving() -> Refused:
    return Refused("leaving", 4, "Forbidden", HTTPStatus.SERVICE_UNAVAILABLE, retry_after="1")


def full() -> Refused:
    why = "There is no room here, come back later"
    return Refused("full", 4, why, HTTPStatus.SERVICE_UNAVAILABLE, retry_after="5")


def too_many_connections() -> Refused:
    why = "Too many connections of this address"
    return Refused("address", 4, why, HTTPStatus.TOO_MANY_REQUESTS, retry_after="5")


def too_many_connects(wait_seconds: float) -> Refused:
    why = "Too many connections of this address in a time"
    seconds = f"{math.ceil(wait_seconds)}"
    return Refused("connects", 4, why, HTTPStatus.TOO_MANY_REQUESTS, retry_after=seconds)


def ended(status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> Refused:
    return Refused(None, 3, "Bad request", status)


def unsupported_version() -> Refused:
    return Refused("version", 5, "Unsupported protocol version")


class Request(NamedTuple):
    """The head of an HTTP request; names of headers are in lower case, repeated ones joined by a comma."""

    path: str
    query_string: str
    headers: dict[str, str]

    @property
    def query(self) -> dict[str, str]:
        """The parameters. Raises `Refused` for more than anybody needs."""
        if len(self.query_string) <= MAX_CACHED:
            return dict(_pairs(self.query_string))
        try:
            return dict(_parsed(self.query_string))
        except ValueError:
            raise bad_request() from None

    def environ(self, client: str) -> dict[str, str]:
        """Return what connect handlers are given, with the names of WSGI."""
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
    """Return about how many bytes the head of a request takes while it is kept."""
    return sum(map(len, environ)) + sum(map(len, environ.values()))


# Nearly all clients ask with the same words.


def _parsed(query_string: str) -> tuple[tuple[str, str], ...]:
    """Return names and values; of those with the same name the first one comes last, so that it counts.

    Raises `ValueError` for too many.
    """
    return tuple(reversed(parse_qsl(query_string, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)))


def _named(header: str) -> str:
    return f"HTTP_{header.upper().replace('-', '_')}"


_pairs = lru_cache(maxsize=16)(_parsed)
_variable = lru_cache(maxsize=64)(_named)


def parse(head: bytes) -> Request:
    """Return the request in a head that uvicorn has parsed and written anew, so that its form is known."""
    first, *lines = head.decode("latin-1").split("\r\n")
    target = first.split(" ")[1]
    path, _, query_string = target.partition("?")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(": ")
        if colon:
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    return Request(unquote(path), query_string, headers)


def check_version(query: dict[str, str]) -> None:
    """Raise `Refused` unless the client speaks this revision; a request of a session need not say so."""
    version = query.get("EIO")
    if version != VERSION and not (version is None and "sid" in query):
        raise unsupported_version()


def switch(request: Request) -> bytes:
    """Return the head of the answer that makes a WebSocket of the connection. Raises `Refused`."""
    key = request.headers.get("sec-websocket-key", "").strip()
    try:
        nonce = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        nonce = b""
    if request.headers.get("sec-websocket-version") != "13":
        raise Refused(
            "bad_request", 3, "Bad request", HTTPStatus.UPGRADE_REQUIRED, sec_websocket_version="13"
        )
    if len(nonce) != 16:
        raise bad_request()
    accept = base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


def refusal(refused: Refused) -> bytes:
    """Return the whole answer that refuses a WebSocket."""
    lines = [
        f"HTTP/1.1 {refused.status.value} {refused.status.phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(refused.body)}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in refused.headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + refused.body
