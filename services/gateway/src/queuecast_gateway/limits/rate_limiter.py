"""Limits the rate of each key, such as the new connections of an address: a token bucket for each. Pure."""

ROUNDING_SECONDS = 1e-6
"""A difference of times that is only the rounding of floats. A full bucket of one would otherwise be empty,
for half of all clocks."""


class RateLimited(Exception):
    """A client has exceeded a rate; the text is for that client."""


class RateLimiter:
    """Allows each key a rate in the long run, and `burst` at once; a rate of 0 is no limit.

    A bucket is one number: the time at which it will be full again, in seconds of a monotonic clock (this is
    the generic cell rate algorithm, ITU-T I.371). Full buckets are forgotten, and beyond `max_keys` the one
    that was used the longest ago.
    """

    def __init__(self, per_second: float, burst: int, max_keys: int = 10_000) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._burst_seconds = max(burst, 1) * self._interval
        self._max_keys = max_keys
        self._full: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._full)

    def wait_seconds(self, key: str, now: float) -> float:
        """Return how long a key has to wait for one more; 0 if it need not."""
        wait = self._full.get(key, now) + self._interval - now - self._burst_seconds
        return wait if wait > ROUNDING_SECONDS else 0.0

    def take(self, key: str, now: float, amount: int = 1) -> None:
        """Take `amount` from the bucket of a key."""
        if not self._interval:
            return
        full = max(self._full.pop(key, now), now) + amount * self._interval
        # Look at two others each time, so that full buckets are forgotten faster than new ones come.
        for other in [other for other, _ in zip(self._full, range(2), strict=False)]:
            if self._full[other] <= now:
                del self._full[other]
        if len(self._full) >= self._max_keys:
            del self._full[next(iter(self._full))]
        self._full[key] = full
