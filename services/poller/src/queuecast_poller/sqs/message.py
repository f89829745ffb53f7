"""A message as SQS delivered it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from queuecast_edge.trace_context import TraceContext

BATCH = 10
"""Most messages that one receive returns, and most entries of a batch request."""

CANARY = "queuecast"
"""The attribute of a message that a poller sent itself. Its value is "canary"; the body is the proof."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where a message's trace continues: its arrival (Unix time in nanoseconds), and its sender's span."""

    at_ns: int
    parent: TraceContext | None = None


class Message(NamedTuple):
    """One received message. A named tuple, because making one takes a third of a frozen dataclass's time.

    `attributes` has strings and numbers as text, and `unreadable` the names of those with another type.
    `attributes_altered` means that they do not match the MD5 that SQS sent with them. `sent_ms` is when SQS
    accepted the message (Unix time in milliseconds), `delay_ms` how long it was hidden at first, None if that
    is unknown, and `throttled_ms` how long the queue's rate limit held it back. `receives` counts deliveries,
    this one included. `group` is the message group on a FIFO queue, None on a standard one. `arrival` is set
    if messages are traced. `fetched` is the object that a pointer in the body names, once fetched, and
    `not_fetched` why it could not be.
    """

    id: str
    receipt_handle: str
    body: str
    body_md5: str
    attributes: Mapping[str, str] = MappingProxyType({})
    unreadable: tuple[str, ...] = ()
    attributes_altered: bool = False
    sent_ms: int | None = None
    receives: int = 1
    group: str | None = None
    arrival: Arrival | None = None
    fetched: str | None = None
    not_fetched: str | None = None
    delay_ms: int | None = 0
    throttled_ms: int = 0

    @property
    def available_ms(self) -> int | None:
        """Since when it could be received (Unix time in milliseconds); None if that is unknown.

        What was meant is left out: the message's delay, and the time that a rate limit held it back. So it is
        that much later than the moment at which SQS could deliver the message.
        """
        if self.sent_ms is None or self.delay_ms is None:
            return None
        return self.sent_ms + self.delay_ms + self.throttled_ms
