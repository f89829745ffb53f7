"""One coroutine on one event loop owned by one thread.

Every asyncio object of that loop is made inside it. The only way in is `stop`, the only way out is `outcome`.
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
"""How long `main` may take to end. A long poll (up to 20 s) must not be cut off: SQS may have handed out
messages in its answer already, and those would stay hidden from everybody until their visibility timeout is
over."""

Main = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"""What runs in the thread; it ends soon after the event is set."""


class LoopThread:
    """A thread that runs `main` to its end. `outcome` is done when the thread is, with what ended it."""

    def __init__(self, name: str, main: Main, grace_seconds: float = GRACE_SECONDS) -> None:
        self.name = name
        self._grace_seconds = grace_seconds
        self.outcome: Future[None] = Future()
        self._main = main
        self._lock = threading.Lock()
        self._stopping = False
        self._inside: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        # A daemon: a loop that does not end in time must not keep a process alive that has given it up.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask `main` to end, and cancel it if it takes too long. From any thread, at any time, repeatedly."""
        with self._lock:
            self._stopping = True
            if self._inside is not None:
                loop, event = self._inside
                loop.call_soon_threadsafe(event.set)

    def join(self, timeout_seconds: float | None = None) -> None:
        """Wait for the end; re-raise what ended it. Raises `TimeoutError`."""
        self.outcome.result(timeout_seconds)

    def _run(self) -> None:
        try:
            # A sixth less CPU per message, much of which goes into sockets (see bench/results-intake.md).
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
            log.warning("%s did not end in %.0f s and is cut off", self.name, self._grace_seconds)
            main.cancel()
            await asyncio.wait([main])
        if not main.cancelled():
            main.result()


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait for so long, but not longer than until we are told to stop."""
    if seconds <= 0:
        return
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
