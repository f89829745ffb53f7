"""The engine in this process, with an application that echoes every message."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from queuecast_gateway.engine.engine import Engine

from . import wire
from .wire import Answer, Polling, WebSocket

MAX_BYTES = 1_000_000


class Echo:
    """An engine that sends every message back; `ended` has the reason why each session ended."""

    def __init__(self, ping_interval: float) -> None:
        self.port = 0
        self.heard: list[str | bytes] = []
        self.ended: dict[str, str] = {}
        self.engine = Engine(
            ping_interval=ping_interval,
            ping_timeout=ping_interval * 2 / 3,
            tick_seconds=0.02,
            max_http_buffer_size=MAX_BYTES,
            accepts_compression=True,
        )
        self.engine.on("connect", self._connect)
        self.engine.on("message", self._message)
        self.engine.on("disconnect", self._disconnect)

    async def _connect(self, sid: str, environ: dict[str, Any]) -> None:
        pass

    async def _message(self, sid: str, data: str | bytes) -> None:
        self.heard.append(data)
        await self.engine.send(sid, data)

    async def _disconnect(self, sid: str, reason: str) -> None:
        self.ended[sid] = reason

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await self.engine.handle_request(scope, receive, send)
            return
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": f"the application at {scope['path']}"})
        await send({"type": "websocket.close", "code": 1000})

    async def polling(self) -> Polling:
        return await Polling.open(self.port)

    @asynccontextmanager
    async def websocket(self) -> AsyncIterator[WebSocket]:
        async with await WebSocket.open(self.port) as one:
            assert one.accepted, one.answer
            await one.opening()
            yield one

    async def refuses(self, session: Polling) -> bool:
        """Say whether GET and POST are both refused because the session is unknown."""
        answers = [await session.get(), await session.post("4x")]
        return all(is_refusal(answer, 400, 1) for answer in answers)


def is_refusal(answer: Answer, status: int, code: int) -> bool:
    """Say whether a request was refused with this status, this protocol code and its text."""
    messages = (
        "Transport unknown",
        "Session ID unknown",
        "Bad handshake method",
        "Bad request",
        "Forbidden",
        "Unsupported protocol version",
    )
    return (
        answer.status == status
        and answer.headers["content-type"] == "application/json"
        and answer.json == {"code": code, "message": messages[code]}
    )


async def serve(echo: Echo) -> AsyncIterator[Echo]:
    async with wire.serving(echo.app, echo.engine.websocket_protocol) as echo.port:
        yield echo
        await echo.engine.shutdown()
    assert not echo.engine.sockets
    assert not len(echo.engine.wheel)
    assert not len(echo.engine.ping_wheel)
