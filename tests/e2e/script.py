"""A Node script of this folder as a child process: told lines on standard input, heard as lines of JSON."""

import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

JS = Path(__file__).parent / "js"
LEAVE_SECONDS = 10.0


class Script:
    """A running script. A context: it ends with it, properly if it can.

    `hear` is called with each message, in a thread of its own.
    """

    def __init__(self, name: str, argument: Any, hear: Callable[[Any], None]) -> None:
        self._process = subprocess.Popen(
            ("node", name, json.dumps(argument)),
            cwd=JS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
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
        """End the process; it may say goodbye to whom it is connected to."""
        self._input.close()
        try:
            self._process.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(LEAVE_SECONDS)
        self._listener.join(LEAVE_SECONDS)


def _listen(output: IO[str], hear: Callable[[Any], None]) -> None:
    with output:
        for line in output:
            hear(json.loads(line))
