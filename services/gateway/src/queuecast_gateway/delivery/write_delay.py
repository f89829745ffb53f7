"""How long events gather after a write before the next one: latency against CPU per delivery. Pure."""

from collections.abc import Sequence

MAX_SECONDS = 0.02
"""The longest delay that is chosen here."""

LIGHT_DEMAND, FULL_DEMAND = 0.65, 0.85
"""The share of the time that delivering would take if no events shared a write: up to the first there is no
delay, from the second on it is as long as the write before it."""

MOST_DEMAND = 2.0
"""More than this changes nothing, but would be remembered for longer."""

AVERAGE_SECONDS = 0.5


class Round:
    """What a batch brought to the sockets here, before it was written."""

    def __init__(self) -> None:
        self._deliveries = 0
        self._moments: set[str] = set()

    def add(self, offsets: Sequence[str], sessions: int) -> None:
        """Note that the events with these offsets go to so many sessions each."""
        self._deliveries += len(offsets) * sessions
        self._moments.update(offset.partition("-")[0] for offset in offsets)

    def shared(self, writes: int) -> float:
        """Return how many events shared each of so many writes, and would not have without a delay.

        Events of one moment, a millisecond of Redis's clock, share a write anyhow; events for different
        sessions never do. It is at least 1.
        """
        return max(1.0, min(len(self._moments), self._deliveries / writes)) if writes else 1.0


class WriteDelay:
    """Chooses the delay after each write; with `fixed_seconds` it is always that.

    Events that arrive within a delay share the next write to each socket, which costs little more than a
    single event. While every event could have a write of its own nobody waits for that. As that would take
    more of the time the delay grows, so that a delivery costs less the more there is to deliver, and time is
    left for everything else.
    """

    def __init__(self, fixed_seconds: float | None = None) -> None:
        self._fixed_seconds = fixed_seconds
        self._began = 0.0
        self._unshared_seconds = 0.0
        self._demand = 0.0

    def after(self, began: float, took: float, shared: float) -> float:
        """Return the delay after a round that was delivered and written in `took` seconds, from `began` on.

        Both are in seconds of a monotonic clock. `shared` is how many events shared each write.
        """
        if self._fixed_seconds is not None:
            return self._fixed_seconds
        elapsed = began - self._began
        if elapsed > 0:
            weight = min(1.0, elapsed / AVERAGE_SECONDS)
            self._demand += weight * (min(MOST_DEMAND, self._unshared_seconds / elapsed) - self._demand)
        self._began, self._unshared_seconds = began, took * shared
        level = (self._demand - LIGHT_DEMAND) / (FULL_DEMAND - LIGHT_DEMAND)
        return min(took * min(max(level, 0.0), 1.0), MAX_SECONDS)
