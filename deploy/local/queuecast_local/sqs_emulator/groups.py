"""Messages, and the groups in whose order they are handed out. Pure. What is due when, the queue knows.

A message is in one of three places: waiting in its group, hidden until a deadline (in flight, or delayed), or
deleted. One that is deleted while it waits stays in the heap and is passed over later: to find it there would
cost its depth.
"""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, eq=False)
class Message:
    """A message and where it is. `hidden_until` is None unless it is in flight or delayed."""

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
    handouts: int = 0
    first_received_at: float = 0.0
    last_received_at: float = 0.0
    hidden_until: float | None = None
    delayed: bool = False
    deleted: bool = False

    @property
    def receipt_handle(self) -> str:
        """The newest handle, the only one that deletes."""
        return f"{self.id}#{self.handouts}"


class Group:
    """Messages in the order of their sequence; a standard queue is one group that is not ordered.

    An ordered group hands out nothing while any message of it is in flight.
    """

    __slots__ = ("_waiting", "id", "in_flight", "listed", "ordered")

    def __init__(self, group_id: str | None, *, ordered: bool) -> None:
        self.id = group_id
        self.ordered = ordered
        self.in_flight = 0
        self.listed = False
        self._waiting: list[tuple[int, Message]] = []

    def push(self, message: Message) -> None:
        """Let a message wait, before all that were sent after it."""
        heapq.heappush(self._waiting, (message.sequence, message))

    def pop(self) -> Message | None:
        """Take the earliest message that waits."""
        return None if self.is_empty() else heapq.heappop(self._waiting)[1]

    def is_empty(self) -> bool:
        """Say whether no message waits."""
        while self._waiting and self._waiting[0][1].deleted:
            heapq.heappop(self._waiting)
        return not self._waiting

    def is_ready(self) -> bool:
        """Say whether a receive may take from it."""
        return not (self.ordered and self.in_flight) and not self.is_empty()
