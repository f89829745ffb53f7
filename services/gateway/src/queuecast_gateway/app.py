"""The gateway's composition root: the one place that names every concrete class."""

import asyncio
import logging
import uuid
from importlib.metadata import version
from typing import Any

from queuecast_edge.admin import admin_server
from queuecast_edge.environment import variable
from queuecast_edge.health import Health, all_of
from queuecast_edge.listener import bind
from queuecast_edge.metrics import new_registry
from queuecast_edge.process import stop_signal
from queuecast_gateway.admission import Admission, raise_descriptor_limit
from queuecast_gateway.board import Board
from queuecast_gateway.fanout import Fanout
from queuecast_gateway.handlers import Handlers
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.probe import Probe
from queuecast_gateway.rooms import GatewayBus
from queuecast_gateway.server import SocketServer
from queuecast_gateway.settings import Settings
from queuecast_gateway.web import WebServer, web_server

log = logging.getLogger(__name__)


async def run(settings: Settings) -> None:
    """Serve browsers until SIGTERM or SIGINT. Raises what ended a part of it, if anything did."""
    registry = new_registry("queuecast_gateway", settings.revision)
    metrics = Metrics(registry)
    bus = GatewayBus(settings)
    server = SocketServer(bus, settings, metrics)
    probe = Probe(bus, f"{settings.replica}:{uuid.uuid4().hex}")
    board = Board(server, settings.replica, version("queuecast-gateway"))
    fanout = Fanout(bus, server.eio.outbox, probe, board, metrics, frozenset(settings.namespaces))
    handlers = Handlers(server, metrics, relay_events=settings.relay_events, max_rooms=settings.max_rooms)
    for namespace in settings.namespaces:
        handlers.register(namespace)
    board.register()

    # Who acknowledges nothing for as long as a pong may take is gone, whatever is still to be sent to it.
    public = bind(
        settings.host, settings.port, variable("port"), user_timeout_seconds=settings.ping_timeout_seconds
    )
    admin = bind(settings.host, settings.admin_port, variable("admin_port"))
    web = web_server(server, settings, Admission(raise_descriptor_limit(), metrics))
    stopping = stop_signal()

    def ready() -> Health:
        return all_of([probe.ready(), Health(("stopping",)) if stopping.is_set() else Health()])

    async def follow() -> None:
        async for batch in bus.follow():
            fanout.deliver(batch)

    async def serve() -> None:
        # Browsers are let in once the bus is being read: nobody may sit here and miss what is published.
        await bus.reading.wait()
        log.info("replica %s serves browsers on port %d", settings.replica, settings.port)
        await web.serve(sockets=[public])

    try:
        async with admin_server(admin, registry, alive=Health, ready=ready), asyncio.TaskGroup() as tasks:
            parts = [tasks.create_task(part) for part in (follow(), bus.hear(), probe.run(), board.run())]
            serving = tasks.create_task(serve())
            await _first(serving, tasks.create_task(stopping.wait()))
            asked = stopping.is_set()
            log.info("stopping")
            await _end(web, serving)
            await server.shutdown()
            for part in parts:
                part.cancel()
            stopping.set()
    finally:
        await bus.aclose()
    if not asked:
        raise RuntimeError("the web server ended although nobody had asked it to")


async def _first(*tasks: asyncio.Task[Any]) -> None:
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


async def _end(web: WebServer, serving: asyncio.Task[None]) -> None:
    web.should_exit = True
    if not web.started:
        serving.cancel()
    await asyncio.wait([serving])
