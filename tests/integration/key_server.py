"""An issuer of tokens that publishes its keys over HTTP."""

import ssl
from collections.abc import Awaitable, Callable

from aiohttp import web
from tests.issuer import RSA, jwk, key_set

from .services import HOST, free_port

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Issuer:
    """Serves its keys at `/keys`, redirects `/hops/n` in n steps, and counts the requests."""

    def __init__(self) -> None:
        self.port = free_port()
        self.keys = key_set(jwk(RSA, kid="1"))
        self.instead: Answer | None = None
        self.location = ""
        self.requests: list[str] = []
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/keys"

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        application = web.Application()
        application.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self.port, ssl_context=tls).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request.path)
        if request.path.startswith("/hops/"):
            left = int(request.path.removeprefix("/hops/"))
            raise web.HTTPFound(f"/hops/{left - 1}" if left > 1 else "/keys")
        if request.path == "/away":
            raise web.HTTPPermanentRedirect(self.location)
        if self.instead is not None:
            return await self.instead(request)
        return web.Response(body=self.keys, content_type="application/json")
