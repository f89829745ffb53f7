"""The gateway's composition root: builds every part, serves browsers, and stops in order."""

import asyncio
import logging
import uuid
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from queuecast_bus import BusUnavailable, Gap
from queuecast_edge.admin import admin_server
from queuecast_edge.environment import variable
from queuecast_edge.health import Health, combine
from queuecast_edge.lag import watch_lag
from queuecast_edge.listener import bind
from queuecast_edge.metrics import new_registry
from queuecast_edge.process import stop_signal
from queuecast_edge.spans import Traces
from queuecast_edge.traces import open_traces
from queuecast_gateway.access.keys import KeySet
from queuecast_gateway.api.building import build_api
from queuecast_gateway.composition import (
    bind_public,
    build_ack_reporter,
    build_admission,
    build_authenticator,
    build_board,
    build_deletion_cost,
    build_jwks,
    build_node_emitters,
    build_past_reader,
    build_presence,
    build_recovery,
    openness_notes,
    register_handlers,
)
from queuecast_gateway.delivery.commands import Commands
from queuecast_gateway.delivery.emitters import Emitters
from queuecast_gateway.delivery.fanout import Fanout
from queuecast_gateway.delivery.gateway_bus import GatewayBus
from queuecast_gateway.delivery.traced import TracedBus, TracedFanout
from queuecast_gateway.delivery.write_delay import WriteDelay
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.public.web import WebServer, web_server
from queuecast_gateway.recovery.session_store import SessionStore
from queuecast_gateway.replica.announcement import Announcement
from queuecast_gateway.replica.backpressure import Backpressure
from queuecast_gateway.replica.bus_probe import BusProbe
from queuecast_gateway.server.drain import drain
from queuecast_gateway.server.socketio_server import SocketServer
from queuecast_gateway.settings import Settings

log = logging.getLogger(__name__)


async def run(settings: Settings) -> None:
    """Serve browsers until SIGTERM or SIGINT. Raises what ended a part of the gateway, if anything did."""
    with open_traces("queuecast_gateway", settings) as traces:
        await Gateway(settings, traces).run()


class Gateway:
    """One gateway: its parts, connected with each other, and both ports bound. `run` serves browsers."""

    def __init__(self, settings: Settings, traces: Traces | None) -> None:
        self._settings = settings
        self._registry = new_registry("queuecast_gateway", settings.revision)
        metrics = self._metrics = Metrics(self._registry)
        bus = self._bus = GatewayBus(settings) if traces is None else TracedBus(traces, settings)

        self._sessions = SessionStore(
            bus, ttl_seconds=2 * settings.away_seconds, away_seconds=settings.away_seconds
        )
        self._recovery = build_recovery(settings, bus, self._sessions, metrics)
        self._jwks = build_jwks(settings, metrics, self._end_without)
        authenticator = build_authenticator(settings, self._jwks)
        self._admission = build_admission(settings, metrics)
        server = self._server = SocketServer(
            bus, settings, metrics, self._recovery, authenticator, self._admission
        )
        self._presence = build_presence(settings, bus, server, metrics)
        past = build_past_reader(settings, bus, metrics)
        register_handlers(settings, server, metrics, past, self._presence)

        commands = Commands(server, settings.max_rooms, metrics)
        bus.emitters = Emitters(bus, commands, metrics, frozenset(settings.namespaces))
        self._node_emitters = build_node_emitters(settings, bus)
        self._subscriptions = [bus.control_subscription]
        if self._node_emitters is not None:
            self._subscriptions.append(self._node_emitters.subscription)
        self._acks = build_ack_reporter(settings, bus, metrics)
        self._backpressure = Backpressure(bus, settings.max_lag_seconds)
        replica_id = f"{settings.replica}:{uuid.uuid4().hex}"
        self._probe = BusProbe(bus, replica_id, self._backpressure.stored)
        self._board = build_board(settings, server, bus, metrics, self._backpressure.lag_seconds)
        fanout_of = Fanout if traces is None else partial(TracedFanout, traces, settings.channel)
        self._fanout = fanout_of(
            bus,
            server.eio.outbox,
            self._probe,
            commands,
            self._board,
            metrics,
            frozenset(settings.namespaces),
            self._on_gap,
        )

        server.eio.outbox.on_written = metrics.write.observe
        metrics.buffered.set_function(lambda: server.eio.held_bytes()[0] + self._web.held_bytes()[0])
        metrics.buffered_most.set_function(lambda: max(server.eio.held_bytes()[1], self._web.held_bytes()[1]))
        metrics.behind.set_function(self._backpressure.lag_seconds)
        metrics.clock_skew.set_function(lambda: bus.clock.skew_seconds)
        metrics.avoids_replicas.set_function(lambda: bus.avoids_replicas)

        self._public = bind_public(settings)
        self._admin = bind(settings.host, settings.admin_port, variable("admin_port"))
        self._web = web_server(server, settings, self._admission)
        if (hosts := settings.own_hosts) is not None:
            log.info("host names that browsers may use (QUEUECAST_HOSTS): %s", hosts)
        self._openness = Health(notes=openness_notes(settings))
        for note in self._openness.notes:
            log.warning("%s", note)
        self._stopping = stop_signal()
        view = None if self._presence is None else self._presence.view
        self._api = build_api(
            settings, self._registry, bus, past, view, server.eio.wheel, self._stopping.is_set
        )
        self._api_listener = (
            None
            if settings.api_port is None
            else bind(settings.host, settings.api_port, variable("api_port"))
        )

    async def run(self) -> None:
        """Serve until the stop signal. Raises what ended a part, if anything did."""
        pages = {} if self._presence is None else {"/presence": self._presence.view.answer}
        admin = admin_server(self._admin, self._registry, alive=Health, ready=self._ready, pages=pages)
        try:
            async with admin, asyncio.TaskGroup() as tasks:
                parts = [tasks.create_task(part) for part in self._parts()]
                serving = [tasks.create_task(self._serve())]
                if self._api is not None:
                    serving.append(tasks.create_task(self._serve_api(self._api)))
                signalled = tasks.create_task(self._stopping.wait())
                await asyncio.wait((*serving, signalled), return_when=asyncio.FIRST_COMPLETED)
                was_signalled = self._stopping.is_set()
                await self._stop(serving)
                for part in parts:
                    part.cancel()
                self._stopping.set()
        finally:
            await self._bus.aclose()
        if not was_signalled:
            raise RuntimeError("the web server ended unexpectedly")

    def _parts(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Yield what runs until the end, beside the web server."""
        yield self._fanout.follow(self._bus.follow(), WriteDelay(self._settings.write_delay_seconds))
        yield self._bus.listen_to_control()
        yield self._bus.follow_failovers()
        if self._node_emitters is not None:
            yield self._node_emitters.run()
        if self._acks is not None:
            yield self._acks.run()
            yield self._acks.keep_announcing()
        yield self._sessions.run()
        yield self._probe.run()
        yield self._board.run()
        yield Announcement(self._bus, self._settings.namespaces).run()
        yield self._backpressure.run()
        if self._presence is not None:
            yield self._presence.run()
        yield watch_lag(self._metrics.loop_lag.observe)
        if self._jwks is not None:
            yield self._jwks.run()
        if (cost := build_deletion_cost(self._settings, self._server, self._metrics)) is not None:
            yield cost.run()

    async def _hear(self) -> None:
        """Wait until the bus and the channels are read.

        Before that no browser must be connected here: it would miss what is published. What Redis refuses is
        not waited for. Operators find it in the log and in the notes of `/readyz`.
        """
        await self._bus.reading.wait()
        for subscription in self._subscriptions:
            await subscription.answered.wait()

    async def _serve(self) -> None:
        await self._hear()
        if self._acks is not None:
            # Whoever is connected here may be waited for from now on.
            self._acks.reads_from = self._bus.history.position
            await self._acks.announce()
        log.info("replica %s serves browsers on port %d", self._settings.replica, self._settings.port)
        await self._web.serve(sockets=[self._public])

    async def _serve_api(self, api: WebServer) -> None:
        await self._hear()
        log.info("the HTTP API is on port %d", self._settings.api_port)
        await api.serve(sockets=[self._api_listener] if self._api_listener is not None else [])

    def _ready(self) -> Health:
        silent = [f"not heard: {each.what}: {each.failure}" for each in self._subscriptions if each.failure]
        stopping = Health(("stopping",)) if self._stopping.is_set() else Health()
        keys = Health() if self._jwks is None else self._jwks.ready()
        port = Health() if self._web.started else Health((f"port {self._settings.port} is not open yet",))
        api = Health()
        if self._api is not None and not self._api.started:
            api = Health((f"port {self._settings.api_port} is not open yet",))
        note = "the bus is read at the primary, as replicas fail or lag behind (QUEUECAST_REDIS_READ_URL)"
        reading = Health(notes=(note,)) if self._bus.avoids_replicas else Health()
        own = (self._probe.ready(), port, self._admission.ready(), keys, stopping, self._openness)
        return combine([*own, reading, Health(notes=tuple(silent)), api])

    def _on_gap(self, gap: Gap) -> None:
        # Some records can never be read here: every client has to start anew, one after another.
        self._recovery.lost(gap)
        if self._acks is not None:
            self._acks.reads_from = gap.before
        eio = self._server.eio
        eio.start(drain(list(eio.sockets.values()), self._settings.drain_seconds))

    def _end_without(self, keys: KeySet) -> None:
        ending = self._server.authentication.end_without(keys, self._settings.drain_seconds)
        self._server.eio.start(ending)

    async def _stop(self, serving: list[asyncio.Task[None]]) -> None:
        log.info("stopping")
        self._metrics.draining.set(1)
        # Meanwhile the API answers: its clients move to other replicas with their next connections.
        await self._close_connections()
        for server, task in zip((self._web, self._api), serving, strict=False):
            if server is not None:
                server.should_exit = True
                if not server.started:
                    task.cancel()
        await asyncio.wait(serving)
        await self._server.shutdown()
        if self._presence is not None:
            await self._presence.withdraw()
        if self._acks is not None:
            await self._acks.leave()
        try:
            await self._sessions.flush()
        except BusUnavailable as exc:
            log.warning("browsers that left last may have to start anew: %s", exc)

    async def _close_connections(self) -> None:
        eio, settings = self._server.eio, self._settings
        eio.draining = True
        sessions = list(eio.sockets.values())
        if sessions:
            log.info("closing %d connections within %g s", len(sessions), settings.drain_seconds)
        await drain(sessions, settings.drain_seconds)
        # A polling client that was between two requests has its next one answered.
        with suppress(TimeoutError):
            async with asyncio.timeout(settings.graceful_seconds):
                await eio.pending_closes.settled()
