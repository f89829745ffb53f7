"""The poller's composition root: the one place that names every concrete class.

The main thread has the signals and the admin server; each queue has a thread that owns its event loop.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry

from queuecast_bus import BusManager
from queuecast_bus.connection import jittered
from queuecast_edge.admin import admin_server
from queuecast_edge.environment import variable
from queuecast_edge.health import all_of
from queuecast_edge.lag import watch_lag
from queuecast_edge.listener import bind
from queuecast_edge.metrics import new_registry
from queuecast_edge.process import reload_signal, stop_signal
from queuecast_edge.traces import Traces, open_traces
from queuecast_poller.failure import QueueUnavailable
from queuecast_poller.intake import RECEIVE_RETRY_CAP_SECONDS, Intake
from queuecast_poller.judgement import Judgement
from queuecast_poller.loop_thread import LoopThread, pause
from queuecast_poller.metrics import Metrics, QueueMetrics
from queuecast_poller.payloads import S3Payloads
from queuecast_poller.pulse import Pulse
from queuecast_poller.route.model import MAX_RECEIVES
from queuecast_poller.route.reload import RoutesInForce
from queuecast_poller.rules import Rules
from queuecast_poller.served import Served
from queuecast_poller.settings import Settings
from queuecast_poller.sqs import SqsQueue, open_queue
from queuecast_poller.traced import TracedIntake, TracedQueue

log = logging.getLogger(__name__)

EXIT_SECONDS = 24.7
"""When a thread that does not end is given up; the process is gone within 25 s of its signal, or later by as
long as it waits for its last spans."""


async def run(settings: Settings) -> None:
    """Poll all queues until SIGTERM or SIGINT. Raises what ended a queue's thread, if anything did."""
    with open_traces("queuecast_poller", settings) as traces:
        await _run(settings, traces)


async def _run(settings: Settings, traces: Traces | None) -> None:
    registry = new_registry("queuecast_poller", settings.revision)
    metrics = Metrics(registry)
    stall_seconds = 3.0 * settings.wait_seconds + 60.0
    pulses = {name: Pulse(name, stall_seconds) for name in settings.queues}
    routes = RoutesInForce(settings.routes, settings.queues, settings.rules, metrics.routes)
    threads = [
        _thread(settings, name, partial(routes.of, name), metrics.of(name), pulse, traces)
        for name, pulse in pulses.items()
    ]
    stopping = stop_signal()
    async with _admin(settings, registry, pulses.values(), routes), asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(routes.watch(reload_signal()))
        await _supervise(threads, stopping)
        watching.cancel()


def _admin(
    settings: Settings, registry: CollectorRegistry, pulses: Collection[Pulse], routes: RoutesInForce
) -> AbstractAsyncContextManager[None]:
    return admin_server(
        bind(settings.host, settings.admin_port, variable("admin_port")),
        registry,
        alive=lambda: all_of(pulse.alive() for pulse in pulses),
        ready=lambda: all_of([*(pulse.ready() for pulse in pulses), routes.note()]),
    )


async def _supervise(threads: Sequence[LoopThread], stopping: asyncio.Event) -> None:
    """Run the threads until one ends or `stopping` is set; then end them all."""
    for thread in threads:
        thread.start()
    outcomes = {asyncio.wrap_future(thread.outcome): thread.name for thread in threads}
    stop = asyncio.create_task(stopping.wait())
    waited_for: list[asyncio.Future[Any]] = [stop, *outcomes]
    await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
    asked = stopping.is_set()
    stop.cancel()
    log.info("stopping" if asked else "a queue's loop has ended, so the process ends")
    for thread in threads:
        thread.stop()
    ended, running = await asyncio.wait(outcomes, timeout=EXIT_SECONDS)
    for outcome in ended:
        outcome.result()
    if running:
        raise TimeoutError(
            f"did not end in {EXIT_SECONDS} s: {', '.join(outcomes[task] for task in running)}"
        )
    if not asked:
        raise RuntimeError("a queue's loop ended although nobody had asked it to")


def _thread(
    settings: Settings,
    name: str,
    rules: Callable[[], Rules],
    metrics: QueueMetrics,
    pulse: Pulse,
    traces: Traces | None,
) -> LoopThread:
    async def poll(stop: asyncio.Event) -> None:
        bus = BusManager(settings, write_only=True)
        lag = asyncio.create_task(watch_lag(metrics.loop_lag.observe))
        try:
            await _poll(settings, name, rules, metrics, pulse, bus, traces, stop)
        finally:
            lag.cancel()
            await bus.aclose()

    return LoopThread(f"queue-{name}", poll)


async def _poll(
    settings: Settings,
    name: str,
    rules: Callable[[], Rules],
    metrics: QueueMetrics,
    pulse: Pulse,
    bus: BusManager,
    traces: Traces | None,
    stop: asyncio.Event,
) -> None:
    """Open the queue, however often that must be tried, and work on it until `stop` is set."""
    kind = partial(
        SqsQueue if traces is None else TracedQueue, has_timers=name in settings.queues_with_timers
    )
    intake_of = Intake if traces is None else partial(TracedIntake, traces, name)
    attempt = 0
    while not stop.is_set():
        pulse.tick()
        try:
            async with open_queue(name, settings.wait_seconds, MAX_RECEIVES, kind) as queue:
                pulse.recovered("sqs")
                _say_what_happens_to_dead_letters(name, queue.max_receive_count)
                log.info("queue %s: receiving", name)
                payloads = S3Payloads(
                    settings.payload_buckets,
                    settings.max_body_bytes,
                    min(settings.payload_seconds, queue.visibility_seconds / 2),
                )
                judgement = Judgement(rules, Served(bus), payloads)
                try:
                    await intake_of(queue, bus, settings, metrics, pulse, judgement).run(stop)
                finally:
                    await payloads.aclose()
        except QueueUnavailable as exc:
            metrics.failed(exc)
            pulse.suffers("sqs", str(exc))
            log.warning("trying again: %s", exc)
            await pause(stop, jittered(attempt, cap_seconds=RECEIVE_RETRY_CAP_SECONDS))
            attempt += 1


def _say_what_happens_to_dead_letters(name: str, max_receive_count: int | None) -> None:
    if max_receive_count is None:
        log.warning("queue %s has no redrive policy: what is left comes back until it expires", name)
    else:
        log.info("queue %s: dead letters after %d receives", name, max_receive_count)
