"""Ports that nobody else takes while the tests run.

A port that the system picks (bind to 0) is free only until another process asks. So a session reserves blocks
of consecutive ports below that range, as it needs them, and keeps the first port of each block bound. Other
sessions, workers of the same run or of another checkout, see that and take another block.
"""

import random
import socket
from collections.abc import Iterator

from queuecast_local.ports import HOST, Ports, is_free

FIRST, LAST = 10_000, 32_000
SIZE = 50
"""A stack needs 8 ports, a whole run some 1,500, so several runs fit side by side."""

_chance = random.SystemRandom()
"""With the seed that repeats a run's order, every worker would try the same blocks."""


class PortBlock:
    """Ports for one session. `close` releases them."""

    def __init__(self) -> None:
        self._locks: list[socket.socket] = []
        self._rest: Iterator[int] = iter(())

    def close(self) -> None:
        """Release the ports."""
        while self._locks:
            self._locks.pop().close()

    def port(self) -> int:
        """Return a port that it has not returned before."""
        while True:
            for port in self._rest:
                if is_free(port):
                    return port
            start = self._locked()
            self._rest = iter(range(start + 1, start + SIZE))

    def ports(self) -> Ports:
        """Return ports for a whole stack: two gateways, three admin ports in a row, SQS, Redis, balancer."""
        admin = self.port()
        while [self.port(), self.port()] != [admin + 1, admin + 2]:
            admin = self.port()
        return Ports((self.port(), self.port()), admin, *(self.port() for _ in range(3)))

    def _locked(self) -> int:
        """Reserve another block; return its first port."""
        starts = range(FIRST, LAST, SIZE)
        for start in _chance.sample(starts, k=len(starts)):
            lock = socket.socket()
            try:
                lock.bind((HOST, start))
            except OSError:
                lock.close()
                continue
            self._locks.append(lock)
            return start
        raise RuntimeError(f"no block of {SIZE} ports is free between {FIRST} and {LAST}")
