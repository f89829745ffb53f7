"""The gateway's composition root: the one place that names every concrete class."""

import asyncio
import logging
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from typing import Any

from queuecast_bus import BusUnavailable, Gap
from queuecast_edge.admin import admin_server
from queuecast_edge.environment import variable
from queuecast_edge.health import Health, all_of
from queuecast_edge.lag import watch_lag
from queuecast_edge.listener import bind
from queuecast_edge.metrics import new_registry
from queuecast_edge.process import stop_signal
from queuecast_edge.traces import Traces, open_traces
from queuecast_gateway.access.grant import EVERY_ROOM, patterns
from queuecast_gateway.access.guard import Guard, OpenGuard, TokenGuard
from queuecast_gateway.access.jwks import Jwks
from queuecast_gateway.access.keys import KeySet
from queuecast_gateway.access.tokens import Rules, Tokens
from queuecast_gateway.admission import Admission, raise_descriptor_limit
from queuecast_gateway.announcement import Announcement
from queuecast_gateway.backpressure import Backpressure
from queuecast_gateway.board import BOARD_NAMESPACE, Board
from queuecast_gateway.commands import Commands
from queuecast_gateway.deletion_cost import DeletionCost
from queuecast_gateway.drain import drain
from queuecast_gateway.fanout import Fanout
from queuecast_gateway.handlers import Handlers
from queuecast_gateway.history import History
from queuecast_gateway.limits.arrivals import Arrivals
from queuecast_gateway.limits.quota import Quota
from queuecast_gateway.limits.tally import Tally
from queuecast_gateway.limits.tries import Tries
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.probe import Probe
from queuecast_gateway.recovery import Recovery
from queuecast_gateway.replay import Bounds
from queuecast_gateway.replicas import GatewayBus
from queuecast_gateway.server import SocketServer
from queuecast_gateway.sessions import Sessions
from queuecast_gateway.settings import Settings
from queuecast_gateway.skipped import Skipped
from queuecast_gateway.traced import TracedBus, TracedFanout
from queuecast_gateway.web import WebServer, web_server

log = logging.getLogger(__name__)

TRIES_SECONDS = 60.0
"""Failed tries of an address are counted for so long."""


async def run(settings: Settings) -> None:
    """Serve browsers until SIGTERM or SIGINT. Raises what ended a part of it, if anything did."""
    with open_traces("queuecast_gateway", settings) as traces:
        await _run(settings, traces)


async def _run(settings: Settings, traces: Traces | None) -> None:
    registry = new_registry("queuecast_gateway", settings.revision)
    metrics = Metrics(registry)
    bus = GatewayBus(settings) if traces is None else TracedBus(traces, settings)
    sessions = Sessions(bus, ttl_seconds=2 * settings.away_seconds, away_seconds=settings.away_seconds)
    recovery = _recovery(settings, bus, sessions, metrics)
    jwks = _jwks(
        settings,
        metrics,
        lambda keys: server.eio.start(server.entrance.end_without(keys, settings.drain_seconds)),
    )
    guard = _guard(settings, jwks, Tries(settings.max_failed_tries, TRIES_SECONDS))
    per_address = Tally(settings.max_connections_per_address)
    burst = settings.max_connections_per_address or settings.max_connections
    arrivals = Arrivals(settings.max_connects_per_second, burst)
    admission = Admission(raise_descriptor_limit(), settings.max_connections, per_address, arrivals, metrics)
    server = SocketServer(bus, settings, metrics, recovery, guard, admission)
    server.eio.outbox.on_written = metrics.write.observe
    metrics.buffered.set_function(lambda: server.eio.buffered()[0])
    metrics.buffered_most.set_function(lambda: server.eio.buffered()[1])
    backpressure = Backpressure(bus, settings.max_lag_seconds)
    metrics.behind.set_function(backpressure.lag_seconds)
    probe = Probe(bus, f"{settings.replica}:{uuid.uuid4().hex}", backpressure.stored)
    board = Board(server, settings.replica, version("queuecast-gateway"))

    def on_gap(gap: Gap) -> None:
        # What nobody here has read nobody here may believe to have: all begin anew, one after another.
        recovery.lost(gap)
        server.eio.start(drain(list(server.eio.sockets.values()), settings.drain_seconds))

    fanout_of = Fanout if traces is None else partial(TracedFanout, traces, settings.channel)
    commands = Commands(server, settings.max_rooms, metrics)
    fanout = fanout_of(
        bus, server.eio.outbox, probe, commands, board, metrics, frozenset(settings.namespaces), on_gap
    )
    handlers = Handlers(
        server,
        metrics,
        relay_events=settings.relay_events,
        max_rooms=settings.max_rooms,
        max_room_bytes=settings.max_room_bytes,
        schemas=settings.schemas,
    )
    for namespace in settings.namespaces:
        handlers.register(namespace)
    handlers.register_refresh(BOARD_NAMESPACE)
    board.register()

    # Who acknowledges nothing for as long as a pong may take is gone, whatever is still to be sent to it.
    public = bind(
        settings.host,
        settings.port,
        variable("port"),
        user_timeout_seconds=settings.ping_timeout_seconds,
        send_buffer_bytes=settings.send_buffer_bytes,
    )
    admin = bind(settings.host, settings.admin_port, variable("admin_port"))
    web = web_server(server, settings, admission)
    if (hosts := settings.own_hosts) is not None:
        log.info("browsers may call this gateway by these names (QUEUECAST_HOSTS): %s", hosts)
    openness = Health(notes=_openness(settings))
    for note in openness.notes:
        log.warning("%s", note)
    stopping = stop_signal()

    def ready() -> Health:
        leaving = Health(("stopping",)) if stopping.is_set() else Health()
        keys = Health() if jwks is None else jwks.ready()
        return all_of([probe.ready(), admission.ready(), keys, leaving, openness])

    async def serve() -> None:
        # Browsers are let in once the bus is being read: nobody may sit here and miss what is published.
        await bus.reading.wait()
        log.info("replica %s serves browsers on port %d", settings.replica, settings.port)
        await web.serve(sockets=[public])

    try:
        async with admin_server(admin, registry, alive=Health, ready=ready), asyncio.TaskGroup() as tasks:
            parts = [
                tasks.create_task(part)
                for part in (
                    fanout.follow(bus.follow()),
                    bus.hear(),
                    sessions.run(),
                    probe.run(),
                    board.run(),
                    Announcement(bus, settings.namespaces).run(),
                    backpressure.run(),
                    watch_lag(metrics.loop_lag.observe),
                )
            ]
            if jwks is not None:
                parts.append(tasks.create_task(jwks.run()))
            if (cost := _deletion_cost(settings, server, metrics)) is not None:
                parts.append(tasks.create_task(cost.run()))
            serving = tasks.create_task(serve())
            await _first(serving, tasks.create_task(stopping.wait()))
            asked = stopping.is_set()
            log.info("stopping")
            metrics.draining.set(1)
            await _leave(server, settings.drain_seconds, settings.graceful_seconds)
            await _end(web, serving)
            await server.shutdown()
            await _write_down(sessions)
            for part in parts:
                part.cancel()
            stopping.set()
    finally:
        await bus.aclose()
    if not asked:
        raise RuntimeError("the web server ended although nobody had asked it to")


def _recovery(settings: Settings, bus: GatewayBus, sessions: Sessions, metrics: Metrics) -> Recovery:
    kept = settings.history_bytes if settings.recovery_seconds else 0
    bus.history = History(kept, settings.max_record_bytes, Skipped(metrics).skip)
    if settings.recovery_seconds:
        bus.offset_namespaces = frozenset(settings.namespaces)
    bounds = Bounds(
        settings.away_seconds, settings.max_replay_events, settings.max_replay_bytes, settings.max_rooms
    )
    quota = Quota(settings.max_session_bytes_per_address, settings.away_seconds)
    return Recovery(bus, sessions, bounds, metrics, quota)


def _jwks(settings: Settings, metrics: Metrics, end_without: Callable[[KeySet], object]) -> Jwks | None:
    if settings.auth_jwks_url is None:
        return None

    def on_set(keys: KeySet) -> None:
        metrics.auth_keys.set(len(keys))
        if settings.auth_jwks_end_sessions:
            end_without(keys)

    return Jwks(
        settings.auth_jwks_url,
        settings.algorithms,
        refresh_seconds=settings.auth_jwks_seconds,
        stale_seconds=settings.auth_jwks_stale_seconds,
        on_failure=metrics.key_failures.inc,
        on_set=on_set,
    )


def _deletion_cost(settings: Settings, server: SocketServer, metrics: Metrics) -> DeletionCost | None:
    if settings.pod_name is None or settings.pod_namespace is None:
        return None
    return DeletionCost(
        settings.pod_name,
        settings.pod_namespace,
        lambda: len(server.eio.sockets),
        on_failure=metrics.deletion_cost_failures.inc,
    )


def _guard(settings: Settings, jwks: Jwks | None, tries: Tries) -> Guard:
    keys = jwks or settings.static_key
    if keys is None:
        return OpenGuard(EVERY_ROOM if settings.public_rooms is None else patterns(settings.public_rooms))
    leeway = settings.auth_leeway_seconds
    rules = Rules(
        settings.algorithms, settings.auth_issuer, settings.auth_audience, leeway, settings.auth_types
    )
    return TokenGuard(Tokens(keys, rules), tries, patterns(settings.public_rooms or ()), leeway)


def _openness(settings: Settings) -> tuple[str, ...]:
    """Say what an operator should know who did not mean it."""
    if settings.auth != "none":
        return ()
    where = "from any origin (QUEUECAST_ORIGINS=*)" if settings.origins == ("*",) else ""
    return (f"open: anybody may connect{where and ', '}{where} (QUEUECAST_AUTH=none)",)


async def _leave(server: SocketServer, drain_seconds: float, graceful_seconds: float) -> None:
    server.eio.leaving = True
    sessions = list(server.eio.sockets.values())
    if sessions:
        log.info("%d connections are closed within %g s", len(sessions), drain_seconds)
    await drain(sessions, drain_seconds)
    # Who was between two polls is answered once more.
    with suppress(TimeoutError):
        async with asyncio.timeout(graceful_seconds):
            await server.eio.closing.settled()


async def _write_down(sessions: Sessions) -> None:
    try:
        await sessions.flush()
    except BusUnavailable as exc:
        log.warning("browsers that left last may have to start anew: %s", exc)


async def _first(*tasks: asyncio.Task[Any]) -> None:
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


async def _end(web: WebServer, serving: asyncio.Task[None]) -> None:
    web.should_exit = True
    if not web.started:
        serving.cancel()
    await asyncio.wait([serving])
