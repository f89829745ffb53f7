"""One consumer on its core, the stub and Redis on the other: the cost of a message, and the throughput."""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from bench.accounting import cores_ns, cpu_ns
from bench.arena import ArenaFailed, free_port, last_words
from bench.intake.contestants import Consumer, Place, aws
from bench.intake.stub import BATCH
from bench.preparation import Cores
from queuecast_local.ports import is_free
from queuecast_local.processes import Process
from queuecast_local.redis_server import RedisServer

START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Load:
    """How much is measured."""

    rounds: int = 3
    warm_messages: int = 3_000
    seconds: float = 10.0


QUICK = Load(rounds=1, warm_messages=1_000, seconds=4.0)


@dataclass(frozen=True, slots=True)
class Figure:
    """What one consumer did in one round."""

    messages: int
    """The deleted messages."""
    received: int
    calls: int
    cpu_seconds: float
    seconds: float
    other_core_busy: float
    """The share of the other core that the stub and Redis used."""
    others_busy: float
    """How much of a core other processes used, or the host stole."""

    @property
    def cpu_us(self) -> float:
        """CPU per message, in microseconds."""
        return self.cpu_seconds * 1e6 / self.messages

    @property
    def per_core(self) -> float:
        """Messages per second of CPU time."""
        return self.messages / self.cpu_seconds

    @property
    def per_second(self) -> float:
        """Messages per second of wall-clock time."""
        return self.messages / self.seconds

    @property
    def calls_each(self) -> float:
        """SQS calls per message: to receive it, and to delete it, perhaps later."""
        receives = self.received / BATCH
        return 1 / BATCH + (self.calls - receives) / self.messages


async def measure(consumer: Consumer, redis: RedisServer, cores: Cores, load: Load, folder: Path) -> Figure:
    """Run one consumer with a stub and a Redis of its own. Raises `ArenaFailed`."""
    stub_port, redis_port = free_port(), free_port()
    place = Place(
        queue_url=f"http://127.0.0.1:{stub_port}/123456789012/orders",
        redis_url=f"redis://127.0.0.1:{redis_port}/0",
        admin_port=free_port(),
        routes=folder / "routes.yaml",
    )
    with (
        _running(
            "stub", cores.generator, (sys.executable, "-m", "bench.intake.stub", str(stub_port))
        ) as stub,
        _running("redis", cores.generator, redis.on(redis_port)) as store,
    ):
        await _until("the stub and Redis", stub, lambda: not is_free(stub_port) and not is_free(redis_port))
        environment = {**aws(place), **consumer.environment(place)}
        with _running(consumer.name, cores.server, consumer.command(place), environment) as process:
            await _until("the first messages", process, lambda: _deleted(stub_port) >= load.warm_messages)
            before = _reading(process, stub, store, cores, stub_port)
            await asyncio.sleep(load.seconds)
            after = _reading(process, stub, store, cores, stub_port)
            if process.exit_code is not None:
                raise ArenaFailed(f"it ended with code {process.exit_code}:\n{last_words(process)}")
    spent = [later - sooner for sooner, later in zip(before, after, strict=True)]
    clock_ns, process_ns, other_ns, cores_spent_ns, calls, received, messages = spent
    if messages <= 0:
        raise ArenaFailed(f"no message was deleted in {load.seconds} s")
    return Figure(
        messages,
        received,
        calls,
        process_ns / 1e9,
        clock_ns / 1e9,
        other_ns / clock_ns,
        max(0.0, (cores_spent_ns - process_ns - other_ns) / clock_ns),
    )


def _reading(
    process: Process, stub: Process, redis: Process, cores: Cores, stub_port: int
) -> tuple[int, ...]:
    calls, received, deleted = _counts(stub_port)
    return (
        time.monotonic_ns(),
        cpu_ns(process.pid),
        cpu_ns(stub.pid) + cpu_ns(redis.pid),
        cores_ns((cores.server, cores.generator)),
        calls,
        received,
        deleted,
    )


def _counts(stub_port: int) -> tuple[int, int, int]:
    with urlopen(f"http://127.0.0.1:{stub_port}/", timeout=10) as answer:
        calls, received, deleted = json.loads(answer.read())
    return calls, received, deleted


def _deleted(stub_port: int) -> int:
    return _counts(stub_port)[2]


async def _until(what: str, process: Process, reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not reached():
        if process.exit_code is not None or time.monotonic() > deadline:
            raise ArenaFailed(f"{what} did not come:\n{last_words(process)}")
        await asyncio.sleep(0.1)


@contextmanager
def _running(
    name: str, core: int, command: Sequence[str], environment: Mapping[str, str] | None = None
) -> Iterator[Process]:
    pinned = (sys.executable, "-m", "bench.pinned", str(core), *command)
    process = Process(name, pinned, environment or {})
    try:
        yield process
    finally:
        process.stop(grace_seconds=2)
