"""The gateway's side of the live board: which replica this is, and how long events take to its sockets."""

import asyncio
import statistics
from bisect import bisect_left
from collections.abc import Callable
from typing import Any, Protocol

from queuecast_bus.record import offset_ms
from queuecast_edge.metrics import LATENCY_BUCKETS
from queuecast_gateway.wire.protocol import BOARD_NAMESPACE

INTERVAL_SECONDS = 1.0
MAX_SAMPLES = 1_000
"""Latencies kept per interval; of a larger burst only the first thousand are used."""

BUCKETS_MS = tuple(round(1000 * bound, 1) for bound in LATENCY_BUCKETS)


class Server(Protocol):
    """The part of a Socket.IO server that the board needs."""

    manager: Any

    def on(self, event: str, handler: Any, namespace: str) -> Any: ...
    async def emit(self, event: str, data: Any, **options: Any) -> None: ...


class Stage:
    """How many records took how long in one stage of their way, by bucket; the last one has no bound."""

    def __init__(self) -> None:
        self.counts = [0] * (len(LATENCY_BUCKETS) + 1)

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(LATENCY_BUCKETS, seconds)] += 1


class Board:
    """Informs the live boards that are connected to this replica. `now` is Redis's clock, in seconds."""

    def __init__(self, server: Server, replica: str, version: str, now: Callable[[], float]) -> None:
        self._server = server
        self._replica = {"replica": replica, "version": version}
        self._now = now
        self._begin()

    def _begin(self) -> None:
        self._samples: list[float] = []
        self._messages = 0
        self._queue, self._bus = Stage(), Stage()
        self._records = 0

    @property
    def is_watched(self) -> bool:
        """Whether a board is connected here; otherwise nothing need be noted."""
        return BOARD_NAMESPACE in self._server.manager.rooms

    def register(self) -> None:
        """Answer `echo` with the replica's name and version, and the time by Redis's clock."""
        self._server.on("echo", self._echo, BOARD_NAMESPACE)

    def delivered(self, offset: str, sent_ms: int | None, now: float) -> None:
        """Note a record that reached the sockets: `sent_ms` is when its queue could first deliver it."""
        self._records += 1
        if self._records > MAX_SAMPLES:
            self._messages += sent_ms is not None
            return
        stored = offset_ms(offset) / 1000
        self._bus.add(now - stored)
        if sent_ms is not None:
            self._messages += 1
            self._queue.add(stored - sent_ms / 1000)
            self._samples.append(max(0.0, 1000 * now - sent_ms))

    async def run(self) -> None:
        """Emit once a second what was delivered, for ever."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            if self._records:
                figures = self._figures()
                self._begin()
                await self._server.emit("delivered", figures, namespace=BOARD_NAMESPACE, ignore_queue=True)

    def _figures(self) -> dict[str, Any]:
        """Return what was delivered: messages with their latency, and the stages of all records."""
        latency = {
            "p50_ms": round(statistics.median(self._samples), 1) if self._samples else None,
            "max_ms": round(max(self._samples), 1) if self._samples else None,
        }
        stages = {"queue": self._queue.counts, "bus": self._bus.counts}
        return {"records": self._messages, **latency, "buckets_ms": BUCKETS_MS, "stages": stages}

    async def _echo(self, sid: str, *arguments: Any) -> dict[str, Any]:
        return {**self._replica, "now_ms": round(self._now() * 1000)}
