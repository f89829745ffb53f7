"""One of our services as a process that can be stopped and started again, seen from outside."""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from tests import preloaded
from tests.claims import eventually
from tests.e2e.admin import Admin

from queuecast_local.ports import HOST
from queuecast_local.processes import Process
from queuecast_local.stack import unready

START_SECONDS = 60.0
END_SECONDS = 30.0


class Service:
    """`module` with these settings; call `start` first."""

    def __init__(self, name: str, module: str, admin_port: int, settings: Mapping[str, str]) -> None:
        self.name = name
        self.process: Process
        self.lines = 0
        """The number of log lines that it has written so far."""
        self._admin_port = admin_port
        self._command = (sys.executable, "-m", module)
        self._environment = {
            **settings,
            "QUEUECAST_HOST": HOST,
            "QUEUECAST_ADMIN_PORT": str(admin_port),
            "QUEUECAST_REPLICA": name,
            "PYTHONUNBUFFERED": "1",
        }

    @property
    def running(self) -> bool:
        return self.process.exit_code is None

    @property
    def log(self) -> str:
        """The last lines of its log."""
        return "\n".join(f"{self.name} | {line}" for line in self.process.tail)

    def start(self) -> None:
        self.process = Process(self.name, self._command, self._environment, self._count, preloaded.start)

    def await_ready(self) -> None:
        """Wait until it reports that it is ready."""
        eventually(self._ready, START_SECONDS)

    def restart(self) -> None:
        """Start it again after its end, and wait until it is ready."""
        self.start()
        self.await_ready()

    def end(self, number: signal.Signals) -> int:
        """End it with a signal; return its exit code."""
        self.process.signal(number)
        code = self.process.wait(END_SECONDS)
        assert code is not None, f"{self.name} still runs {END_SECONDS:.0f} s after {number.name}"
        return code

    def total(self, metric: str, **labels: str) -> float:
        """Return the sum of a metric's samples with these labels; 0 if there is none yet."""
        return Admin(self._admin_port).sum(metric, **labels)

    @property
    def resident_kib(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])

    @property
    def descriptors(self) -> int:
        """The number of files and sockets that it has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def local_ports(self) -> set[int]:
        """Return the ports at its ends of TCP connections over IPv4."""
        own = {os.readlink(path) for path in Path(f"/proc/{self.process.pid}/fd").iterdir()}
        lines = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
        return {int(line[1].partition(":")[2], 16) for line in lines if f"socket:[{line[9]}]" in own}

    def _count(self, name: str, line: str) -> None:
        self.lines += 1

    def _ready(self) -> bool:
        assert self.running, f"{self.name} ended with code {self.process.exit_code}:\n{self.log}"
        return unready(self._admin_port) is None
