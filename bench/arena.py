"""One server on its core, with a Redis of its own; it is there within a context and gone after it."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bench.accounting import Reading, cpu_ns, read
from bench.contestants import Contestant, Place
from bench.crowd import Crowd, crowd_of
from bench.events import Event
from bench.publishers import Publisher
from queuecast_local.ports import is_free
from queuecast_local.processes import Process
from queuecast_local.redis_server import RedisServer

START_SECONDS = 30.0
CALM_SECONDS = 10.0
CALM_SHARE = 0.02
"""A server that uses no more of its core than this has nothing left to do."""

_ports = count(17_000)
"""Below the ports of the tests, and below the range from which the kernel takes the clients'."""


class ArenaFailed(Exception):
    """A server or its Redis did not start, or ended; the message says what and shows its last words."""


@dataclass(frozen=True, slots=True)
class Cores:
    """The server's core, and the one of everything else."""

    server: int
    generator: int


@dataclass(frozen=True, slots=True)
class Arena:
    """A server that is ready to be measured."""

    place: Place
    server: Process
    redis: Process
    publisher: Publisher
    cores: Cores

    def read(self) -> Reading:
        """Read the kernel's books."""
        return read(self.server.pid, self.redis.pid, (self.cores.server, self.cores.generator))

    @asynccontextmanager
    async def crowd(self, size: int) -> AsyncIterator[Crowd]:
        """Clients that hear what is published."""
        await self.calm()
        async with crowd_of(self.place.port, size) as crowd:
            # A server that has just subscribed to its channel may hear nothing yet.
            await _until(
                "the first event", lambda: None if crowd.ledger.warm else "nobody hears it", self._warm
            )
            await self.calm()
            yield crowd
            await self.calm()  # what comes late comes twice, and shows

    async def calm(self) -> None:
        """Wait until the server has nothing left to do, or for some seconds."""
        deadline = time.monotonic() + CALM_SECONDS
        interval = 0.2
        before, still = cpu_ns(self.server.pid), 0
        while still < 2 and time.monotonic() < deadline:
            await asyncio.sleep(interval)
            now = cpu_ns(self.server.pid)
            still = still + 1 if now - before < CALM_SHARE * interval * 1e9 else 0
            before = now
        if self.server.exit_code is not None:
            raise ArenaFailed(f"it ended with code {self.server.exit_code}:\n{last_words(self.server)}")

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The server does nothing within the context."""
        self.server.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.server.signal(signal.SIGCONT)

    async def _warm(self) -> None:
        await self.publisher.publish([Event("warm", {})])


@asynccontextmanager
async def arena(
    contestant: Contestant, redis: RedisServer, cores: Cores, workshop: Path
) -> AsyncIterator[Arena]:
    """Start Redis and the server, and end both. Raises `ArenaFailed`."""
    place = Place(free_port(), free_port(), free_port(), workshop)
    running: list[Process] = []

    def start(name: str, core: int, command: list[str], environment: dict[str, str]) -> Process:
        pinned = (sys.executable, "-m", "bench.pinned", str(core), *command)
        process = Process(name, pinned, environment)
        running.append(process)
        return process

    publisher = contestant.publisher(place.redis_port)
    try:
        store = start("redis", cores.generator, list(redis.on(place.redis_port)), {})
        await _ready("redis", store, lambda: _unlistened(place.redis_port))
        environment = dict(contestant.environment(place))
        server = start(contestant.name, cores.server, list(contestant.command(place)), environment)
        await _ready(contestant.name, server, lambda: _unlistened(place.port) or contestant.trouble(place))
        yield Arena(place, server, store, publisher, cores)
    finally:
        await publisher.aclose()
        for process in reversed(running):
            process.stop(grace_seconds=2)


async def _ready(name: str, process: Process, trouble: Callable[[], str | None]) -> None:
    def why() -> str | None:
        if process.exit_code is not None:
            raise ArenaFailed(f"{name} ended with code {process.exit_code}:\n{last_words(process)}")
        return trouble()

    try:
        await _until(name, why)
    except TimeoutError as exc:
        raise ArenaFailed(f"{exc}\n{last_words(process)}") from exc


async def _until(
    what: str, trouble: Callable[[], str | None], step: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Wait until there is no trouble, with a step before each look. Raises `TimeoutError`."""
    deadline = time.monotonic() + START_SECONDS
    while why := trouble():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: {why} after {START_SECONDS:.0f} s")
        if step is not None:
            await step()
        await asyncio.sleep(0.05)


def _unlistened(port: int) -> str | None:
    return "nobody listens" if is_free(port) else None


def free_port() -> int:
    """Return a port that nobody listens on and nobody here was given before."""
    return next(port for port in _ports if is_free(port))


def last_words(process: Process) -> str:
    """Return what a process has written last."""
    return "\n".join(f"  {process.name} | {line}" for line in list(process.tail)[-20:])
