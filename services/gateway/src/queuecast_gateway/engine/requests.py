"""The HTTP requests of long-polling: find the session of each, and answer it.

https://socket.io/docs/v4/engine-io-protocol/#http-long-polling
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from queuecast_gateway.engine import frames, handshake, packets, refusals, revision3
from queuecast_gateway.engine.pending_closes import PendingCloses
from queuecast_gateway.engine.polling import Polling, post
from queuecast_gateway.engine.refusals import Refused
from queuecast_gateway.engine.session import Session

ELSEWHERE = ("session", "leaving")
"""Refusals after which another gateway may be right. A load balancer chooses it for a new connection:
a browser that keeps connections to two would ask the wrong one again and again."""


class RequestServer(Protocol):
    """What a request needs of its server; `check`, `find_session` and `open_polling` raise `Refused`."""

    pending_closes: PendingCloses
    max_message_bytes: int
    reason: Any

    def address(self, peer: Any, headers: Mapping[str, str]) -> str: ...
    def check(self, query: dict[str, str], environ: dict[str, Any], transport: str) -> None: ...
    def find_session(self, sid: str) -> Session: ...
    def refuse_revision_3(self, address: str) -> str: ...
    def request_refused(self, refused: Refused, address: str) -> None: ...
    def open_polling(self, environ: dict[str, Any]) -> Session: ...
    def _cors_headers(self, environ: dict[str, Any]) -> Any: ...


class Requests:
    """The ASGI application for long-polling; `request_seconds` is how long the body of a POST may take."""

    def __init__(self, engine: RequestServer, request_seconds: float) -> None:
        self._engine = engine
        self._request_seconds = request_seconds

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        environ = self._environ(request)
        headers = dict(self._engine._cors_headers(environ))
        if request.method == "OPTIONS":
            response = Response(status_code=204, headers=headers)
        else:
            try:
                body = await self._serve(request, environ)
                response = Response(body, headers=headers, media_type="text/plain")
            except Refused as refused:
                # If there is a body, nobody has read it, and it may never end.
                closes = refused.reason in ELSEWHERE or _has_body(request)
                closing = {"Connection": "close"} if closes else {}
                if refused.reason is not None:
                    self._engine.request_refused(refused, environ["REMOTE_ADDR"])
                response = Response(
                    refused.body,
                    refused.status.value,
                    headers | refused.headers | closing,
                    media_type="application/json",
                )
            except ClientDisconnect:
                return
        with suppress(OSError):
            await response(scope, receive, send)

    def _environ(self, request: Request) -> dict[str, Any]:
        head = handshake.Request(request.url.path, request.url.query, {})
        for name, value in request.headers.items():
            head.headers[name] = f"{head.headers[name]},{value}" if name in head.headers else value
        environ: dict[str, Any] = head.environ(self._engine.address(request.client, head.headers))
        return environ | {"REQUEST_METHOD": request.method}

    async def _serve(self, request: Request, environ: dict[str, Any]) -> str:
        if request.method == "GET" and _has_body(request):
            # Nobody would read the body, and it may never end.
            raise refusals.bad_request()
        query = handshake.Request("", environ["QUERY_STRING"], {}).query
        self._engine.check(query, environ, "polling")
        if "sid" not in query and request.method != "GET":
            raise refusals.bad_method()
        if handshake.is_revision_3(query):
            return await self._refuse_revision_3(query, request, environ["REMOTE_ADDR"])
        handshake.check_version(query)
        if "sid" not in query:
            session = self._engine.open_polling(environ)
            return packets.payload(await self._poll(session, request, environ))
        if request.method == "GET" and (last := self._engine.pending_closes.take(query["sid"])) is not None:
            return packets.payload(last)
        session = self._engine.find_session(query["sid"])
        if not session.polling:
            raise refusals.bad_request()
        if request.method == "GET":
            return packets.payload(await self._poll(session, request, environ))
        if request.method != "POST":
            raise refusals.bad_request()
        transport: Polling = session.transport
        if transport.post_bytes is not None:
            # As the reference server does, `onDataRequest`: the order of the packets would be unknown.
            session.end(self._engine.reason.TRANSPORT_ERROR)
            raise refusals.bad_request()
        transport.post_bytes = 0
        try:
            await post(session, await self._body(request, session, transport))
        finally:
            transport.post_bytes = None
        return "ok"

    async def _refuse_revision_3(self, query: dict[str, str], request: Request, address: str) -> str:
        """Answer the requests of a client that learns with the first one that it is too old."""
        if "sid" not in query:
            return revision3.payload(self._engine.refuse_revision_3(address))
        size = 0
        try:
            async with asyncio.timeout(self._request_seconds):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > self._engine.max_message_bytes:
                        raise refusals.session_ended(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                if request.method == "GET":
                    await _disconnected(request)
                    raise ClientDisconnect
        except TimeoutError:
            return revision3.CLOSE_PAYLOAD
        return "ok"

    async def _poll(self, session: Session, request: Request, environ: Mapping[str, str]) -> bytes:
        # `public.http` says which connection it is.
        connection = request.scope.get("state", {}).get("transport")
        transport: Polling = session.transport
        poll = asyncio.ensure_future(transport.poll(connection))
        disconnected = asyncio.ensure_future(_disconnected(request))
        # As parsed; the connection counts it as bytes.
        transport.poll_bytes = handshake.head_size(environ)
        await asyncio.wait((poll, disconnected), return_when=asyncio.FIRST_COMPLETED)
        transport.poll_bytes = 0
        disconnected.cancel()
        if not poll.done():
            poll.cancel()
            session.end(self._engine.reason.TRANSPORT_CLOSE)
            raise ClientDisconnect
        sent: bytes = await poll
        return sent

    async def _body(self, request: Request, session: Session, transport: Polling) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(self._request_seconds):
                async for chunk in request.stream():
                    if session.closed:
                        raise refusals.session_ended()
                    body += chunk
                    transport.post_bytes = len(body)
                    if len(body) > self._engine.max_message_bytes:
                        session.refuse(frames.TOO_BIG, "too_big", "a request with too large a body")
                        raise refusals.session_ended(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        except TimeoutError as exc:
            session.refuse(
                frames.POLICY,
                "slow_body",
                f"a request whose body takes longer than {self._request_seconds:g} s",
            )
            raise refusals.session_ended(HTTPStatus.REQUEST_TIMEOUT) from exc
        return bytes(body)


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


async def _disconnected(request: Request) -> None:
    # The empty body of the GET comes first.
    while (await request.receive())["type"] != "http.disconnect":
        pass
