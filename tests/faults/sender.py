"""A steady load on a queue, and the sender's side of the books. It sends nothing twice."""

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
    """Sends so many messages a second. A context: it stops with it, and waits for its last answer."""

    def __init__(self, client: Any, url: str, *, fifo: bool, rate: int = RATE) -> None:
        self._client = client
        self._url = url
        self._fifo = fifo
        self._rate = rate
        self._messages: list[Message] = []
        self._acknowledged: set[int] = set()
        self._drawn = _messages()
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
        """The number of a message that is not sent yet."""
        return len(self._messages)

    def stop(self) -> None:
        """Send no more; what was sent is all acknowledged or unknown then."""
        self._stop.set()
        self._thread.join()

    def goes_on(self, seconds: float) -> None:
        """Return when the load has gone on for so long; fail if it does not."""
        until = self.next_number + int(seconds * self._rate)
        eventually(lambda: self.next_number >= until, 2 * seconds + 10)

    def ledger(self) -> Ledger:
        """Return the books so far."""
        return Ledger(list(self._messages), frozenset(self._acknowledged))

    def _send_steadily(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            self._send(list(itertools.islice(self._drawn, BATCH)))
            # What a slow answer has held up is not made up for: the load is steady, not a storm.
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


def _messages() -> Iterator[tuple[int, int | None]]:
    """Draw group and room of one message after the other, the same in every run."""
    dice = random.Random(SEED)
    while True:
        room = dice.randrange(ROOMS) if dice.random() < TO_A_ROOM else None
        yield dice.randrange(GROUPS), room
