"""Answers requests of the API: finds the operation, checks the token and the limits, reads the body.

It is an ASGI application, and never the first to notice what a client does to its connection: `server` is.
https://asgi.readthedocs.io/en/latest/specs/www.html
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from queuecast_bus import BadRecord, BusUnavailable
from queuecast_bus.bounds import read_json
from queuecast_gateway.api.access import Access
from queuecast_gateway.api.handlers import Answer, Handler, Request
from queuecast_gateway.api.messages import check_key
from queuecast_gateway.api.metrics import ApiMetrics
from queuecast_gateway.api.operations import BY_PATH, NO_ROUTE, Operation
from queuecast_gateway.api.problems import Problem
from queuecast_gateway.api.publishing import RETRY_SECONDS
from queuecast_gateway.api.queries import read_query
from queuecast_gateway.limits.log_limiter import LogLimiter
from queuecast_gateway.limits.rate_limiter import RateLimiter

log = logging.getLogger(__name__)

BURST_SECONDS = 2.0
"""A holder may publish the events of this many seconds at once."""

NO_HOLDER = ""

CLOSE = {"Connection": "close"}
"""The client may still be sending."""


class Limits(NamedTuple):
    """The bounds of requests: bytes of a body, how long it may take, requests at a time, events a second."""

    max_body_bytes: int
    body_seconds: float
    max_requests: int
    events_per_second: float


class Application:
    """The API. `is_stopping` says whether the gateway has begun to stop."""

    def __init__(
        self,
        access: Access,
        limits: Limits,
        handlers: Mapping[str, Handler],
        metrics: ApiMetrics,
        is_stopping: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._access = access
        self._limits = limits
        self._handlers = handlers
        self._metrics = metrics
        self._is_stopping = is_stopping
        self._clock = clock
        self._requests = 0
        per_second = limits.events_per_second
        self._rate = RateLimiter(per_second, round(BURST_SECONDS * per_second))
        self._log_limiter = LogLimiter()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        began = self._clock()
        operation: Operation | None = None
        headers: dict[str, str] = {}
        try:
            operation = _find(scope)
            answer = await self._answer(operation, scope, receive)
            status, content_type = HTTPStatus.OK, "application/json"
        except Problem as problem:
            status, content_type = problem.status, "application/problem+json"
            answer, headers = problem.body, problem.headers
        name = NO_ROUTE if operation is None else operation.name
        self._metrics.requests.labels(name, str(status.value)).inc()
        if operation is not None:
            self._metrics.seconds.labels(name).observe(self._clock() - began)
        if self._is_stopping():
            headers["Connection"] = "close"  # the next request goes to a replica that stays
        await _send(send, status, {"Content-Type": content_type, **headers}, answer)

    async def _answer(self, operation: Operation, scope: Any, receive: Any) -> Answer:
        """Return the answer. Raises `Problem` for every failure."""
        try:
            return await self._handle(operation, scope, receive)
        except BusUnavailable as exc:
            self._note("Redis did not confirm a request to the HTTP API: %s", exc)
            detail = "it is unknown whether it was stored: send it again with the same Idempotency-Key"
            raise Problem("redis", detail, retry_seconds=RETRY_SECONDS) from exc
        except Problem:
            raise
        except Exception as exc:  # one request fails, and all others go on
            log.exception("a request to the HTTP API failed: %s", operation.name)
            raise Problem("internal", "the gateway's log says why") from exc

    async def _handle(self, operation: Operation, scope: Any, receive: Any) -> Answer:
        headers = _headers(scope)
        query = read_query(scope["query_string"], operation.parameters)
        if operation.right is None:
            return await self._handlers[operation.name](Request(NO_HOLDER, frozenset(), query, None, None))
        address = scope["client"][0] if scope["client"] else ""
        token = self._access.check(headers.get("authorization"), operation.right, address)
        if wait := self._rate.wait_seconds(token.name, self._clock()):
            detail = f"more than {self._limits.events_per_second:g} events a second"
            raise Problem("rate", detail, retry_seconds=wait)
        if self._requests >= self._limits.max_requests:
            detail = f"it has {self._requests} requests at this moment"
            raise Problem("busy", detail, retry_seconds=RETRY_SECONDS)
        self._requests += 1
        try:
            key = _key(headers) if operation.is_idempotent else None
            body = None
            if operation.request is not None:
                body = await self._read_body(headers, receive)
            self._rate.take(token.name, self._clock(), _events(body))
            return await self._handlers[operation.name](
                Request(token.name, token.rights, query, body, key, headers.get("traceparent"))
            )
        finally:
            self._requests -= 1

    async def _read_body(self, headers: Mapping[str, str], receive: Any) -> Any:
        media_type, _, parameters = headers.get("content-type", "").partition(";")
        charset = parameters.strip().casefold().removeprefix("charset=").strip('"')
        if media_type.strip().casefold() != "application/json" or charset not in ("", "utf-8"):
            raise Problem("not-json-type", "expected the header `Content-Type: application/json`")
        most = self._limits.max_body_bytes
        announced = headers.get("content-length", "0")
        if announced.isdecimal() and int(announced[:20]) > most:
            raise _too_large(most)
        parts: list[bytes] = []
        size, has_more = 0, True
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while has_more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Problem("not-json", "the connection ended before the body did")
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    has_more = message.get("more_body", False)
                    if size > most:
                        raise _too_large(most)
        except TimeoutError as exc:
            detail = f"{size} bytes of the body came in {self._limits.body_seconds:g} s"
            raise Problem("slow", detail, headers=CLOSE) from exc
        try:
            return read_json(b"".join(parts).decode())
        except UnicodeDecodeError as exc:
            raise Problem("not-json", "the body is not UTF-8") from exc
        except BadRecord as exc:
            raise Problem("not-json", str(exc)[:200]) from exc

    def _note(self, text: str, *details: Any) -> None:
        """Log at a limited rate: clients send the same again until it succeeds."""
        if self._log_limiter.allows():
            log.warning(text, *details)


def _find(scope: Any) -> Operation:
    methods = BY_PATH.get(scope["path"])
    if methods is None:
        known = ", ".join(sorted(BY_PATH))
        raise Problem("not-found", f"the paths are {known}")
    operation = methods.get(scope["method"])
    if operation is None:
        allowed = ", ".join(sorted(methods))
        raise Problem("method", f"expected {allowed}", headers={"Allow": allowed})
    return operation


def _headers(scope: Any) -> dict[str, str]:
    """Return the headers by name. Of one that is given twice the last counts, but for a key: see `_key`."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        decoded = name.decode("latin-1")
        if decoded == "idempotency-key" and decoded in found:
            raise Problem("bad-header", "Idempotency-Key: given twice")
        found[decoded] = value.decode("latin-1")
    return found


def _key(headers: Mapping[str, str]) -> str | None:
    key = headers.get("idempotency-key")
    try:
        return None if key is None else check_key(key)
    except ValueError as exc:
        raise Problem("bad-header", f"Idempotency-Key: {exc}") from exc


def _events(body: Any) -> int:
    """Return how many events a request counts for."""
    messages = body.get("messages") if isinstance(body, dict) else None
    return max(1, len(messages)) if isinstance(messages, list) else 1


def _too_large(most: int) -> Problem:
    return Problem("too-large", f"a body has at most {most} bytes", headers=CLOSE)


async def _send(send: Any, status: HTTPStatus, headers: Mapping[str, str], answer: Answer) -> None:
    body = answer if isinstance(answer, bytes) else _encode(answer).encode()
    sent = {**headers, "Content-Length": str(len(body)), "Cache-Control": "no-store"}
    lines = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()]
    await send({"type": "http.response.start", "status": status.value, "headers": lines})
    await send({"type": "http.response.body", "body": body})


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
