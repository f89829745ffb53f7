"""A steady load on a queue, and the sender's side of the books. It never sends a message twice."""

import itertools
import random
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError
from tests.claims import eventually
from tests.faults import bodies
from tests.faults.books import Ledger, Message
from tests.faults.crowd import ROOMS

RATE = 200
BATCH = 10
GROUPS = 20
TO_A_ROOM = 0.25
SEED = 4


class Sender:
    """Sends `rate` messages a second, a share of them to one room each and the others to everyone.

    When its context ends, it stops and waits for its last answer. With `own_rooms` there are so many rooms,
    and a room's messages are of one group.
    """

    def __init__(
        self,
        client: Any,
        url: str,
        *,
        fifo: bool,
        rate: int = RATE,
        to_a_room: float = TO_A_ROOM,
        own_rooms: int = 0,
    ) -> None:
        self._client = client
        self._url = url
        self._fifo = fifo
        self._rate = rate
        self._messages: list[Message] = []
        self._acknowledged: set[int] = set()
        self._drawn = _messages_of_groups(own_rooms) if own_rooms else _messages(to_a_room)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send_steadily, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def next_number(self) -> int:
        """The number of the next message."""
        return len(self._messages)

    def stop(self) -> None:
        """Stop sending; from then on every sent message is either acknowledged or unknown."""
        self._stop.set()
        self._thread.join()

    def goes_on(self, seconds: float) -> None:
        """Return once the load has gone on for this long; fail if it does not."""
        until = self.next_number + int(seconds * self._rate)
        # A busy machine slows the load down, which is no failure of what is under it.
        eventually(lambda: self.next_number >= until, seconds + 60)

    def ledger(self) -> Ledger:
        """Return the books so far."""
        return Ledger(list(self._messages), frozenset(self._acknowledged))

    def _send_steadily(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            self._send(list(itertools.islice(self._drawn, BATCH)))
            # Do not catch up after a slow answer: the load is steady and never a burst.
            due = max(due + BATCH / self._rate, time.monotonic())

    def _send(self, drawn: list[tuple[int, int | None]]) -> None:
        first, now = len(self._messages), round(time.time() * 1000)
        self._messages += [Message(now, group, room) for group, room in drawn]
        entries = [self._entry(number, group, room) for number, (group, room) in enumerate(drawn, first)]
        try:
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        except (BotoCoreError, ClientError):
            return
        self._acknowledged.update(int(entry["Id"]) for entry in answer["Successful"])

    def _entry(self, number: int, group: int, room: int | None) -> dict[str, Any]:
        entry = bodies.entry(number, group, None if room is None else f"quarter-{room}")
        if self._fifo:
            entry |= {"MessageGroupId": f"group-{group}", "MessageDeduplicationId": str(number)}
        return entry


def _messages(to_a_room: float) -> Iterator[tuple[int, int | None]]:
    """Draw the group and room of each message, the same ones in every run."""
    dice = random.Random(SEED)
    while True:
        room = dice.randrange(ROOMS) if dice.random() < to_a_room else None
        yield dice.randrange(GROUPS), room


def _messages_of_groups(rooms: int) -> Iterator[tuple[int, int | None]]:
    """The same if each room has one group."""
    dice = random.Random(SEED)
    while True:
        room = dice.randrange(rooms)
        yield room % GROUPS, room
