"""Programs that read lines from standard input and answer with JSON lines, as the scripts in `js/` do."""

import json
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

JS = Path(__file__).parent / "js"
LEAVE_SECONDS = 10.0


class Program:
    """A running program, as a context manager: at its end the program ends, gracefully if it can.

    It runs in `folder`. `hear` is called with each message, in a thread of its own. What it writes to
    standard error goes to `errors`, or where our own goes.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, hear: Callable[[Any], None], errors: IO[str] | None = None
    ) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input = self._process.stdin
        self._listener = threading.Thread(target=_listen, args=(self._process.stdout, hear), daemon=True)
        self._listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def tell(self, line: str) -> None:
        """Send a line."""
        self._input.write(f"{line}\n")
        self._input.flush()

    def close(self) -> None:
        """End the process; it has time to disconnect properly."""
        self._input.close()
        try:
            self._process.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(LEAVE_SECONDS)
        self._listener.join(LEAVE_SECONDS)


class Script(Program):
    """A running script of `js/`, with one argument."""

    def __init__(self, name: str, argument: Any, hear: Callable[[Any], None]) -> None:
        super().__init__(("node", name, json.dumps(argument)), JS, hear)


def _listen(output: IO[str], hear: Callable[[Any], None]) -> None:
    with output:
        for line in output:
            hear(json.loads(line))
