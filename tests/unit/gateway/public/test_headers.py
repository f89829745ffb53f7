"""Headers are added to every HTTP response, and to nothing else."""

from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from queuecast_gateway.public.headers import WithHeaders

WANTED = {"Cache-Control": "no-store", "X-Frame-Options": "DENY"}


async def through(scope_type: str, *messages: Message) -> list[Message]:
    """Return what comes out of an application that sends these messages."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == scope_type
        for message in messages:
            await send(message)

    async def nothing() -> Message:
        raise AssertionError

    sent: list[Message] = []

    async def keep(message: Message) -> None:
        sent.append(message)

    await WithHeaders(application, WANTED)({"type": scope_type}, nothing, keep)
    return sent


async def test_a_response_has_the_headers_after_its_own() -> None:
    """The application's own headers and the body are not touched."""
    start = {"type": "http.response.start", "status": 404, "headers": [(b"etag", b"1")]}
    body = {"type": "http.response.body", "body": b"x"}
    wanted = [(b"etag", b"1"), (b"cache-control", b"no-store"), (b"x-frame-options", b"DENY")]
    assert await through("http", start, body) == [{**start, "headers": wanted}, body]


async def test_a_response_without_headers_gets_them_too() -> None:
    """ASGI lets an application leave the field out."""
    (came,) = await through("http", {"type": "http.response.start", "status": 200})
    assert came["headers"] == [(b"cache-control", b"no-store"), (b"x-frame-options", b"DENY")]


@pytest.mark.parametrize("name", [b"cache-control", b"Cache-Control"])
async def test_a_header_that_is_there_is_neither_replaced_nor_doubled(name: bytes) -> None:
    """The innermost decides: the board's files may be cached, though nothing else may."""
    start = {"type": "http.response.start", "status": 200, "headers": [(name, b"no-cache")]}
    (came,) = await through("http", start)
    assert came["headers"] == [(name, b"no-cache"), (b"x-frame-options", b"DENY")]


async def test_the_applications_own_message_is_not_changed() -> None:
    """It may send the same message again, and headers would pile up."""
    headers: list[Any] = []
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    await through("http", start)
    assert start["headers"] is headers
    assert headers == []


@pytest.mark.parametrize(("scope_type", "kind"), [("websocket", "websocket.accept"), ("lifespan", "done")])
async def test_other_protocols_pass_untouched(scope_type: str, kind: str) -> None:
    """A WebSocket's handshake is the engine's."""
    message = {"type": kind, "headers": []}
    (came,) = await through(scope_type, message)
    assert came is message
