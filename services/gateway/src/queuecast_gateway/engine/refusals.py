"""Refusals of requests: a reason for metrics, a code for the client, and the HTTP answer. Pure."""

import json
import math
from http import HTTPStatus

from queuecast_gateway.reasons import RefusalReason


class Refused(Exception):
    """A request is refused. `code`, 0 to 5, and `message` are those that the stock client knows.

    `reason` is more precise, and is counted. It is None if the request has ended a session, because the end
    is counted already. `headers` are added to the answer. `origin` is the one that was refused, if one was.
    """

    origin = ""

    def __init__(
        self,
        reason: RefusalReason | None,
        code: int,
        message: str,
        status: HTTPStatus = HTTPStatus.BAD_REQUEST,
        **headers: str,
    ) -> None:
        super().__init__(message)
        self.reason = reason
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


def forbidden(origin: str = "") -> Refused:
    refused = Refused("origin", 4, "Forbidden", HTTPStatus.FORBIDDEN)
    refused.origin = origin
    return refused


def unknown_host(host: str) -> Refused:
    why = f"{host[:80]!r} is no name of this gateway; if it should be one, QUEUECAST_HOSTS has to have it"
    return Refused("host", 4, why, HTTPStatus.FORBIDDEN)


def draining() -> Refused:
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


def session_ended(status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> Refused:
    return Refused(None, 3, "Bad request", status)


def unsupported_version() -> Refused:
    return Refused("version", 5, "Unsupported protocol version")


def refusal(refused: Refused) -> bytes:
    """Return the whole HTTP answer that refuses a WebSocket."""
    lines = [
        f"HTTP/1.1 {refused.status.value} {refused.status.phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(refused.body)}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in refused.headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + refused.body
