"""A token bucket: it limits messages to a rate, in the long run, and allows short bursts. Pure.

https://en.wikipedia.org/wiki/Token_bucket
"""


class TokenBucket:
    """Fills by `rate` tokens a second and holds those of one second, but at least one. It starts full.

    Times are seconds of a monotonic clock. The rate may change at any time.
    """

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._at = now
        self._tokens = self._capacity

    def take(self, rate: float, most: int, now: float) -> int:
        """Take up to `most` whole tokens; return how many were taken."""
        self._tokens = min(self._capacity, self._tokens + (now - self._at) * self._rate)
        self._at = now
        self._rate = rate
        taken = min(most, int(self._tokens))
        self._tokens -= taken
        return taken

    def put_back(self, tokens: int) -> None:
        """Return tokens that were not used."""
        self._tokens = min(self._capacity, self._tokens + tokens)

    @property
    def wait_seconds(self) -> float:
        """How long it takes after a `take` until there is a whole token."""
        return max(0.0, (1 - self._tokens) / self._rate)

    @property
    def _capacity(self) -> float:
        return max(1.0, self._rate)
