"""The web server of the public port: the Socket.IO server, and the live board's files on every other path."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, request_response
from starlette.staticfiles import NotModifiedResponse, PathLike, StaticFiles
from starlette.types import Receive, Scope, Send

from queuecast_gateway.public.admission import Admission
from queuecast_gateway.public.first_request import PublicPort
from queuecast_gateway.public.headers import BOARD, EVERY_ANSWER, SHARED, WithHeaders
from queuecast_gateway.public.http import HttpProtocol
from queuecast_gateway.server.socketio_server import SocketServer
from queuecast_gateway.settings import Settings

STATIC = Path(__file__).parents[1] / "static"


class WebServer(uvicorn.Server):
    """uvicorn without its signal handling, which would end the process by the signal and not with 0."""

    def held_bytes(self) -> tuple[int, int]:
        """Return how many bytes HTTP connections make this process hold: in total, and the largest one."""
        held = [each.held_bytes for each in self.server_state.connections if isinstance(each, HttpProtocol)]
        return sum(held), max(held, default=0)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Files(StaticFiles):
    """The live board's files; its page names the path of Socket.IO. WebSockets are closed."""

    def __init__(self, path: str) -> None:
        super().__init__(directory=STATIC, html=True)
        page = (STATIC / "index.html").read_text("utf-8")
        self._page = page.replace('data-path="/socket.io"', f'data-path="{path}"')
        self._etag = f'"{hashlib.sha256(self._page.encode()).hexdigest()}"'

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            await super().__call__(scope, receive, send)

    def file_response(
        self, full_path: PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        if Path(full_path).name != "index.html":
            return super().file_response(full_path, stat_result, scope, status_code)
        response = HTMLResponse(self._page, status_code, {"ETag": self._etag})
        if self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response


async def _icon(_: Request) -> RedirectResponse:
    """Browsers request this path wherever no page names an icon, a 404 for instance."""
    return RedirectResponse("/favicon.svg", HTTPStatus.PERMANENT_REDIRECT)


def _client(files: Files, path: str) -> list[BaseRoute]:
    """Return the routes of the stock client, where Node's server has it. Both names have the board's file.

    https://socket.io/docs/v4/server-options/#serveclient
    """
    (script,) = (STATIC / "vendor").glob("socket.io-*.min.js")

    def route(name: str, file: Path) -> BaseRoute:
        async def serve(request: Request) -> Response:
            return await files.get_response(f"vendor/{file.name}", request.scope)

        return Route(f"{path}/{name}", WithHeaders(request_response(serve), SHARED), methods=["GET", "HEAD"])

    source_map = script.with_name("socket.io.min.js.map")
    return [
        route("socket.io.js", script),
        route("socket.io.min.js", script),
        route("socket.io.min.js.map", source_map),
    ]


def web_server(server: SocketServer, settings: Settings, admission: Admission) -> WebServer:
    """Return the server of the public port; `serve` starts it."""
    path = settings.path.rstrip("/")
    files = Files(path)
    board = WithHeaders(Starlette(routes=[Route("/favicon.ico", _icon), Mount("/", files)]), BOARD)
    other = Starlette(routes=[*_client(files, path), Mount("/", board)])

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and server.eio.owns(scope["path"]):
            await server.eio.handle_request(scope, receive, send)
        else:
            await other(scope, receive, send)

    port = PublicPort(admission, server.eio, settings.connect_seconds, settings.silence_seconds)
    config = uvicorn.Config(
        WithHeaders(application, EVERY_ANSWER),
        http=port,  # type: ignore[arg-type]  # called like a class
        ws=server.eio.websocket_protocol,
        # uvicorn serves the WebSockets that are not Socket.IO's.
        ws_max_size=settings.max_message_bytes,
        ws_per_message_deflate=False,
        # uvicorn would trust anybody on this host; `limits.client_address` decides which proxies are trusted.
        proxy_headers=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.graceful_seconds,
    )
    return WebServer(config)
