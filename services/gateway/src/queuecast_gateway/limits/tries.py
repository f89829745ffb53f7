"""How often each key has failed, such as an address that guesses tokens; is it too often? Pure."""

from math import inf
from typing import NamedTuple


class _Window(NamedTuple):
    ends: float
    failed: int


class Tries:
    """Failed tries by key. The first opens a window, and who has failed `most` times waits for its end.

    Nothing in between makes it longer, so that a page whose token ran out does not wait for ever. A `most` of
    0 is no limit. At most `max_keys` are kept, without those whose window is the oldest. Times are seconds of
    a clock that goes forward.
    """

    def __init__(self, most: int, window_seconds: float, max_keys: int = 10_000) -> None:
        self._most = most or inf
        self._window_seconds = window_seconds
        self._max_keys = max_keys if most else 0
        # In the order in which they end: all windows are of one length.
        self._windows: dict[str, _Window] = {}

    def __len__(self) -> int:
        return len(self._windows)

    def failed(self, key: str, now: float) -> bool:
        """Count one failed try, and say whether it was the last one that this key had in its window."""
        self._forget(now)
        window = self._windows.get(key)
        if window is not None:
            window = self._windows[key] = _Window(window.ends, window.failed + 1)
        elif self._max_keys:
            if len(self._windows) >= self._max_keys:
                del self._windows[next(iter(self._windows))]
            window = self._windows[key] = _Window(now + self._window_seconds, 1)
        return window is not None and window.failed == self._most

    def wait(self, key: str, now: float) -> float:
        """Return the seconds until this key may try again; 0 if it may now."""
        window = self._windows.get(key)
        if window is None or window.failed < self._most:
            return 0.0
        return max(0.0, window.ends - now)

    def _forget(self, now: float) -> None:
        """Forget the windows that have ended: each only once, so this costs a failure no more than itself."""
        while self._windows:
            key = next(iter(self._windows))
            if self._windows[key].ends > now:
                return
            del self._windows[key]
