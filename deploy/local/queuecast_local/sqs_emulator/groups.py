"""Messages, and the groups in whose order they are delivered. Pure. Deadlines are the queue's.

A message is in one of three states: waiting in its group, hidden until a deadline (in flight or delayed), or
deleted. One that is deleted while it waits stays in the heap and is skipped later, because finding it there
would take time in proportion to the depth.
"""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, eq=False)
class Message:
    """A message and its state. `hidden_until` is None unless it is in flight or delayed."""

    id: str
    sequence: int
    body: str
    body_md5: str
    attributes: Mapping[str, Mapping[str, Any]]
    sent_at: float
    group_id: str | None
    deduplication_id: str | None
    source_arn: str | None = None
    trace_header: str | None = None
    held_bytes: int = 0
    receives: int = 0
    deliveries: int = 0
    first_received_at: float = 0.0
    last_received_at: float = 0.0
    hidden_until: float | None = None
    delayed: bool = False
    deleted: bool = False

    @property
    def receipt_handle(self) -> str:
        """The newest receipt handle, the only one that can delete the message."""
        return f"{self.id}#{self.deliveries}"


class Group:
    """Messages in the order of their sequence. A standard queue is one group that is not ordered.

    An ordered group delivers nothing while any of its messages is in flight.
    """

    __slots__ = ("_waiting", "id", "in_flight", "listed", "ordered")

    def __init__(self, group_id: str | None, *, ordered: bool) -> None:
        self.id = group_id
        self.ordered = ordered
        self.in_flight = 0
        self.listed = False
        self._waiting: list[tuple[int, Message]] = []

    def push(self, message: Message) -> None:
        """Add a waiting message, before all that were sent after it."""
        heapq.heappush(self._waiting, (message.sequence, message))

    def pop(self) -> Message | None:
        """Remove and return the earliest waiting message; None if there is none."""
        return None if self.is_empty() else heapq.heappop(self._waiting)[1]

    def is_empty(self) -> bool:
        """Return whether no message waits."""
        while self._waiting and self._waiting[0][1].deleted:
            heapq.heappop(self._waiting)
        return not self._waiting

    def is_ready(self) -> bool:
        """Return whether a receive may take from it."""
        return not (self.ordered and self.in_flight) and not self.is_empty()
