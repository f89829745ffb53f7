"""The poller's composition root: the one place that names every concrete class.

The main thread handles signals and serves the admin port. Each queue has a thread that owns its event loop.
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
from queuecast_edge.health import combine
from queuecast_edge.lag import watch_lag
from queuecast_edge.listener import bind
from queuecast_edge.metrics import new_registry
from queuecast_edge.process import reload_signal, stop_signal
from queuecast_edge.spans import Traces
from queuecast_edge.traces import open_traces
from queuecast_poller.intake.bus_watch import BusWatch
from queuecast_poller.intake.intake import Intake
from queuecast_poller.intake.liveness import Liveness
from queuecast_poller.intake.queue_report import QueueReport
from queuecast_poller.intake.receivers import RECEIVE_RETRY_CAP_SECONDS
from queuecast_poller.judge.message_judge import MessageJudge
from queuecast_poller.judge.payloads import S3Payloads
from queuecast_poller.judge.served_namespaces import ServedNamespaces
from queuecast_poller.loop_thread import LoopThread, pause
from queuecast_poller.metrics import Metrics, QueueMetrics
from queuecast_poller.route.model import MAX_RECEIVES, queue_name
from queuecast_poller.route.rules import Rules
from queuecast_poller.routes_in_force import RoutesInForce
from queuecast_poller.settings import Settings
from queuecast_poller.sqs.failure import QueueUnavailable
from queuecast_poller.sqs.queue import SqsQueue, open_queue
from queuecast_poller.traced import TracedIntake, TracedQueue

log = logging.getLogger(__name__)

EXIT_SECONDS = 24.7
"""How long the process waits for its threads to end. It is gone within 25 s of its signal, or later by as
long as it waits for its last spans."""


async def run(settings: Settings) -> None:
    """Poll all queues until SIGTERM or SIGINT. Raises what ended a queue's thread, if anything did."""
    with open_traces("queuecast_poller", settings) as traces:
        await _run(settings, traces)


async def _run(settings: Settings, traces: Traces | None) -> None:
    registry = new_registry("queuecast_poller", settings.revision)
    metrics = Metrics(registry)
    stall_seconds = 3.0 * settings.wait_seconds + 60.0
    by_queue = {name: Liveness(name, stall_seconds) for name in settings.queues}
    routes = RoutesInForce(settings.routes, settings.queues, settings.rules, metrics.routes)
    threads = [
        _thread(settings, name, partial(routes.rules_of, name), metrics.for_queue(name), liveness, traces)
        for name, liveness in by_queue.items()
    ]
    stopping = stop_signal()
    async with _admin(settings, registry, by_queue.values(), routes), asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(routes.watch(reload_signal()))
        await _supervise(threads, stopping)
        watching.cancel()


def _admin(
    settings: Settings, registry: CollectorRegistry, by_queue: Collection[Liveness], routes: RoutesInForce
) -> AbstractAsyncContextManager[None]:
    return admin_server(
        bind(settings.host, settings.admin_port, variable("admin_port")),
        registry,
        alive=lambda: combine(liveness.alive() for liveness in by_queue),
        ready=lambda: combine([*(liveness.ready() for liveness in by_queue), routes.note()]),
    )


async def _supervise(threads: Sequence[LoopThread], stopping: asyncio.Event) -> None:
    """Run the threads until one of them ends or `stopping` is set; then end all of them."""
    for thread in threads:
        thread.start()
    outcomes = {asyncio.wrap_future(thread.outcome): thread.name for thread in threads}
    signalled = asyncio.create_task(stopping.wait())
    either: list[asyncio.Future[Any]] = [signalled, *outcomes]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    is_stopping = stopping.is_set()
    signalled.cancel()
    log.info("stopping" if is_stopping else "a queue's loop has ended, so the process ends")
    for thread in threads:
        thread.stop()
    ended, running = await asyncio.wait(outcomes, timeout=EXIT_SECONDS)
    for outcome in ended:
        outcome.result()
    if running:
        raise TimeoutError(
            f"did not end in {EXIT_SECONDS} s: {', '.join(outcomes[task] for task in running)}"
        )
    if not is_stopping:
        raise RuntimeError("a queue's loop ended although the process was not stopping")


def _thread(
    settings: Settings,
    name: str,
    rules: Callable[[], Rules],
    metrics: QueueMetrics,
    liveness: Liveness,
    traces: Traces | None,
) -> LoopThread:
    async def poll(stop: asyncio.Event) -> None:
        bus = BusManager(settings, write_only=True)
        report = QueueReport(
            queue_name(name), settings.replica, bus, metrics, takes_sends=settings.board_sends
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                watching = [
                    tasks.create_task(watch_lag(metrics.loop_lag.observe)),
                    tasks.create_task(BusWatch(bus, liveness, metrics).run()),
                    tasks.create_task(bus.follow_failovers()),
                    tasks.create_task(report.run()),
                ]
                await _poll(settings, name, rules, metrics, liveness, bus, report, traces, stop)
                for task in watching:
                    task.cancel()
        finally:
            await bus.aclose()

    return LoopThread(f"queue-{name}", poll)


async def _poll(
    settings: Settings,
    name: str,
    rules: Callable[[], Rules],
    metrics: QueueMetrics,
    liveness: Liveness,
    bus: BusManager,
    report: QueueReport,
    traces: Traces | None,
    stop: asyncio.Event,
) -> None:
    """Open the queue, with retries, and work on it until `stop` is set."""
    make_queue = partial(
        SqsQueue if traces is None else TracedQueue, has_timers=name in settings.queues_with_timers
    )
    make_intake = Intake if traces is None else partial(TracedIntake, traces, name)
    attempt = 0
    while not stop.is_set():
        liveness.tick()
        try:
            async with open_queue(name, settings.wait_seconds, MAX_RECEIVES, make_queue) as queue:
                liveness.recovered("sqs")
                _log_redrive_policy(name, queue.max_receive_count)
                log.info("queue %s: receiving", name)
                payloads = S3Payloads(
                    settings.max_body_bytes,
                    min(settings.payload_seconds, queue.visibility_seconds / 2),
                )
                message_judge = MessageJudge(rules, ServedNamespaces(bus), payloads)
                intake = make_intake(queue, bus, settings, metrics, liveness, message_judge)
                report.opened(queue, intake.left, intake.waits)
                try:
                    await intake.run(stop)
                finally:
                    await payloads.aclose()
        except QueueUnavailable as exc:
            metrics.failed(exc)
            liveness.failing("sqs", str(exc))
            log.warning("the queue cannot be opened, trying again: %s", exc)
            await pause(stop, jittered(attempt, cap_seconds=RECEIVE_RETRY_CAP_SECONDS))
            attempt += 1


def _log_redrive_policy(name: str, max_receive_count: int | None) -> None:
    if max_receive_count is None:
        log.warning("queue %s has no redrive policy: left messages come back until they expire", name)
    else:
        log.info("queue %s: messages become dead letters after %d receives", name, max_receive_count)
