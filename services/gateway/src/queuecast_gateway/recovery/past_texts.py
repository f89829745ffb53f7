"""Past events that this replica has read, in a bounded memory: those read first go first. Pure."""

from queuecast_gateway.wire.past import PastEvent

EVENT_BYTES = 400
"""The overhead of an event, beside its text and attachments."""


class PastTexts:
    """Past events by their offsets, of up to `max_bytes` in all; `size` is what they take."""

    def __init__(self, max_bytes: int) -> None:
        self.size = 0
        self._max_bytes = max_bytes
        self._events: dict[str, PastEvent] = {}

    def get(self, offset: str) -> PastEvent | None:
        return self._events.get(offset)

    def keep(self, offset: str, event: PastEvent) -> None:
        """Keep an event, unless it alone takes more than a quarter of all."""
        size = EVENT_BYTES + event.size
        if offset in self._events or size * 4 > self._max_bytes:
            return
        self._events[offset] = event
        self.size += size
        while self.size > self._max_bytes:
            oldest = next(iter(self._events))
            self.size -= EVENT_BYTES + self._events.pop(oldest).size

    def clear(self) -> None:
        """Forget all events."""
        self._events.clear()
        self.size = 0
