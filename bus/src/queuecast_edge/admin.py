"""The admin port: `/livez`, `/readyz`, `/metrics` and pages of the service: for operators, not for browsers.

The two checks mean different things: not alive is "restart me", not ready is "send no traffic here".
"""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.aiohttp import make_aiohttp_handler

from queuecast_edge.health import Health

Check = Callable[[], Health]

Page = Callable[[Mapping[str, str]], Awaitable[tuple[int, object]]]
"""Returns the status and the JSON of an answer to a query."""

NO_PAGES: Mapping[str, Page] = {}


@asynccontextmanager
async def admin_server(
    listener: socket.socket,
    registry: CollectorRegistry,
    *,
    alive: Check,
    ready: Check,
    pages: Mapping[str, Page] = NO_PAGES,
) -> AsyncIterator[None]:
    """Serve the admin port in the running loop for as long as the context lasts; `pages` by their paths."""
    app = web.Application()
    app.router.add_get("/livez", _answer(alive))
    app.router.add_get("/readyz", _answer(ready))
    app.router.add_get("/metrics", make_aiohttp_handler(registry))
    for path, page in pages.items():
        app.router.add_get(path, _show(page))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield
    finally:
        await runner.cleanup()


def _answer(check: Check) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        health = check()
        body = {
            "status": "ok" if health.healthy else "unavailable",
            "reasons": list(health.reasons),
            "notes": list(health.notes),
        }
        return web.json_response(body, status=200 if health.healthy else 503)

    return answer


def _show(page: Page) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def show(request: web.Request) -> web.Response:
        status, answer = await page(request.query)
        return web.json_response(answer, status=status)

    return show
