"""Starts child processes, reads their output, and never leaves one behind."""

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Protocol

LineSink = Callable[[str, str], None]
"""Receives a process's name and one line of its output."""

TAIL_LINES = 200

PIPE_BYTES = 64 << 10
"""The capacity of a pipe (pipe(7)), so that one read returns everything that was written before it."""


class Child(Protocol):
    """The part of `subprocess.Popen` that is used here. Standard error goes to the same pipe as output."""

    pid: int

    @property
    def stdout(self) -> IO[bytes] | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float) -> int: ...
    def send_signal(self, number: int) -> None: ...


Start = Callable[[Sequence[str], Mapping[str, str]], Child]
"""Starts a command with exactly this environment."""


def child(command: Sequence[str], environment: Mapping[str, str]) -> Child:
    """Start a child in its own session: Ctrl-C reaches only the parent, which stops children in order."""
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


class Process:
    """A running child."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        sink: LineSink | None = None,
        start: Start = child,
    ) -> None:
        self.name = name
        self.started = time.monotonic()
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._sink = sink
        self._child = start(command, {**os.environ, **(environment or {})})
        assert self._child.stdout is not None  # noqa: S101  # PIPE was asked for
        self._output = self._child.stdout
        # One for each thread: a poll object serves one thread at a time.
        self._wait_for_output, self._has_output = _poll(self._output), _poll(self._output)
        self._reading = threading.Lock()
        self._incomplete_line = b""
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def tail(self) -> deque[str]:
        """The last lines of its output up to now, for when it fails."""
        self._read()
        return self._tail

    def keep(self, lines: int | None) -> None:
        """Keep this number of lines in `tail` from now on; None keeps all."""
        self._tail = deque(self._tail, maxlen=lines)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while it runs, -N after signal N."""
        return self._child.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless the process is gone."""
        with contextlib.suppress(ProcessLookupError):
            self._child.send_signal(number)

    def wait(self, seconds: float) -> int | None:
        """Wait for the end; return the exit code, or None if the process still runs."""
        try:
            code = self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._listener.join(1)
        return code

    def stop(self, grace_seconds: float) -> int:
        """End the process, by SIGTERM and then by SIGKILL; return its exit code."""
        self.signal(signal.SIGTERM)
        if self.wait(grace_seconds) is None:
            self.signal(signal.SIGKILL)
        code = self.wait(10)
        if code is None:
            raise RuntimeError(f"{self.name} (process {self.pid}) cannot be ended")
        return code

    def _listen(self) -> None:
        while not self._output.closed:
            self._wait_for_output.poll()
            self._read()

    def _read(self) -> None:
        """Read the output that is there. The listener calls this, and so does the property `tail`."""
        with self._reading:
            if self._output.closed or not self._has_output.poll(0):
                return
            data = os.read(self._output.fileno(), PIPE_BYTES)
            *lines, self._incomplete_line = (self._incomplete_line + data).split(b"\n")
            if not data:
                lines = [self._incomplete_line] if self._incomplete_line else []
                self._output.close()
            for line in lines:
                self._emit(line.decode(errors="replace"))

    def _emit(self, line: str) -> None:
        self._tail.append(line)
        if self._sink is not None:
            self._sink(self.name, line)


def _poll(output: IO[bytes]) -> select.poll:
    """Return a poll object that waits for output."""
    poll = select.poll()
    poll.register(output, select.POLLIN)
    return poll
