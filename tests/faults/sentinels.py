"""Real sentinels that watch a primary with one replica."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import redis
from tests.claims import eventually

from queuecast_local.ports import HOST
from queuecast_local.processes import Process
from queuecast_local.redis_server import RedisServer

SERVICE = "mymaster"
START_SECONDS = 60.0
FAIL_OVER_SECONDS = 60.0
"""Sentinels wait for each other's votes, and longer if two of them start at once."""

CONFIGURATION = """\
port {port}
bind {host}
sentinel monitor {service} {host} {primary} {quorum}
sentinel down-after-milliseconds {service} 1000
sentinel failover-timeout {service} 10000
"""


class Sentinels:
    """The sentinels on these ports; a majority of them has to agree that the primary is down."""

    def __init__(self, server: RedisServer, ports: Sequence[int], primary: int, folder: Path) -> None:
        self.url = f"redis+sentinel://{','.join(f'{HOST}:{port}' for port in ports)}/0/{SERVICE}"
        self._commands = []
        for port in ports:
            path = folder / f"{port}.conf"
            quorum = len(ports) // 2 + 1
            path.write_text(
                CONFIGURATION.format(port=port, host=HOST, service=SERVICE, primary=primary, quorum=quorum)
            )
            self._commands.append((*server.command, str(path), "--sentinel"))
        self._processes: list[Process] = []
        self._clients: list[Any] = [redis.Redis(port=port, socket_timeout=30) for port in ports]

    def start(self) -> None:
        """Start them and wait until each knows the replica and the other sentinels."""
        self._processes = [Process("sentinel", command) for command in self._commands]
        eventually(lambda: all(map(self._knows_all, self._clients)), START_SECONDS)

    def close(self) -> None:
        """End them."""
        for client in self._clients:
            client.close()
        for process in self._processes:
            process.stop(grace_seconds=0)

    def fail_over(self) -> None:
        """Have them promote the replica, although the primary works."""
        self._clients[0].execute_command("SENTINEL FAILOVER", SERVICE)

    def await_primary(self, port: int) -> None:
        """Wait until all of them name this primary."""
        eventually(lambda: all(self._primary(each) == port for each in self._clients), FAIL_OVER_SECONDS)

    def _primary(self, client: Any) -> int:
        return int(client.sentinel_get_master_addr_by_name(SERVICE)[1])

    def _knows_all(self, client: Any) -> bool:
        try:
            state = client.sentinel_master(SERVICE)
        except redis.RedisError:
            return False
        others = len(self._clients) - 1
        return bool(state["num-slaves"] == 1 and state["num-other-sentinels"] == others)
