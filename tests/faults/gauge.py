"""What processes use over a period: CPU time, the wait for it, peak memory, log lines."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.service import Service

TICKS = os.sysconf("SC_CLK_TCK")
RESET_PEAK = "5"
"""https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html"""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a process has used since its start; `resident_kib` is its current memory."""

    at_seconds: float
    cpu_seconds: float
    waited_seconds: float
    """The time in which it was ready to run but another process had the core."""
    resident_kib: int
    peak_kib: int
    lines: int


@dataclass(frozen=True, slots=True)
class Taken:
    """The most that any of some processes used between two moments, separately for each figure."""

    cpu_share: float
    waited_share: float
    peak_kib: int
    """How far its memory rose above its first reading."""
    lines_per_second: float


def read(services: Sequence[Service]) -> list[Reading]:
    """Read each process, and reset its memory peak."""
    return [_read(service) for service in services]


def taken(before: Sequence[Reading], after: Sequence[Reading]) -> Taken:
    """Return what was used between two readings. Pure."""
    pairs = [(one, two, two.at_seconds - one.at_seconds) for one, two in zip(before, after, strict=True)]
    return Taken(
        max((two.cpu_seconds - one.cpu_seconds) / seconds for one, two, seconds in pairs),
        max((two.waited_seconds - one.waited_seconds) / seconds for one, two, seconds in pairs),
        max(two.peak_kib - one.resident_kib for one, two, _ in pairs),
        max((two.lines - one.lines) / seconds for one, two, seconds in pairs),
    )


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, user and system."""
    # The process's name in brackets may contain spaces.
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _read(service: Service) -> Reading:
    folder = Path(f"/proc/{service.process.pid}")
    status = dict(line.split(":", 1) for line in (folder / "status").read_text("ascii").splitlines())
    resident, peak = (int(status[name].split()[0]) for name in ("VmRSS", "VmHWM"))
    waited = int((folder / "schedstat").read_text("ascii").split()[1]) / 1e9
    (folder / "clear_refs").write_text(RESET_PEAK, "ascii")
    return Reading(time.monotonic(), cpu_seconds(service.process.pid), waited, resident, peak, service.lines)
