"""Ports that nobody else takes while the tests run.

A port that the system picks (bind to 0) is free only until somebody else asks. So a session takes a block
below the range of those ports, and keeps the block's first port bound: another session sees that and goes
elsewhere.
"""

import random
import socket
from collections.abc import Iterator

from queuecast_local.ports import HOST, Ports, is_free

FIRST, LAST = 20_000, 32_000
SIZE = 1_000


class PortBlock:
    """Neighbouring ports for one session. `close` gives them up."""

    def __init__(self) -> None:
        for start in random.sample(range(FIRST, LAST, SIZE), k=(LAST - FIRST) // SIZE):
            self._lock = socket.socket()
            try:
                self._lock.bind((HOST, start))
            except OSError:
                self._lock.close()
                continue
            self._rest: Iterator[int] = (port for port in range(start + 1, start + SIZE) if is_free(port))
            return
        raise RuntimeError(f"no block of {SIZE} ports is free between {FIRST} and {LAST}")

    def close(self) -> None:
        """Let others have the block."""
        self._lock.close()

    def port(self) -> int:
        """Return a port that was not returned before."""
        return next(self._rest)

    def ports(self) -> Ports:
        """Return ports for a whole stack: two gateways, three admin ports in a row, SQS and Redis."""
        admin = self.port()
        while [self.port(), self.port()] != [admin + 1, admin + 2]:
            admin = self.port()
        return Ports((self.port(), self.port()), admin, self.port(), self.port())
