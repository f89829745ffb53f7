"""The public port: uvicorn with the Socket.IO server, and the live board's files on every other path."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path

import socketio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from queuecast_gateway.admission import Admission
from queuecast_gateway.headers import BOARD, EVERY_ANSWER, WithHeaders
from queuecast_gateway.http import HttpProtocol
from queuecast_gateway.server import SocketServer
from queuecast_gateway.settings import Settings

STATIC = Path(__file__).parent / "static"


class WebServer(uvicorn.Server):
    """uvicorn, but signals are ours: its own handling ends the process by the signal, not with 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Files(StaticFiles):
    """The live board's files; there is no WebSocket among them."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            await super().__call__(scope, receive, send)


async def _icon(_: Request) -> RedirectResponse:
    """Browsers ask for this one unasked, wherever no page names another: beside a 404, for instance."""
    return RedirectResponse("/favicon.svg", HTTPStatus.PERMANENT_REDIRECT)


def web_server(server: SocketServer, settings: Settings, admission: Admission) -> WebServer:
    """Return the server of the public port; it listens once it is asked to `serve`."""
    files = Mount("/", Files(directory=STATIC, html=True))
    board = WithHeaders(Starlette(routes=[Route("/favicon.ico", _icon), files]), BOARD)
    config = uvicorn.Config(
        WithHeaders(socketio.ASGIApp(server, other_asgi_app=board), EVERY_ANSWER),
        http=partial(HttpProtocol, admission, server.eio, settings.connect_seconds),  # type: ignore[arg-type]  # it is called like a class
        ws=server.eio.websocket_protocol,
        # For WebSockets that are not Socket.IO's, which uvicorn serves.
        ws_max_size=settings.max_message_bytes,
        ws_per_message_deflate=False,
        # It would believe anybody on this host; whom a request is from is for `limits.address` to say.
        proxy_headers=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.graceful_seconds,
    )
    return WebServer(config)
