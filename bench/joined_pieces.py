"""`python -m bench.joined_pieces`: what sessions save that share a joined buffer of the same pending pieces.

One process measures both ways in turn, by its own CPU time: clients in several rooms get records that
alternate between these, all written once, to real sockets. The second way gives every session a list of its
own.
"""

import argparse
import asyncio
import random
import socket
import sys
import time
from collections.abc import Sequence
from statistics import median

from bench.preparation import raise_open_files
from queuecast_gateway.engine import outbox as outboxes
from queuecast_gateway.engine.outbox import Outbox

PIECE_BYTES = 180
WAYS = {"shared": outboxes.MIN_SHARING, "apart": sys.maxsize}


class Session:
    """The part of a session that an outbox uses, with a socket that somebody reads."""

    def __init__(self) -> None:
        self.socket, self.peer = socket.socketpair()
        self.socket.setblocking(False)
        self.peer.setblocking(False)
        self.fd = self.socket.fileno()
        self.pending: bytes | list[bytes] | None = None
        self.transport: outboxes.Sink = self

    def direct(self) -> int:
        return self.fd

    def write(self, data: bytes) -> None:
        """Raise: whatever is not written to the socket at once would cost something else."""
        raise RuntimeError("a socket is full")

    def close(self) -> None:
        self.socket.close()
        self.peer.close()


Rooms = Sequence[Sequence[Session]]


def situations(sessions: Sequence[Session]) -> dict[str, tuple[Rooms, Sequence[int]]]:
    """Return the rooms of each situation, and for which room each record is."""
    choice = random.Random(7)  # the same rooms each time
    half = [session for session in sessions if choice.random() < 0.5]

    def spread(rooms: int, each: int) -> Rooms:
        table: list[list[Session]] = [[] for _ in range(rooms)]
        for session in sessions:
            for room in choice.sample(range(rooms), each):
                table[room].append(session)
        return table

    return {
        "one record": ([sessions], [0]),
        "all in 2 rooms, 4 records": ([sessions, sessions], [0, 1] * 2),
        "all in 4 rooms, 20 records": ([sessions] * 4, [0, 1, 2, 3] * 5),
        "all in 1, half in another, 6 records": ([sessions, half], [0, 1] * 3),
        "each in 2 of 10, 20 records": (spread(10, 2), [choice.randrange(10) for _ in range(20)]),
        "each in 100 of 1,000, 50 records": (
            spread(1_000, 100),
            [choice.randrange(1_000) for _ in range(50)],
        ),
    }


async def measure(rounds: int, clients: int) -> None:
    """Print the CPU per delivery of both ways in each situation."""
    outbox = Outbox()
    sessions = [Session() for _ in range(clients)]
    for title, (rooms, records) in situations(sessions).items():
        pieces = [bytes([number % 256]) * PIECE_BYTES for number in range(len(records))]
        deliveries = sum(len(rooms[room]) for room in records)
        spent: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way, least in WAYS.items():
                outboxes.MIN_SHARING = least
                before = time.process_time()
                for piece, room in zip(pieces, records, strict=True):
                    outbox.put(piece, rooms[room])
                outbox.flush()
                spent[way].append(time.process_time() - before)
                for session in sessions:
                    try:
                        session.peer.recv(1 << 20)
                    except BlockingIOError:
                        continue  # it is in none of the rooms
        shared, apart = (median(spent[way]) / deliveries * 1e9 for way in WAYS)
        print(f"{title}: {shared:.0f} ns a delivery, apart {apart:.0f} ns, {shared / apart:.2f} ×")  # noqa: T201
    for session in sessions:
        session.close()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--clients", type=int, default=1_000)
    options = parser.parse_args()
    raise_open_files()
    asyncio.run(measure(options.rounds, options.clients))


if __name__ == "__main__":
    main()
