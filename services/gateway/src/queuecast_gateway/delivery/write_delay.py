"""How long events gather after a write before the next one: latency against CPU per delivery. Pure."""

MAX_SECONDS = 0.02
"""The longest delay that is chosen here."""

IDLE_SHARE, BUSY_SHARE = 0.3, 0.6
"""The share of the time that delivering takes: up to the first there is no delay, from the second on it is as
long as the write before it."""

AVERAGE_SECONDS = 0.5


class WriteDelay:
    """Chooses the delay after each write; with `fixed_seconds` it is always that.

    Events that arrive within a delay share the next write to each socket, which costs little more than a
    single event. While delivering takes little of the time nobody waits for that. As it takes more the delay
    grows, so that a delivery costs less the more there is to deliver, and time is left for everything else.
    """

    def __init__(self, fixed_seconds: float | None = None) -> None:
        self._fixed_seconds = fixed_seconds
        self._began = 0.0
        self._took = 0.0
        self._share = 0.0

    def after(self, began: float, took: float) -> float:
        """Return the delay after a batch that was delivered and written in `took` seconds, from `began` on.

        Both are in seconds of a monotonic clock.
        """
        if self._fixed_seconds is not None:
            return self._fixed_seconds
        elapsed = began - self._began
        if elapsed > 0:
            weight = min(1.0, elapsed / AVERAGE_SECONDS)
            self._share += weight * (self._took / elapsed - self._share)
        self._began, self._took = began, took
        level = (self._share - IDLE_SHARE) / (BUSY_SHARE - IDLE_SHARE)
        return min(took * min(max(level, 0.0), 1.0), MAX_SECONDS)
