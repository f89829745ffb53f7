"""How many bytes the things of each key may take, such as sessions of an address in Redis. Pure."""


class Quota:
    """Counts what things take, by the key of their owner, up to `most` bytes each; 0 is no limit.

    A thing counts until it is released, or for `away_seconds` after it was left. Times are seconds of a clock
    that goes forward. Of those that were left at most `max_left` count.
    """

    def __init__(self, most: int, away_seconds: float, max_left: int = 50_000) -> None:
        self._most = most
        self._away_seconds = away_seconds
        self._max_left = max_left
        self._sizes: dict[str, tuple[str, int]] = {}
        self._totals: dict[str, int] = {}
        # In the order in which they end: all stay for as long.
        self._left: dict[str, float] = {}

    def hold(self, thing: str, key: str, size: int, now: float) -> bool:
        """Have a thing count for a key, and say so; False, and it counts nothing, if that is too much."""
        self._forget(now)
        self.release(thing)
        total = self._totals.get(key, 0) + size
        if not self._most:
            return True
        if total > self._most:
            return False
        self._sizes[thing] = key, size
        self._totals[key] = total
        return True

    def grow(self, thing: str, by: int, now: float) -> bool:
        """Have a thing that counts take so much more, or less; False if that is too much, as `hold`."""
        if thing not in self._sizes:
            return True
        key, size = self._sizes[thing]
        return self.hold(thing, key, size + by, now)

    def leave(self, thing: str, now: float) -> None:
        """Have a thing count for a while only."""
        if thing in self._sizes:
            self._left[thing] = now + self._away_seconds
            if len(self._left) > self._max_left:
                self.release(next(iter(self._left)))

    def release(self, thing: str) -> None:
        """Have a thing count no more."""
        self._left.pop(thing, None)
        key, size = self._sizes.pop(thing, ("", 0))
        if size:
            self._totals[key] -= size
            if not self._totals[key]:
                del self._totals[key]

    def _forget(self, now: float) -> None:
        while self._left:
            thing = next(iter(self._left))
            if self._left[thing] > now:
                return
            self.release(thing)
