"""A real Redis process that tests can end, stop and fill without going through its clients."""

import signal
from pathlib import Path
from typing import Any

import redis
from tests.claims import eventually

from queuecast_local.ports import HOST
from queuecast_local.processes import Process
from queuecast_local.redis_server import RedisServer

DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
"""Redis keeps what it has confirmed across a restart."""

AT_ONCE = ("--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0")
"""A replica's full copy begins without a pause in which others could join."""


NEVER_ALONE = ("--min-replicas-to-write", "1", "--min-replicas-max-lag", "2")
"""Without a replica that answers it takes no writes."""


class Store:
    """One Redis; `options` are added to its command. `client` connects to it directly, past the proxy."""

    def __init__(self, server: RedisServer, port: int, folder: Path, *options: str) -> None:
        self.port = port
        self.process: Process
        self.client: Any = redis.Redis(port=port, socket_timeout=30)
        self._command = (*server.on(port), "--dir", str(folder), *AT_ONCE, *options)

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = Process("redis", self._command)
        eventually(self._answers)

    def set_password(self, user: str, password: str) -> None:
        """Let this user in, with this password and no other."""
        rules = ("on", "resetpass", f">{password}", "~*", "&*", "+@all")
        self.client.execute_command("ACL", "SETUSER", user, *rules)

    def follow(self, primary: "Store") -> None:
        """Become a replica of another one."""
        self.client.replicaof(HOST, primary.port)

    def promote(self) -> None:
        """Become a primary."""
        self.client.replicaof("NO", "ONE")

    def is_copy_of(self, primary: "Store") -> bool:
        """Say whether it is a replica of that one, and has its data."""
        try:
            role, *details = self.client.role()
        except redis.RedisError:
            return False
        return role == b"slave" and details[1] == primary.port and details[2] == b"connected"

    def is_linked(self) -> bool:
        """Say whether it is a replica that hears its primary."""
        role, *details = self.client.role()
        return bool(role == b"slave" and details[2] == b"connected")

    def memory_kib(self) -> int:
        """Return the memory that its data and clients use now."""
        return int(self.client.info("memory")["used_memory"]) >> 10

    def peak_memory_kib(self) -> int:
        """Return the most memory that they have ever used."""
        return int(self.client.info("memory")["used_memory_peak"]) >> 10

    def end(self, number: signal.Signals) -> None:
        """End it with a signal and wait until it has ended."""
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
