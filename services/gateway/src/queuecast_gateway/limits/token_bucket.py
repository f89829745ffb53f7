"""Limits how fast one connection may send: a token bucket for its events, one for its bytes. Pure."""

from enum import IntEnum
from typing import NamedTuple

BURST_SECONDS = 2.0
"""What a bucket holds, in seconds of its rate. A page sends most of its events when it opens."""

MIN_BURST = 2
"""Each bucket holds at least this many events, or largest messages: a low rate must not forbid all."""


class Verdict(IntEnum):
    """Whether an event is within the rates. All but WITHIN are truthy."""

    WITHIN = 0
    OVER = 1
    """Refuse the event, and tell the browser: it may go on after a pause."""
    FLOOD = 2
    """Close the connection: a whole burst was refused, and it did not slow down."""


# Looking up a module's name takes a third of the time of an enumeration's member.
WITHIN, OVER, FLOOD = Verdict


class Rates(NamedTuple):
    """What a connection may send in the long run; 0 is no limit. Messages have at most `largest_bytes`."""

    events_per_second: float
    bytes_per_second: float
    largest_bytes: int = 0

    @property
    def burst_events(self) -> float:
        return max(BURST_SECONDS * self.events_per_second, MIN_BURST)

    @property
    def burst_bytes(self) -> float:
        return max(BURST_SECONDS * self.bytes_per_second, MIN_BURST * self.largest_bytes)


class TokenBuckets:
    """The two buckets of a connection, which start full. Times are seconds of a monotonic clock.

    It keeps what was taken from each bucket and has not refilled: more than one burst is OVER, more than two
    are a FLOOD. Refused events count too: a client that pauses recovers, a client that goes on does not.
    """

    __slots__ = ("_at", "_bytes", "_events", "_rates")

    def __init__(self, rates: Rates, now: float) -> None:
        self._rates = rates
        self._at = now
        self._events = 0.0
        self._bytes = 0.0

    def take(self, now: float, events: int, size: int) -> Verdict:
        """Count `events` events of `size` bytes together, and say whether that is too much.

        Every event of a browser passes here: this takes 0.2 µs, and a plainer form a third more.
        """
        event_rate, byte_rate, _ = self._rates
        passed = now - self._at
        if passed > 0:
            self._at = now
            if (taken_events := self._events - passed * event_rate) < 0:
                taken_events = 0.0
            if (taken_bytes := self._bytes - passed * byte_rate) < 0:
                taken_bytes = 0.0
        else:
            taken_events = self._events
            taken_bytes = self._bytes
        if event_rate:
            taken_events += events
        if byte_rate:
            taken_bytes += size
        self._events = taken_events
        self._bytes = taken_bytes
        if taken_events <= BURST_SECONDS * event_rate and taken_bytes <= BURST_SECONDS * byte_rate:
            return WITHIN  # no burst is smaller; the exact bursts are computed below, near the limit
        rates = self._rates
        return max(_verdict(taken_events, rates.burst_events), _verdict(taken_bytes, rates.burst_bytes))


def _verdict(taken: float, burst: float) -> Verdict:
    if taken <= burst:
        return WITHIN
    return OVER if taken <= 2 * burst else FLOOD
