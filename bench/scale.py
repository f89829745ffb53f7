"""`python -m bench.scale`: how many records and readers one Redis carries, alone and with replicas.

It runs the servers on one core, and real publishers and readers of the bus on another. Two cores cannot fill
so many servers, so it measures the CPU time of each of them at a steady rate, by the kernel's accounting.
From that it derives where the busiest server would use a whole core.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import redis
import uvloop

from bench.accounting import cpu_ns
from bench.arena import free_port, until
from bench.bus_load import Reader, bus_settings, reading, store, url
from bench.machine import processor
from queuecast_bus import BusManager
from queuecast_local import redis_server
from queuecast_local.processes import Process
from queuecast_local.redis_server import RedisServer

CORE_US = 1_000_000
AT_RATE = 2_000
"""The records a second for which the most readers are derived."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How servers are arranged: the primary has `direct` replicas, and each of those has `chained` ones."""

    direct: int = 0
    chained: int = 0

    @property
    def replicas(self) -> int:
        return self.direct * (1 + self.chained)

    @property
    def title(self) -> str:
        if not self.direct:
            return "one primary"
        chain = f", each with {self.chained} of its own" if self.chained else ""
        return f"{self.direct} replicas{chain}"


SHAPES = ALONE, _, EIGHT, CHAINED = Shape(), Shape(4), Shape(8), Shape(2, 3)


class Servers:
    """Running servers, in one shape: the primary, its replicas, and then the replicas of those."""

    def __init__(self, server: RedisServer, shape: Shape, folder: Path, core: int) -> None:
        self.shape = shape
        self.ports: list[int] = []
        self._processes: list[Process] = []
        self._clients: list[Any] = []
        self._start(server, folder, core)

    def _start(self, server: RedisServer, folder: Path, core: int) -> None:
        primaries = [None, *[0] * self.shape.direct]
        primaries += [1 + n for n in range(self.shape.direct) for _ in range(self.shape.chained)]
        at_once = ("--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0", "--dir", str(folder))
        for primary in primaries:
            self.ports.append(free_port())
            command = (*server.on(self.ports[-1]), *at_once)
            if primary is not None:
                command += ("--replicaof", f"127.0.0.1 {self.ports[primary]}")
            pinned = (sys.executable, "-m", "bench.pinned", str(core), *command)
            self._processes.append(Process("redis", pinned))
            self._clients.append(redis.Redis(port=self.ports[-1]))

    async def ready(self) -> None:
        """Wait until each has the data of its primary. Raises `TimeoutError`."""
        for client in self._clients:
            await until("replication", partial(_not_ready, client))

    def read_urls(self, readers: int) -> list[str | None]:
        """Return where each reader reads: evenly at all replicas, or at the primary if there are none."""
        urls: list[str | None] = [url(port) for port in self.ports[1:]]
        urls = urls or [None]
        return [urls[number % len(urls)] for number in range(readers)]

    def cpu_us(self) -> list[float]:
        """Return the CPU time of each server so far."""
        return [cpu_ns(process.pid) / 1000 for process in self._processes]

    def replicated_bytes(self) -> int:
        """Return what the primary has sent to its replicas; 0 if this Redis does not say."""
        return int(self._clients[0].info("stats").get("total_net_repl_output_bytes", 0))

    def stop(self) -> None:
        """End all of them."""
        for client in self._clients:
            client.close()
        for process in reversed(self._processes):
            process.stop(grace_seconds=5)


def _not_ready(client: Any) -> str | None:
    try:
        role, *details = client.role()
    except redis.RedisError as exc:
        return str(exc)
    return None if role == b"master" or details[2] == b"connected" else "it has not been copied"


@contextmanager
def running(server: RedisServer, shape: Shape, core: int) -> Iterator[Servers]:
    """Run servers within the context."""
    with tempfile.TemporaryDirectory() as folder:
        servers = Servers(server, shape, Path(folder), core)
        try:
            yield servers
        finally:
            servers.stop()


@dataclass(frozen=True, slots=True)
class Spent:
    """What a record cost each server, in µs of CPU; how many records a read brought; bytes to a replica."""

    servers: Sequence[float]
    records_per_read: float
    replicated_bytes: float


@dataclass(frozen=True, slots=True)
class Load:
    """What is published and read."""

    records: int
    rate: float
    publish: int
    publishers: int
    readers: int


async def measure(servers: Servers, load: Load, readers: int) -> Spent:
    """Publish at a steady rate while readers follow; each must get every record."""
    settings = bus_settings(servers.ports[0])
    publishers = [BusManager(settings, write_only=True) for _ in range(load.publishers)]
    await store(publishers, load.publish * load.publishers * 5, publish=load.publish, rate=load.rate)
    async with reading(settings, servers.read_urls(readers)) as following:
        await _until_read(following, 0)
        counted = [(each.records, each.reads) for each in following]
        cpu, output = servers.cpu_us(), servers.replicated_bytes()
        await store(publishers, load.records, publish=load.publish, rate=load.rate)
        await _until_read(following, load.records)
        spent = [after - before for before, after in zip(cpu, servers.cpu_us(), strict=True)]
        output = servers.replicated_bytes() - output
        if any(each.bus.avoids_replicas for each in following):
            raise RuntimeError("the machine is too busy: readers gave up their replicas")
        reads = sum(each.reads - before for each, (_, before) in zip(following, counted, strict=True))
    for each in publishers:
        await each.aclose()
    return Spent(
        [each / load.records for each in spent],
        load.records * readers / reads if reads else 0.0,
        output / load.records / max(1, servers.shape.direct),
    )


async def _until_read(readers: Sequence[Reader], records: int) -> None:
    """Wait until each reader has read so many. Raises `RuntimeError` if one gets more."""

    def behind() -> str | None:
        return next((f"one has {each.records}" for each in readers if each.records < records), None)

    await until(f"{records} records at each reader", behind)
    if wrong := [each.records for each in readers if each.records != records]:
        raise RuntimeError(f"{records} records were published, but readers got {wrong}")


class Costs:
    """What each part of the work costs a server per record, in µs, from what was measured. Pure."""

    def __init__(self, measured: dict[tuple[Shape, int], Spent], readers: int) -> None:
        self._measured = measured
        self._readers = readers

    def _primary(self, shape: Shape, readers: int = 0) -> float:
        return self._measured[shape, readers].servers[0]

    @cached_property
    def stored(self) -> float:
        """A record stored, by a primary without replicas."""
        return self._primary(ALONE)

    @cached_property
    def read(self) -> float:
        """A record read by one reader, at the primary."""
        return (self._primary(ALONE, self._readers) - self.stored) / self._readers

    @cached_property
    def replicated(self) -> float:
        """A record sent to one replica."""
        return (self._primary(EIGHT) - self.stored) / EIGHT.direct

    @cached_property
    def applied(self) -> float:
        """A record applied by a replica."""
        replicas = self._measured[EIGHT, 0].servers[1:]
        return sum(replicas) / len(replicas)

    @cached_property
    def passed_on(self) -> float:
        """A record sent by a replica to one replica of its own."""
        middle = self._measured[CHAINED, 0].servers[1 : 1 + CHAINED.direct]
        return (sum(middle) / len(middle) - self.applied) / CHAINED.chained

    @cached_property
    def read_at_replica(self) -> float:
        """A record read by one reader, at a replica."""
        spent = self._measured[EIGHT, self._readers].servers[1:]
        return (sum(spent) - len(spent) * self.applied) / self._readers

    def most_records(self, shape: Shape) -> float:
        """Return at how many records a second the busiest server uses one core, with the measured readers."""
        return CORE_US / max(self._measured[shape, self._readers].servers)

    def most_readers(self, shape: Shape, rate: float) -> float:
        """Return with how many readers the busiest server uses one core, at a rate that it can store."""
        budget = CORE_US / rate
        if not shape.direct:
            return (budget - self.stored) / self.read
        replica = self.applied + shape.chained * self.passed_on
        return (budget - replica) / self.read_at_replica * shape.replicas


async def run(load: Load, server: RedisServer, core: int) -> list[str]:
    """Measure each shape without and with readers; return the lines of the report."""
    measured: dict[tuple[Shape, int], Spent] = {}
    for shape in SHAPES:
        with running(server, shape, core) as servers:
            await servers.ready()
            for readers in (0, load.readers):
                measured[shape, readers] = await measure(servers, load, readers)
    return [*_measured(measured), *_derived(Costs(measured, load.readers), load.readers)]


def _measured(measured: dict[tuple[Shape, int], Spent]) -> Iterator[str]:
    yield "Measured: µs of CPU per record, of each server"
    for (shape, readers), spent in measured.items():
        replicas = spent.servers[1:]
        line = f"  {shape.title}, {readers or 'no'} readers: primary {spent.servers[0]:.1f}"
        if replicas:
            line += f", replicas {min(replicas):.1f} to {max(replicas):.1f}"
            line += f"; {spent.replicated_bytes:.0f} bytes to each of the primary's"
        if readers:
            line += f"; {spent.records_per_read:.1f} records in a read"
        yield line


def _derived(costs: Costs, readers: int) -> Iterator[str]:
    yield "From these: µs of CPU per record"
    yield f"  stored {costs.stored:.1f}, sent to one replica {costs.replicated:.2f}"
    yield f"  applied by a replica {costs.applied:.1f}, passed on to one of its own {costs.passed_on:.2f}"
    yield f"  read by one reader {costs.read:.2f}, at a replica {costs.read_at_replica:.2f}"
    yield f"Derived: records a second at which the busiest server uses one core, with {readers} readers"
    yield from _compared(costs.most_records)
    yield f"Derived: readers with which the busiest server uses one core, at {AT_RATE:,} records a second"
    yield from _compared(lambda shape: costs.most_readers(shape, AT_RATE))


def _compared(most: Callable[[Shape], float]) -> Iterator[str]:
    for shape in SHAPES:
        yield f"  {shape.title}: {most(shape):,.0f} ({most(shape) / most(ALONE):.1f} ×)"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--records", type=int, default=8_000, help="records of each measurement")
    parser.add_argument("--rate", type=float, default=1_000, help="records a second")
    parser.add_argument("--publish", type=int, default=10, help="records in each publish")
    parser.add_argument("--publishers", type=int, default=2)
    parser.add_argument("--readers", type=int, default=20)
    return parser.parse_args()


def main() -> None:
    """Print the report."""
    options = _options()
    cores = sorted(os.sched_getaffinity(0))
    server = redis_server.find()
    if len(cores) < 2 or not server.real:
        sys.exit("two cores are needed, and a redis-server or valkey-server in PATH")
    os.sched_setaffinity(0, {cores[0]})
    load = Load(**vars(options))
    lines = uvloop.run(run(load, server, cores[1]))
    head = (
        f"{processor()}, {server.description}; {load.rate:,.0f} records a second, {load.publish} in a publish"
    )
    sys.stdout.write("\n".join([head, *lines, ""]))


if __name__ == "__main__":
    main()
