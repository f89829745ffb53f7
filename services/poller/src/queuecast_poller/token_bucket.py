"""A token bucket: how many events may come now, so that no more than a rate come in the long run. Pure.

https://en.wikipedia.org/wiki/Token_bucket
"""


class TokenBucket:
    """Fills by `rate` tokens a second, up to one second of it and never less than one. It starts full.

    Times are seconds of a clock that goes forward; the rate may change at any time.
    """

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._at = now
        self._tokens = self._capacity

    def take(self, rate: float, most: int, now: float) -> int:
        """Take up to so many whole tokens; return how many there were."""
        self._tokens = min(self._capacity, self._tokens + (now - self._at) * self._rate)
        self._at = now
        self._rate = rate
        taken = min(most, int(self._tokens))
        self._tokens -= taken
        return taken

    def put_back(self, tokens: int) -> None:
        """Return tokens that were taken for nothing."""
        self._tokens = min(self._capacity, self._tokens + tokens)

    @property
    def wait_seconds(self) -> float:
        """For how long there is no whole token after a `take`."""
        return max(0.0, (1 - self._tokens) / self._rate)

    @property
    def _capacity(self) -> float:
        return max(1.0, self._rate)
