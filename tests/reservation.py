"""Ports that nobody else takes while the tests run.

A port that the system picks (bind to 0) is free only until somebody else asks. So a session takes blocks of
neighbours below the range of those ports, one after another as it needs them, and keeps the first port of
each bound: another session, a worker of the same run or of another checkout, sees that and goes elsewhere.
"""

import random
import socket
from collections.abc import Iterator

from queuecast_local.ports import HOST, Ports, is_free

FIRST, LAST = 10_000, 32_000
SIZE = 50
"""A stack needs 7 ports, a whole run some 1,500: several runs find room beside each other."""

_chance = random.SystemRandom()
"""A seed that repeats a run's order would have every worker ask for the same blocks."""


class PortBlock:
    """Ports for one session. `close` gives them up."""

    def __init__(self) -> None:
        self._locks: list[socket.socket] = []
        self._rest: Iterator[int] = iter(())

    def close(self) -> None:
        """Let others have the ports."""
        while self._locks:
            self._locks.pop().close()

    def port(self) -> int:
        """Return a port that was not returned before."""
        while True:
            for port in self._rest:
                if is_free(port):
                    return port
            start = self._locked()
            self._rest = iter(range(start + 1, start + SIZE))

    def ports(self) -> Ports:
        """Return ports for a whole stack: two gateways, three admin ports in a row, SQS and Redis."""
        admin = self.port()
        while [self.port(), self.port()] != [admin + 1, admin + 2]:
            admin = self.port()
        return Ports((self.port(), self.port()), admin, self.port(), self.port())

    def _locked(self) -> int:
        """Take another block; return its first port."""
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
