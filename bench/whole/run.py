"""One system's processes, with a stub of SQS and a Redis of its own; they end with the context."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

from bench.accounting import cpu_ns
from bench.arena import ArenaFailed, free_port, last_words
from bench.contestants import Place
from bench.intake.contestants import Place as Intake
from bench.intake.contestants import aws
from bench.whole.queue import QUEUE
from bench.whole.systems import System
from queuecast_local.ports import is_free
from queuecast_local.processes import Process
from queuecast_local.redis_server import RedisServer
from queuecast_local.stack import unready

GATEWAYS = 2
START_SECONDS = 60.0
SETTLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Running:
    """A system that takes messages from a queue and has two gateways."""

    system: System
    ports: Sequence[int]
    processes: Mapping[str, Process]
    """All whose cost counts: gateways, consumer and Redis."""
    stub: Process
    _queue_url: str

    async def send(self, first: int, count: int, rate: float, rooms: int) -> None:
        """Let the stub send messages; 0 is no rate, but all at once."""
        query = urlencode({"first": first, "count": count, "rate": rate, "rooms": rooms})
        await asyncio.to_thread(_get, f"{self._queue_url}/send?{query}")

    async def counts(self) -> tuple[int, int]:
        """Return how many messages wait on the queue, and how many of the last ones sent were deleted."""
        waiting, deleted = json.loads(await asyncio.to_thread(_get, f"{self._queue_url}/"))
        return waiting, deleted

    def cpu_ns(self) -> dict[str, int]:
        """Return the CPU time of each process so far. Raises `ArenaFailed` if one has ended."""
        for process in self.processes.values():
            if process.exit_code is not None:
                raise ArenaFailed(
                    f"{process.name} ended with code {process.exit_code}:\n{last_words(process)}"
                )
        return {name: cpu_ns(process.pid) for name, process in self.processes.items()}


def _get(url: str) -> bytes:
    with urlopen(url, timeout=30) as answer:  # noqa: S310  # the bench's own stub
        return bytes(answer.read())


@asynccontextmanager
async def running(system: System, redis: RedisServer, workshop: Path) -> AsyncIterator[Running]:
    """Start everything. Raises `ArenaFailed`."""
    stub_port, redis_port = free_port(), free_port()
    intake = Intake(
        queue_url=f"http://127.0.0.1:{stub_port}{QUEUE}",
        redis_url=f"redis://127.0.0.1:{redis_port}/0",
        admin_port=free_port(),
        routes=workshop / "routes.yaml",
    )
    places = [Place(free_port(), free_port(), redis_port, workshop) for _ in range(GATEWAYS)]
    started: dict[str, Process] = {}

    async def start(
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        trouble: Callable[[], str | None],
    ) -> None:
        process = started[name] = Process(name, command, environment)
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while why := trouble():
            if process.exit_code is not None or asyncio.get_running_loop().time() > deadline:
                raise ArenaFailed(f"{name}: {why}:\n{last_words(process)}")
            await asyncio.sleep(0.05)

    def listens(port: int) -> Callable[[], str | None]:
        return lambda: "nobody listens" if is_free(port) else None

    try:
        names = [system.rooms_attribute, *([system.id_attribute] if system.id_attribute else [])]
        stub = (sys.executable, "-m", "bench.whole.queue", str(stub_port), *names)
        await start("stub", stub, {}, listens(stub_port))
        await start("redis", redis.on(redis_port), {}, listens(redis_port))
        for number, place in enumerate(places, 1):

            def trouble(place: Place = place) -> str | None:
                return listens(place.port)() or system.gateway.trouble(place)

            await start(
                f"gateway {number}",
                system.gateway_command(place, intake),
                system.gateway_environment(place, intake),
                trouble,
            )
        if system.consumer is not None:
            environment = {**aws(intake), **system.consumer.environment(intake)}
            ready = (lambda: unready(intake.admin_port)) if system.name == "queuecast" else (lambda: None)
            await start(system.consumer.name, system.consumer.command(intake), environment, ready)
        await asyncio.sleep(SETTLE_SECONDS)
        counted = {name: process for name, process in started.items() if name != "stub"}
        yield Running(
            system,
            [place.port for place in places],
            counted,
            started["stub"],
            intake.queue_url.removesuffix(QUEUE),
        )
    finally:
        for process in reversed(started.values()):
            process.stop(grace_seconds=3)
