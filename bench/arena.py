"""One server on its core, with a Redis of its own; both run within a context and end with it."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bench.accounting import Reading, cpu_ns, read
from bench.contestants import Contestant, Place
from bench.crowd import Crowd, crowd_of
from bench.dialects import Dialect
from bench.events import Event
from bench.member import greet
from bench.preparation import Cores
from bench.publishers import Publisher
from queuecast_local.ports import is_free
from queuecast_local.processes import Process
from queuecast_local.redis_server import RedisServer

START_SECONDS = 60.0
FIRST_INTERVAL = 0.01
CALM_SECONDS = 10.0
CALM_INTERVAL = 0.2
CALM_SHARE = 0.02
"""A server that uses no more of its core than this is idle."""
BUSY_SHARE = 0.2
"""A server that uses more than this is not idle, even if that does not change: it works off a backlog."""
STEADY = 5
"""In so many intervals a server that becomes idle uses less than in as many before."""
FALLING = 0.9

_ports = count(17_000)
"""Below the tests' ports, and below the range from which the kernel takes the clients' ports."""


class ArenaFailed(Exception):
    """A server or its Redis did not start, or ended; the message says which and has its last output."""


@dataclass(frozen=True, slots=True)
class Arena:
    """A server that is ready to be measured."""

    contestant: Contestant
    place: Place
    server: Process
    redis: Process
    publisher: Publisher
    cores: Cores
    start_seconds: float
    """From the start of the server's process until it had let in a client."""
    calm_interval: float = CALM_INTERVAL

    def read(self) -> Reading:
        """Read the kernel's accounting."""
        return read(self.server.pid, self.redis.pid, (self.cores.server, self.cores.generator))

    @asynccontextmanager
    async def crowd(self, size: int) -> AsyncIterator[Crowd]:
        """Connect clients that receive what is published."""
        await self.calm()
        async with crowd_of((self.place.port,), size, self.contestant.dialect) as crowd:
            # A server that has just subscribed to its channel may receive nothing yet.
            await until(
                "the first event", lambda: None if crowd.ledger.warm else "nobody hears it", self._warm
            )
            await self.calm()
            yield crowd
            await self.calm()  # a late one then comes twice, and shows

    async def calm(self) -> None:
        """Wait until the server is idle, or for some seconds."""
        began, before = time.monotonic(), cpu_ns(self.server.pid)
        shares: list[float] = []
        while not is_calm(shares) and time.monotonic() - began < CALM_SECONDS:
            await asyncio.sleep(self.calm_interval)
            now = cpu_ns(self.server.pid)
            shares.append((now - before) / (self.calm_interval * 1e9))
            before = now
        if self.server.exit_code is not None:
            raise ArenaFailed(f"it ended with code {self.server.exit_code}:\n{last_words(self.server)}")

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the server's process within the context."""
        self.server.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.server.signal(signal.SIGCONT)

    async def _warm(self) -> None:
        await self.publisher.publish([Event("warm", {})])


def is_calm(shares: Sequence[float]) -> bool:
    """Say whether a server is idle, from its shares of a core in equal intervals, the newest last. Pure.

    It uses next to nothing; or it uses little, and no longer less: what an idle server costs depends on the
    machine.
    """
    if len(shares) >= 2 and max(shares[-2:]) <= CALM_SHARE:
        return True
    if len(shares) < 2 * STEADY:
        return False
    before, last = shares[-2 * STEADY : -STEADY], shares[-STEADY:]
    return max(last) <= BUSY_SHARE and sum(last) >= FALLING * sum(before)


@asynccontextmanager
async def arena(
    contestant: Contestant,
    redis: RedisServer,
    cores: Cores,
    workshop: Path,
    *,
    redis_core: int | None = None,
    calm_interval: float = CALM_INTERVAL,
) -> AsyncIterator[Arena]:
    """Start Redis and the server, and end both. Redis is on the generator's core if no other is given.

    Raises `ArenaFailed`.
    """
    place = Place(free_port(), free_port(), free_port(), workshop)
    running: list[Process] = []

    def start(name: str, core: int, command: list[str], environment: dict[str, str]) -> Process:
        pinned = (sys.executable, "-m", "bench.pinned", str(core), *command)
        process = Process(name, pinned, environment)
        running.append(process)
        return process

    publisher = contestant.publisher(place.redis_port)
    try:
        core = cores.generator if redis_core is None else redis_core
        store = start("redis", core, list(redis.on(place.redis_port)), {})
        await _ready("redis", store, lambda: _unlistened(place.redis_port))
        environment = dict(contestant.environment(place))
        server = start(contestant.name, cores.server, list(contestant.command(place)), environment)
        start_seconds = await _first_client(server, place.port, contestant.dialect)
        await _ready(contestant.name, server, lambda: _unlistened(place.port) or contestant.trouble(place))
        yield Arena(
            contestant, place, server, store, publisher, cores, start_seconds, calm_interval=calm_interval
        )
    finally:
        await publisher.aclose()
        for process in reversed(running):
            process.stop(grace_seconds=2)


async def _first_client(server: Process, port: int, dialect: Dialect) -> float:
    """Return the seconds from the start of a server until it has let in a client. Raises `ArenaFailed`."""
    while True:
        try:
            greeting = await greet(port, dialect)
        except OSError as exc:
            seconds = time.monotonic() - server.started
            if server.exit_code is not None or seconds > START_SECONDS:
                raise ArenaFailed(f"{server.name} lets nobody in: {exc}\n{last_words(server)}") from exc
            await asyncio.sleep(FIRST_INTERVAL)
        else:
            greeting.transport.abort()
            return time.monotonic() - server.started


async def _ready(name: str, process: Process, trouble: Callable[[], str | None]) -> None:
    def why() -> str | None:
        if process.exit_code is not None:
            raise ArenaFailed(f"{name} ended with code {process.exit_code}:\n{last_words(process)}")
        return trouble()

    try:
        await until(name, why)
    except TimeoutError as exc:
        raise ArenaFailed(f"{exc}\n{last_words(process)}") from exc


async def until(
    what: str, trouble: Callable[[], str | None], step: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Wait until there is no trouble; do a step before each check. Raises `TimeoutError`."""
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
    """Return a port that nobody listens on and that this function has not returned before."""
    return next(port for port in _ports if is_free(port))


def last_words(process: Process) -> str:
    """Return a process's last output."""
    return "\n".join(f"  {process.name} | {line}" for line in list(process.tail)[-20:])
