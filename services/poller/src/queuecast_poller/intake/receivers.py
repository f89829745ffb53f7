"""Receives from a queue: one long poll while it is quiet, several receives while it has a backlog."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from queuecast_bus.connection import jittered
from queuecast_poller.intake.concurrency import has_backlog, wanted_receives
from queuecast_poller.intake.liveness import Liveness
from queuecast_poller.intake.throttle import Throttle
from queuecast_poller.loop_thread import pause
from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.sqs.failure import QueueUnavailable
from queuecast_poller.sqs.message import Message
from queuecast_poller.sqs.queue import Queue

log = logging.getLogger(__name__)

RECEIVE_RETRY_CAP_SECONDS = 5.0
"""Longest pause before SQS is tried again, and so the longest delay until a poller notices that an outage is
over."""

MIN_EMPTY_RECEIVE_SECONDS = 1.0
"""Least time from an empty receive to the next, start to start. Without long polling
(`QUEUECAST_WAIT_SECONDS=0`) they would follow each other as fast as SQS answers."""


class Handler(Protocol):
    """What happens to what was received."""

    async def handle(self, messages: Sequence[Message], stop: asyncio.Event, *, is_backlog: bool) -> int:
        """Work on the messages of one receive; return about how many bytes they brought."""

    async def on_empty(self) -> None:
        """React to a receive that brought nothing."""


class Receivers:
    """The receives of one queue. `max_receives` returns how many may be under way at a time."""

    def __init__(
        self,
        queue: Queue,
        throttle: Throttle,
        liveness: Liveness,
        metrics: QueueMetrics,
        max_receives: Callable[[], int],
        tick: Callable[[], object],
    ) -> None:
        self._queue = queue
        self._throttle = throttle
        self._liveness = liveness
        self._metrics = metrics
        self._max_receives = max_receives
        self._tick = tick
        self._open_receives = 0

    async def run(self, handler: Handler, stop: asyncio.Event) -> None:
        """Receive until `stop` is set and everything that was received is handled."""
        async with asyncio.TaskGroup() as tasks:
            self._open(tasks, handler, stop)

    def _open(self, tasks: asyncio.TaskGroup, handler: Handler, stop: asyncio.Event) -> None:
        self._open_receives += 1
        self._metrics.open_receives.set(self._open_receives)
        tasks.create_task(self._receive_repeatedly(tasks, handler, stop))

    async def _receive_repeatedly(
        self, tasks: asyncio.TaskGroup, handler: Handler, stop: asyncio.Event
    ) -> None:
        attempt = 0
        wanted = self._open_receives
        while not stop.is_set() and self._open_receives <= wanted:
            if not (most := await self._throttle.reserve(stop, self._tick)):
                break
            began = time.monotonic()
            messages: Sequence[Message] = ()
            try:
                messages = self._throttle.with_throttled_time(await self._queue.receive(most))
            except QueueUnavailable as exc:
                self._count_failure(exc)
                if attempt == 0 and not stop.is_set():
                    log.warning("receiving pauses: %s", exc)
                await pause(stop, jittered(attempt, cap_seconds=RECEIVE_RETRY_CAP_SECONDS))
                attempt += 1
                continue
            finally:
                self._throttle.put_back(most - len(messages))
            attempt = 0
            if self._liveness.recovered("sqs"):
                log.info("receiving")
            took_seconds = time.monotonic() - began
            size = 0
            if messages:
                is_backlog = has_backlog(len(messages), most, took_seconds)
                size = await handler.handle(messages, stop, is_backlog=is_backlog)
            else:
                self._metrics.receives["empty"].inc()
                await handler.on_empty()
                await pause(stop, MIN_EMPTY_RECEIVE_SECONDS - took_seconds)
            wanted = wanted_receives(self._open_receives, len(messages), self._max_receives(), size)
            while wanted > self._open_receives and not stop.is_set():
                self._open(tasks, handler, stop)
        self._open_receives -= 1
        self._metrics.open_receives.set(self._open_receives)

    def _count_failure(self, exc: QueueUnavailable) -> None:
        self._metrics.receives["error"].inc()
        self._metrics.failed(exc)
        self._liveness.failing("sqs", str(exc))
