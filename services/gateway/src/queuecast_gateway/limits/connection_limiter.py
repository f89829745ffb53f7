"""Limits how many connections exist at once for each key, such as an address. Pure."""


class ConnectionLimiter:
    """Counts connections by key, up to `max_per_key` each. With 0 there is no limit, and nothing is counted.

    It keeps one number for each key that has a connection. `len` is how many keys those are.
    """

    def __init__(self, max_per_key: int) -> None:
        self._max_per_key = max_per_key
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def acquire(self, key: str) -> bool:
        """Count one more connection of a key; return False, and count nothing, if the key is full."""
        if not self._max_per_key:
            return True
        count = self._counts.get(key, 0)
        if count >= self._max_per_key:
            return False
        self._counts[key] = count + 1
        return True

    def is_full(self, key: str) -> bool:
        """Say whether a key may have no more connections."""
        return bool(self._max_per_key) and self._counts.get(key, 0) >= self._max_per_key

    def release(self, key: str) -> None:
        """Count one connection less of a key: once for each `acquire` that returned True.

        Raises `ValueError` if the key has none. The count stays right, but the caller has a bug that could
        release somebody else's connection.
        """
        if not self._max_per_key:
            return
        count = self._counts.get(key, 0)
        if count > 1:
            self._counts[key] = count - 1
        elif count:
            del self._counts[key]
        else:
            raise ValueError(f"{key!r} was released and not acquired")
