"""How many there are of each key, such as connections of an address, and whether one more may come. Pure."""


class Tally:
    """Counts what is there by key, up to `most` each; 0 is no limit, and then nothing is counted.

    What is kept is one number per key that has something here. `len` is how many keys those are.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def enter(self, key: str) -> bool:
        """Count one more of this key, and say so; False, and nothing is counted, if it has `most` already."""
        if not self._most:
            return True
        count = self._counts.get(key, 0)
        if count >= self._most:
            return False
        self._counts[key] = count + 1
        return True

    def is_full(self, key: str) -> bool:
        """Say whether no more of this key may come."""
        return bool(self._most) and self._counts.get(key, 0) >= self._most

    def leave(self, key: str) -> None:
        """Count one less of this key: once for each `enter` that returned True.

        Raises `ValueError` if nothing of it is here. To pass over that would hide a fault of the caller that
        elsewhere frees a place which is taken; the count is right either way.
        """
        if not self._most:
            return
        count = self._counts.get(key, 0)
        if count > 1:
            self._counts[key] = count - 1
        elif count:
            del self._counts[key]
        else:
            raise ValueError(f"{key!r} leaves and had not entered")
