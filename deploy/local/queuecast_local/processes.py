"""Child processes: started, listened to, and never left behind."""

import contextlib
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import IO

LineSink = Callable[[str, str], None]
"""Takes a process's name and one line of its output."""

TAIL_LINES = 200


class Process:
    """A running child. `tail` keeps its last lines of output, for when it fails."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        sink: LineSink | None = None,
    ) -> None:
        self.name = name
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._sink = sink
        self._child = subprocess.Popen(
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # Ctrl-C goes to us alone: we stop the children in an order.
            start_new_session=True,
        )
        assert self._child.stdout is not None  # noqa: S101  # PIPE was asked for
        self._listener = threading.Thread(target=self._listen, args=(self._child.stdout,), daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while it runs, -N after signal N."""
        return self._child.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens if the process is gone."""
        with contextlib.suppress(ProcessLookupError):
            self._child.send_signal(number)

    def wait(self, seconds: float) -> int | None:
        """Wait for the end; return the exit code, or None if it still runs."""
        try:
            code = self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._listener.join(1)
        return code

    def stop(self, grace_seconds: float) -> int:
        """End the process, gently first; return its exit code."""
        self.signal(signal.SIGTERM)
        if self.wait(grace_seconds) is None:
            self.signal(signal.SIGKILL)
        code = self.wait(10)
        if code is None:
            raise RuntimeError(f"{self.name} (process {self.pid}) cannot be ended")
        return code

    def _listen(self, output: IO[str]) -> None:
        with output:
            for raw in output:
                line = raw.rstrip("\n")
                self.tail.append(line)
                if self._sink is not None:
                    self._sink(self.name, line)
