"""A thread that runs one coroutine on an event loop of its own.

Every asyncio object of that loop is made inside it. Other threads reach it through `stop` and `outcome` only.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any

import uvloop

log = logging.getLogger(__name__)

GRACE_SECONDS = 24.0
"""How long `main` may take to end. A long poll (up to 20 s) must not be cut off: SQS may already have put
messages into its answer, and those would stay hidden until their visibility timeout ends."""

Main = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"""The coroutine function that runs in the thread; it ends soon after the event is set."""


class LoopThread:
    """A thread that runs `main` to its end. Its result or exception goes to `outcome`."""

    def __init__(self, name: str, main: Main, grace_seconds: float = GRACE_SECONDS) -> None:
        self.name = name
        self._grace_seconds = grace_seconds
        self.outcome: Future[None] = Future()
        self._main = main
        self._lock = threading.Lock()
        self._stopping = False
        self._inside: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        # A daemon thread: if it does not end in time, it must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask `main` to end, and cancel it if that takes too long. Any thread may call this, at any time."""
        with self._lock:
            self._stopping = True
            if self._inside is not None:
                loop, event = self._inside
                loop.call_soon_threadsafe(event.set)

    def join(self, timeout_seconds: float | None = None) -> None:
        """Wait for the end, and re-raise the exception that ended it. Raises `TimeoutError`."""
        self.outcome.result(timeout_seconds)

    def _run(self) -> None:
        try:
            # A sixth less CPU per message, much of which is spent on sockets (see bench/results-intake.md).
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._inside_loop())
        except BaseException as exc:
            self.outcome.set_exception(exc)
        else:
            self.outcome.set_result(None)

    async def _inside_loop(self) -> None:
        event = asyncio.Event()
        with self._lock:
            self._inside = asyncio.get_running_loop(), event
            if self._stopping:
                event.set()
        try:
            await self._main_until(event)
        finally:
            with self._lock:
                self._inside = None

    async def _main_until(self, stop: asyncio.Event) -> None:
        main = asyncio.create_task(self._main(stop))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([main, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not (await asyncio.wait([main], timeout=self._grace_seconds))[0]:
            log.warning("%s did not end in %.0f s and is cancelled", self.name, self._grace_seconds)
            main.cancel()
            await asyncio.wait([main])
        if not main.cancelled():
            main.result()


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait for so many seconds, or until `stop` is set."""
    if seconds <= 0:
        return
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
