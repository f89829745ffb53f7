"""What a request is told that fails: problem details, https://www.rfc-editor.org/rfc/rfc9457. Pure."""

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, NamedTuple

TYPE_PREFIX = "urn:queuecast:problem:"

TITLES = {
    "not-json": (HTTPStatus.BAD_REQUEST, "The body is not JSON"),
    "bad-header": (HTTPStatus.BAD_REQUEST, "A header is not valid"),
    "bad-query": (HTTPStatus.BAD_REQUEST, "The query is not valid"),
    "unauthorized": (HTTPStatus.UNAUTHORIZED, "The token is missing or unknown"),
    "forbidden": (HTTPStatus.FORBIDDEN, "The token does not allow this"),
    "not-found": (HTTPStatus.NOT_FOUND, "There is no such path"),
    "method": (HTTPStatus.METHOD_NOT_ALLOWED, "The path has other methods"),
    "slow": (HTTPStatus.REQUEST_TIMEOUT, "The body did not arrive in time"),
    "too-large": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request is too large"),
    "not-json-type": (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body has to be application/json"),
    "invalid": (HTTPStatus.UNPROCESSABLE_ENTITY, "The request is not valid"),
    "key-reused": (HTTPStatus.UNPROCESSABLE_ENTITY, "The Idempotency-Key was used for another request"),
    "too-many-tries": (HTTPStatus.TOO_MANY_REQUESTS, "Too many unknown tokens from this address"),
    "rate": (HTTPStatus.TOO_MANY_REQUESTS, "This token publishes too much"),
    "internal": (HTTPStatus.INTERNAL_SERVER_ERROR, "The gateway failed"),
    "redis": (HTTPStatus.SERVICE_UNAVAILABLE, "Redis did not confirm"),
    "behind": (HTTPStatus.SERVICE_UNAVAILABLE, "A gateway is behind"),
    "busy": (HTTPStatus.SERVICE_UNAVAILABLE, "The gateway has enough requests"),
    "stopping": (HTTPStatus.SERVICE_UNAVAILABLE, "The gateway is stopping"),
}
"""The kinds of problems, with their status and title."""

MAX_FLAWS = 20
"""Flaws of a body that one answer lists."""


class Flaw(NamedTuple):
    """What is wrong in a body, and where: a JSON pointer as a fragment, `#/rooms/0` (RFC 6901, section 6)."""

    pointer: str
    detail: str


class Problem(Exception):
    """A request fails. `kind` is one of `TITLES`; `flaws` say where in the body; the `headers` go with it.

    A client may try again after `retry_seconds`.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        flaws: Sequence[Flaw] = (),
        *,
        headers: Mapping[str, str] = MappingProxyType({}),
        retry_seconds: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.status, self.title = TITLES[kind]
        self.flaws = flaws
        self.headers = dict(headers)
        if retry_seconds is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_seconds)))

    @property
    def body(self) -> dict[str, Any]:
        """The members of the answer."""
        errors = [flaw._asdict() for flaw in self.flaws[:MAX_FLAWS]]
        return {
            "type": TYPE_PREFIX + self.kind,
            "title": self.title,
            "status": self.status.value,
            "detail": str(self),
            **({"errors": errors} if errors else {}),
        }


def invalid(flaws: Sequence[Flaw]) -> Problem:
    """Return the problem of a body with these flaws."""
    first = flaws[0]
    more = ", and more" if len(flaws) > 1 else ""
    return Problem("invalid", f"{first.pointer}: {first.detail}{more}", flaws)


def pointer(*path: str | int) -> str:
    """Return the pointer to a place in a body.

    Names have no character here that a fragment would escape.
    """
    return "#" + "".join(f"/{part}" for part in path)
