"""Headers go on every HTTP answer, and on nothing else."""

from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from queuecast_gateway.headers import WithHeaders

WANTED = {"Cache-Control": "no-store", "X-Frame-Options": "DENY"}


async def through(scope_type: str, *messages: Message) -> list[Message]:
    """Return what comes out of an application that sends these messages."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == scope_type
        for message in messages:
            await send(message)

    async def nothing() -> Message:
        raise AssertionError

    came: list[Message] = []

    async def keep(message: Message) -> None:
        came.append(message)

    await WithHeaders(application, WANTED)({"type": scope_type}, nothing, keep)
    return came


async def test_an_answer_has_the_headers_after_its_own() -> None:
    """What the application says of its answer is left in place; the body is not touched."""
    start = {"type": "http.response.start", "status": 404, "headers": [(b"etag", b"1")]}
    body = {"type": "http.response.body", "body": b"x"}
    wanted = [(b"etag", b"1"), (b"cache-control", b"no-store"), (b"x-frame-options", b"DENY")]
    assert await through("http", start, body) == [{**start, "headers": wanted}, body]


async def test_an_answer_without_headers_gets_them_too() -> None:
    """ASGI lets an application leave the field out."""
    (came,) = await through("http", {"type": "http.response.start", "status": 200})
    assert came["headers"] == [(b"cache-control", b"no-store"), (b"x-frame-options", b"DENY")]


@pytest.mark.parametrize("name", [b"cache-control", b"Cache-Control"])
async def test_a_header_that_is_there_is_neither_replaced_nor_doubled(name: bytes) -> None:
    """The innermost decides: the board's files may be kept, though nothing else may."""
    start = {"type": "http.response.start", "status": 200, "headers": [(name, b"no-cache")]}
    (came,) = await through("http", start)
    assert came["headers"] == [(name, b"no-cache"), (b"x-frame-options", b"DENY")]


async def test_the_applications_own_message_is_not_changed() -> None:
    """It may send the same one again, and headers would pile up."""
    headers: list[Any] = []
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    await through("http", start)
    assert start["headers"] is headers
    assert headers == []


@pytest.mark.parametrize(("scope_type", "kind"), [("websocket", "websocket.accept"), ("lifespan", "done")])
async def test_what_is_no_http_passes_untouched(scope_type: str, kind: str) -> None:
    """A WebSocket's handshake is the engine's own."""
    message = {"type": kind, "headers": []}
    (came,) = await through(scope_type, message)
    assert came is message
