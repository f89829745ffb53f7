"""Limits how many bytes the items of each key may take, such as the sessions of an address in Redis. Pure."""


class Quota:
    """Counts bytes by the key of their owner, up to `max_bytes` for each key; 0 is no limit.

    Whoever has an item knows its size: nothing is kept here for items in use. An item that is released later
    counts for `away_seconds` more, or until it comes back; at most `max_away` items wait for that. Times are
    seconds of a monotonic clock.
    """

    def __init__(self, max_bytes: int, away_seconds: float, max_away: int = 50_000) -> None:
        self._max_bytes = max_bytes
        self._away_seconds = away_seconds
        self._max_away = max_away
        self._totals: dict[str, int] = {}
        # In the order in which they expire, as all wait equally long: when, key, size.
        self._away: dict[str, tuple[float, str, int]] = {}

    def reserve(self, key: str, size: int, now: float) -> bool:
        """Count so many more bytes for a key; return False, and count nothing, if that is too much."""
        if not self._max_bytes:
            return True
        if self._away:
            self._expire(now)
        total = self._totals.get(key, 0) + size
        if total > self._max_bytes:
            return False
        self._totals[key] = total
        return True

    def release(self, key: str, size: int) -> None:
        """Count so many bytes less for a key."""
        if self._max_bytes and size:
            self._totals[key] -= size
            if not self._totals[key]:
                del self._totals[key]

    def release_later(self, item: str, key: str, size: int, now: float) -> None:
        """Release an item after `away_seconds`."""
        if self._max_bytes and size:
            self._away[item] = now + self._away_seconds, key, size
            if len(self._away) > self._max_away:
                self.come_back(next(iter(self._away)))

    def come_back(self, item: str) -> None:
        """Release an item now, if it was to be released later: its owner counts it anew."""
        if self._away and (away := self._away.pop(item, None)):
            self.release(*away[1:])

    def _expire(self, now: float) -> None:
        while self._away:
            item = next(iter(self._away))
            if self._away[item][0] > now:
                return
            self.come_back(item)
