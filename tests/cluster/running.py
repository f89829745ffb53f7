"""Programs of the cluster: run to their end, or run on with their log in a file."""

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from queuecast_local.processes import Process

GRACE_SECONDS = 10.0


def run(*command: str, standard_input: str | None = None) -> str:
    """Run a command to its end; return its output. Raises `AssertionError` with its words."""
    done = subprocess.run(command, input=standard_input, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-2000:]}"
    return done.stdout


class Programs:
    """Starts programs that run on, and ends them in the reverse order when `parts` close."""

    def __init__(self, logs: Path, parts: ExitStack) -> None:
        self._logs = logs
        self._parts = parts
        self._started: list[Process] = []

    def start(self, name: str, *command: str, environment: Mapping[str, str] | None = None) -> Process:
        log = self._parts.enter_context((self._logs / f"{name}.log").open("a", encoding="utf-8", buffering=1))
        process = Process(name, command, environment, lambda _, line: print(line, file=log))
        self._started.append(process)
        self._parts.callback(process.stop, GRACE_SECONDS)
        return process

    def run(self) -> bool:
        """Return True. Raises `AssertionError` with its last words if one has ended."""
        for process in self._started:
            assert process.exit_code is None, f"{process.name} has ended: {list(process.tail)[-5:]}"
        return True


def in_namespaces(pid: int, command: Sequence[str]) -> tuple[str, ...]:
    """Return the command as one that runs in the network and among the mounts of a process."""
    return ("nsenter", "--target", str(pid), "--net", "--mount", "--", *command)
