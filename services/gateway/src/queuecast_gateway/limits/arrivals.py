"""How often each key may come, such as connections of an address: a token bucket for each. Pure."""


class TooMuch(Exception):
    """Somebody has to wait before more is taken; the text is for whoever asked."""


class Arrivals:
    """So many of each key a second in the long run, and `burst` at once; a rate of 0 is no limit.

    A bucket is one number: when it will be full again, in seconds of a clock that goes forward (this is the
    generic cell rate algorithm, ITU-T I.371). A full one is forgotten, and beyond `max_keys` the one that was
    taken from the longest ago.
    """

    def __init__(self, per_second: float, burst: int, max_keys: int = 10_000) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._burst_seconds = max(burst, 1) * self._interval
        self._max_keys = max_keys
        self._full: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._full)

    def wait(self, key: str, now: float) -> float:
        """Return the seconds until one more of this key may come; 0 if it may now."""
        return max(0.0, self._full.get(key, now) + self._interval - now - self._burst_seconds)

    def came(self, key: str, now: float, amount: int = 1) -> None:
        """Count one that has come, or so many, such as bytes."""
        if not self._interval:
            return
        full = max(self._full.pop(key, now), now) + amount * self._interval
        # Two for each one that comes: so what is over is forgotten sooner than it grows.
        for other in [other for other, _ in zip(self._full, range(2), strict=False)]:
            if self._full[other] <= now:
                del self._full[other]
        if len(self._full) >= self._max_keys:
            del self._full[next(iter(self._full))]
        self._full[key] = full
