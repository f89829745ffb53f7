"""Stock JavaScript clients by the hundred, in one Node process (`crowd.mjs`)."""

import json
import queue
import subprocess
import threading
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.claims import eventually
from tests.e2e.javascript import JS
from tests.faults.books import Connect, Page

ROOMS = 4
ANSWER_SECONDS = 30.0
QUICK_RETURN = {"reconnectionDelay": 200, "reconnectionDelayMax": 1000}
"""The stock back-off, shortened: it would be the longest part of every silence."""


class Status(NamedTuple):
    """How many clients are connected and in their room, and what all have received so far."""

    joined: int
    deliveries: int


class Crowd:
    """Clients of one URL, whose path is the namespace. A context: they leave with it."""

    def __init__(self, url: str, clients: int, rooms: int = ROOMS) -> None:
        self.clients = clients
        told = {
            "url": url,
            "clients": clients,
            "rooms": rooms,
            "options": {"transports": ["websocket"], **QUICK_RETURN},
        }
        self._node = subprocess.Popen(
            ("node", "crowd.mjs", json.dumps(told)),
            cwd=JS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._node.stdin is not None
        self._node.stdin.close()
        try:
            self._node.wait(10)
        except subprocess.TimeoutExpired:
            self._node.kill()
            self._node.wait(10)
        self._listener.join(10)

    def assemble(self, seconds: float) -> None:
        """Wait until every client is connected and in its room."""
        eventually(lambda: self.status().joined == self.clients, seconds)

    def status(self) -> Status:
        self._ask("status")
        return Status(**self._answers.get(timeout=ANSWER_SECONDS))

    def pages(self) -> list[Page]:
        """Return what each client has received so far."""
        self._ask("pages")
        return [_page(self._answers.get(timeout=ANSWER_SECONDS)) for _ in range(self.clients)]

    def _ask(self, question: str) -> None:
        assert self._node.stdin is not None
        self._node.stdin.write(f"{question}\n")
        self._node.stdin.flush()

    def _listen(self) -> None:
        assert self._node.stdout is not None
        with self._node.stdout as output:
            for line in output:
                self._answers.put(json.loads(line))


def _page(told: dict[str, Any]) -> Page:
    connects = [Connect(one["at"], one["recovered"], one["subscribed"]) for one in told["connects"]]
    return Page(told["room"], told["numbers"], told["times"], connects, told["strays"])
