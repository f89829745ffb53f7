"""The HTTP requests of long-polling: which session each is for, and what answers it.

https://socket.io/docs/v4/engine-io-protocol/#http-long-polling
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from queuecast_gateway.engine import frames, handshake, packets, polling
from queuecast_gateway.engine.closing import Closing
from queuecast_gateway.engine.handshake import Refused
from queuecast_gateway.engine.session import Session


class House(Protocol):
    """What a request needs of the server; `check`, `known` and `open_polling` raise `Refused`."""

    closing: Closing
    max_message_bytes: int
    reason: Any

    def address(self, peer: Any, headers: Mapping[str, str]) -> str: ...
    def check(self, query: dict[str, str], environ: dict[str, Any], transport: str) -> None: ...
    def known(self, sid: str) -> Session: ...
    def turned_away(self, refused: Refused, address: str) -> None: ...
    def open_polling(self, environ: dict[str, Any]) -> Session: ...
    def _cors_headers(self, environ: dict[str, Any]) -> Any: ...


class Requests:
    """An ASGI application for them; `request_seconds` is how long the body of a POST may take."""

    def __init__(self, engine: House, request_seconds: float) -> None:
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
                # A body that nobody has read need not have an end.
                closing = {"Connection": "close"} if _has_body(request) else {}
                if refused.turn is not None:
                    self._engine.turned_away(refused, environ["REMOTE_ADDR"])
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
            # Nobody would read it, and it need not have an end.
            raise handshake.bad_request()
        query = dict(reversed(request.query_params.multi_items()))
        handshake.check_version(query)
        self._engine.check(query, environ, "polling")
        if "sid" not in query:
            if request.method != "GET":
                raise handshake.bad_method()
            session = self._engine.open_polling(environ)
            return packets.payload(await self._poll(session, request, environ))
        if request.method == "GET" and (last := self._engine.closing.take(query["sid"])) is not None:
            return packets.payload(last)
        session = self._engine.known(query["sid"])
        if not session.polling:
            raise handshake.bad_request()
        if request.method == "GET":
            return packets.payload(await self._poll(session, request, environ))
        if request.method != "POST":
            raise handshake.bad_request()
        if session.posted is not None:
            # As the reference server, `onDataRequest`: its packets' order could not be told.
            session.end(self._engine.reason.TRANSPORT_ERROR)
            raise handshake.bad_request()
        session.posted = 0
        try:
            await polling.post(session, await self._body(request, session))
        finally:
            session.posted = None
        return "ok"

    async def _poll(self, session: Session, request: Request, environ: Mapping[str, str]) -> bytes:
        poll = asyncio.ensure_future(session.transport.poll())
        gone = asyncio.ensure_future(_disconnected(request))
        # Of the head are kept the bytes and what was made of them.
        session.polled = 2 * handshake.head_size(environ)
        await asyncio.wait((poll, gone), return_when=asyncio.FIRST_COMPLETED)
        session.polled = 0
        gone.cancel()
        if not poll.done():
            poll.cancel()
            session.end(self._engine.reason.TRANSPORT_CLOSE)
            raise ClientDisconnect
        sent: bytes = await poll
        return sent

    async def _body(self, request: Request, session: Session) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(self._request_seconds):
                async for chunk in request.stream():
                    if session.closed:
                        raise handshake.ended()
                    body += chunk
                    session.posted = len(body)
                    if len(body) > self._engine.max_message_bytes:
                        session.refuse(frames.TOO_BIG, "too_big", "a request with too large a body")
                        raise handshake.ended(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        except TimeoutError as exc:
            session.refuse(
                frames.POLICY,
                "slow_body",
                f"a request whose body takes longer than {self._request_seconds:g} s",
            )
            raise handshake.ended(HTTPStatus.REQUEST_TIMEOUT) from exc
        return bytes(body)


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


async def _disconnected(request: Request) -> None:
    # The empty body of a GET comes first.
    while (await request.receive())["type"] != "http.disconnect":
        pass
