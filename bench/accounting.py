"""What a process has cost so far, by the kernel's accounting."""

import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Reading:
    """Nanoseconds: CPU of the server, the load generator, Redis and all on their cores; and the clock."""

    server_ns: int
    generator_ns: int
    redis_ns: int
    cores_ns: int
    clock_ns: int

    def __sub__(self, before: Self) -> "Reading":
        return Reading(
            self.server_ns - before.server_ns,
            self.generator_ns - before.generator_ns,
            self.redis_ns - before.redis_ns,
            self.cores_ns - before.cores_ns,
            self.clock_ns - before.clock_ns,
        )

    @property
    def generator_busy(self) -> float:
        """The share of its core that the load generator was busy."""
        return self.generator_ns / self.clock_ns

    @property
    def core_busy(self) -> float:
        """The share of the generator's core that was busy, including Redis, which runs there too."""
        return (self.generator_ns + self.redis_ns) / self.clock_ns

    @property
    def others_busy(self) -> float:
        """How much of a core other processes used, or the host stole."""
        ours = self.server_ns + self.generator_ns + self.redis_ns
        return max(0.0, (self.cores_ns - ours) / self.clock_ns)


def read(server: int, redis: int, cores: Collection[int]) -> Reading:
    """Read the CPU times of two processes, of this one, and of the cores that all of them run on."""
    return Reading(cpu_ns(server), cpu_ns(os.getpid()), cpu_ns(redis), cores_ns(cores), time.monotonic_ns())


def cores_ns(cores: Collection[int]) -> int:
    """Return the CPU time of everything on some cores, stolen time included, in clock ticks' precision."""
    names = {f"cpu{core}" for core in cores}
    total = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *counts = line.split()
        if name in names:
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, counts[:8])
            total += user + nice + system + irq + softirq + steal
    return total * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def cpu_ns(pid: int) -> int:
    """Return the CPU time, user and system, of all living threads of a process.

    It is the scheduler's own sum, in nanoseconds; without that in the kernel, the clock ticks of `stat`.
    """
    try:
        threads = Path(f"/proc/{pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads)
    except FileNotFoundError:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def resident_kib(pid: int) -> int:
    """Return a process's resident memory, counted page by page and not from the kernel's lazy counters."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Rss:"))
    except FileNotFoundError:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
