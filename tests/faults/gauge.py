"""What processes take while something goes on: CPU, the wait for it, memory at its peak, lines of log."""

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
    """What a process has taken since it began, at one moment; `resident_kib` is what it has now."""

    at_seconds: float
    cpu_seconds: float
    waited_seconds: float
    """It could have run, and another had the core."""
    resident_kib: int
    peak_kib: int
    lines: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What the hungriest of some processes took between two moments, each figure by itself."""

    cpu_share: float
    waited_share: float
    peak_kib: int
    """How far its memory was above that of the first moment."""
    lines_per_second: float


def read(services: Sequence[Service]) -> list[Reading]:
    """Read each, and have its peak of memory begin anew."""
    return [_read(service) for service in services]


def taken(before: Sequence[Reading], after: Sequence[Reading]) -> Taken:
    """Return what was taken in between. Pure."""
    pairs = [(one, two, two.at_seconds - one.at_seconds) for one, two in zip(before, after, strict=True)]
    return Taken(
        max((two.cpu_seconds - one.cpu_seconds) / seconds for one, two, seconds in pairs),
        max((two.waited_seconds - one.waited_seconds) / seconds for one, two, seconds in pairs),
        max(two.peak_kib - one.resident_kib for one, two, _ in pairs),
        max((two.lines - one.lines) / seconds for one, two, seconds in pairs),
    )


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has had, its kernel's work for it included."""
    # What stands in brackets is its name, which may have spaces.
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _read(service: Service) -> Reading:
    folder = Path(f"/proc/{service.process.pid}")
    status = dict(line.split(":", 1) for line in (folder / "status").read_text("ascii").splitlines())
    resident, peak = (int(status[name].split()[0]) for name in ("VmRSS", "VmHWM"))
    waited = int((folder / "schedstat").read_text("ascii").split()[1]) / 1e9
    (folder / "clear_refs").write_text(RESET_PEAK, "ascii")
    return Reading(time.monotonic(), cpu_seconds(service.process.pid), waited, resident, peak, service.lines)
