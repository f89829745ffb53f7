"""A message as SQS handed it over. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from queuecast_edge.trace_context import TraceContext


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where a message's trace goes on here: when it came (Unix time in nanoseconds), its sender's span."""

    at_ns: int
    parent: TraceContext | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One received message.

    `attributes` holds strings and numbers as text; `unreadable` names those whose type is neither;
    `attributes_altered` says that they are not the ones whose MD5 SQS sent along. `sent_ms` is when SQS
    accepted it (Unix time in milliseconds), `delay_ms` for how long it was hidden at first, None if nobody
    knows, `receives` how often it has been handed out, this time included. `group` is the message group of a
    FIFO queue, None on a standard one. `arrival` is there where messages are traced. `fetched` is what a
    pointer in the body leads to, once it was fetched, and `not_fetched` says why it was not.
    """

    id: str
    receipt_handle: str
    body: str
    body_md5: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    attributes_altered: bool = False
    sent_ms: int | None = None
    receives: int = 1
    group: str | None = None
    arrival: Arrival | None = None
    fetched: str | None = None
    not_fetched: str | None = None
    delay_ms: int | None = 0

    @property
    def available_ms(self) -> int | None:
        """Since when it could be received (Unix time in milliseconds); None if nobody knows."""
        if self.sent_ms is None or self.delay_ms is None:
            return None
        return self.sent_ms + self.delay_ms
