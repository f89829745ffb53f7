"""Services that start in a tenth of the time: each is a fork of a process that has imported its modules.

A service takes about a second of CPU to import what it needs, and the tests start hundreds. What runs is the
same `__main__`, in its own process with its own arguments and environment; only the imports are shared.
`python -m tests.preloaded MODULE SOCKET` is the process that forks.
"""

import atexit
import contextlib
import importlib
import json
import os
import random
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

MAX_REQUEST_BYTES = 1 << 20

Request = tuple[list[str], dict[str, str]]
"""The arguments and the environment of a process."""


class Forked:
    """A forked process, with the part of `subprocess.Popen`'s interface that `Process` uses."""

    def __init__(self, connection: socket.socket) -> None:
        self.returncode: int | None = None
        self.stdout: IO[bytes] | None = None
        self._told = connection.makefile("r")
        self._connection = connection
        self.pid = int(self._told.readline())

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        if self.returncode is None and select.select([self._connection], [], [], 0)[0]:
            self.returncode = int(self._told.readline() or -signal.SIGKILL)
            self._told.close()
            self._connection.close()
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait until it ends. Raises `subprocess.TimeoutExpired`."""
        due = time.monotonic() + timeout
        while (code := self.poll()) is None:
            rest = due - time.monotonic()
            if rest <= 0 or not select.select([self._connection], [], [], rest)[0]:
                raise subprocess.TimeoutExpired("a forked process", timeout)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process is known to have ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


class Preloaded:
    """Starts processes of one module. `close` ends them all."""

    def __init__(self, module: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._path = str(Path(self._folder.name) / "socket")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self._path)
            listener.listen(16)
            command = (sys.executable, "-m", __name__, module, str(listener.fileno()))
            self._forker = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[listener.fileno()])

    def fork(
        self, arguments: Sequence[str], environment: Mapping[str, str], output: int, errors: int
    ) -> Forked:
        """Run the module in a process with exactly this environment, which writes to these two files."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._path)
        request = json.dumps((tuple(arguments), dict(environment))).encode()
        socket.send_fds(connection, [len(request).to_bytes(4, "big") + request], [output, errors])
        return Forked(connection)

    def close(self) -> None:
        """End the process that forks, and with it all that it has forked."""
        assert self._forker.stdin is not None
        self._forker.stdin.close()
        self._forker.wait(60)
        self._folder.cleanup()


_preloaded: dict[str, Preloaded] = {}


def _fork(command: Sequence[str], environment: Mapping[str, str], output: int, errors: int) -> Forked:
    _, _, module, *arguments = command
    if module not in _preloaded:
        _preloaded[module] = Preloaded(module)
    return _preloaded[module].fork(arguments, environment, output, errors)


def start(command: Sequence[str], environment: Mapping[str, str]) -> Forked:
    """Start what `python -m MODULE ARGUMENT...` would start, with one pipe for output and errors."""
    output, written = os.pipe()
    try:
        forked = _fork(command, environment, written, written)
    finally:
        os.close(written)
    forked.stdout = os.fdopen(output, "rb")
    return forked


def run(
    command: Sequence[str], environment: Mapping[str, str], seconds: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run such a command and wait for its end. Raises `subprocess.TimeoutExpired`."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        code = _fork(command, environment, output.fileno(), errors.fileno()).wait(seconds)
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(command, code, output.read(), errors.read())


@atexit.register
def _close() -> None:
    while _preloaded:
        _preloaded.popitem()[1].close()


class _Forker:
    """The process with the imported modules: it forks for each connection and reports when a child ends."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._children: dict[int, socket.socket] = {}
        self._ended, self._wake = socket.socketpair()
        self._wake.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake.fileno())

    def run(self) -> Request | None:
        """Fork until nobody can ask any more; in a child, return what it was asked for."""
        while True:
            ready, _, _ = select.select([sys.stdin, self._listener, self._ended], [], [])
            if self._ended in ready:
                self._ended.recv(1024)
                self._reap()
            if sys.stdin in ready:
                for pid in self._children:
                    os.kill(pid, signal.SIGKILL)
                return None
            if self._listener in ready and (request := self._fork()) is not None:
                return request

    def _fork(self) -> Request | None:
        connection, _ = self._listener.accept()
        received, outputs, _, _ = socket.recv_fds(connection, MAX_REQUEST_BYTES, 2)
        while len(received) < 4 + int.from_bytes(received[:4], "big"):
            received += connection.recv(MAX_REQUEST_BYTES)
        pid = os.fork()
        if pid == 0:
            self._become_child(connection, outputs)
            request: Request = json.loads(received[4:])
            return request
        for each in outputs:
            os.close(each)
        self._children[pid] = connection
        connection.sendall(b"%d\n" % pid)
        return None

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                with self._children.pop(ended[0]) as connection, contextlib.suppress(OSError):
                    connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(ended[1]))

    def _become_child(self, connection: socket.socket, outputs: Sequence[int]) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        for each in (self._listener, self._ended, self._wake, connection, *self._children.values()):
            os.close(each.detach())
        for standard, ours in enumerate((os.open(os.devnull, os.O_RDONLY), *outputs)):
            os.dup2(ours, standard)
            os.close(ours)
        random.seed()  # siblings would draw the same numbers


def main() -> None:
    module, listener = sys.argv[1], socket.socket(fileno=int(sys.argv[2]))
    importlib.import_module(f"{module}.app")
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # it is a file
    request = _Forker(listener).run()
    if request is not None:
        arguments, environment = request
        sys.argv[1:] = arguments
        os.environ.clear()
        os.environ.update(environment)
        runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
