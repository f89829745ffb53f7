"""Redis as a process that is ended, stopped and filled: really, and behind the back of its clients."""

import signal
from pathlib import Path
from typing import Any

import redis
from tests.claims import eventually

from queuecast_local.processes import Process
from queuecast_local.redis_server import RedisServer

DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
"""What Redis has confirmed it still has after a restart."""


class Store:
    """One Redis. `client` goes to it directly, past the proxy."""

    def __init__(self, server: RedisServer, port: int, folder: Path, *, keeps_data: bool) -> None:
        self.port = port
        self.process: Process
        self.client: Any = redis.Redis(port=port, socket_timeout=30)
        self._command = (*server.on(port), "--dir", str(folder), *(DURABLE if keeps_data else ()))

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = Process("redis", self._command)
        eventually(self._answers)

    def memory_kib(self) -> int:
        """Return what its data and its clients take now."""
        return int(self.client.info("memory")["used_memory"]) >> 10

    def peak_memory_kib(self) -> int:
        """Return the most that they ever took."""
        return int(self.client.info("memory")["used_memory_peak"]) >> 10

    def end(self, number: signal.Signals) -> None:
        """End it with a signal and wait for its end."""
        self.process.signal(number)
        assert self.process.wait(60) is not None, f"Redis still runs after {number.name}"

    def close(self) -> None:
        """End it for good."""
        self.client.close()
        self.process.stop(grace_seconds=0)

    def _answers(self) -> bool:
        assert self.process.exit_code is None, "\n".join(self.process.tail)
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False
