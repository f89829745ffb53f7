"""The gateway's side of the live board: which replica this is, and how long events take to its sockets."""

import asyncio
import statistics
from typing import Any, Protocol

BOARD_NAMESPACE = "/board"
INTERVAL_SECONDS = 1.0
MAX_SAMPLES = 1_000
"""Latencies kept per interval; a burst beyond that is described by its first thousand."""


class Server(Protocol):
    """The part of a Socket.IO server that the board uses."""

    def on(self, event: str, handler: Any, namespace: str) -> Any: ...
    async def emit(self, event: str, data: Any, **options: Any) -> None: ...


class Board:
    """Tells the boards that are connected to this replica about it."""

    def __init__(self, server: Server, replica: str, version: str) -> None:
        self._server = server
        self._replica = {"replica": replica, "version": version}
        self._samples: list[float] = []
        self._count = 0

    def register(self) -> None:
        """Answer boards: `echo` is acknowledged with the replica's name and version."""
        self._server.on("echo", self._echo, BOARD_NAMESPACE)

    def delivered(self, seconds: float) -> None:
        """A record reached the sockets so long after its message entered the queue."""
        self._count += 1
        if len(self._samples) < MAX_SAMPLES:
            self._samples.append(seconds * 1000)

    async def run(self) -> None:
        """Tell once a second what was delivered, for ever."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            if self._samples:
                figures = {
                    "records": self._count,
                    "p50_ms": round(statistics.median(self._samples), 1),
                    "max_ms": round(max(self._samples), 1),
                }
                self._samples, self._count = [], 0
                await self._server.emit("delivered", figures, namespace=BOARD_NAMESPACE, ignore_queue=True)

    async def _echo(self, sid: str, *arguments: Any) -> dict[str, str]:
        return self._replica
