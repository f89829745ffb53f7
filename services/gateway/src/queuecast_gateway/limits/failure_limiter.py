"""Limits how often each key may fail, such as an address that shows forged tokens. Pure."""

from math import inf
from typing import NamedTuple


class _Window(NamedTuple):
    ends: float
    failures: int


class FailureLimiter:
    """Counts failures by key. A key that has failed `max_failures` times waits for the end of its window.

    The first failure opens the window, and no later one prolongs it, so that a page with an expired token
    does not wait for ever. With 0 there is no limit. Beyond `max_keys`, the oldest window is dropped. Times
    are seconds of a monotonic clock.
    """

    def __init__(self, max_failures: int, window_seconds: float, max_keys: int = 10_000) -> None:
        self._max_failures = max_failures or inf
        self._window_seconds = window_seconds
        self._max_keys = max_keys if max_failures else 0
        # In the order in which they end, as all windows have the same length.
        self._windows: dict[str, _Window] = {}

    def __len__(self) -> int:
        return len(self._windows)

    def record(self, key: str, now: float) -> bool:
        """Count one failure; say whether it was the last one that its window allows."""
        self._forget(now)
        window = self._windows.get(key)
        if window is not None:
            window = self._windows[key] = _Window(window.ends, window.failures + 1)
        elif self._max_keys:
            if len(self._windows) >= self._max_keys:
                del self._windows[next(iter(self._windows))]
            window = self._windows[key] = _Window(now + self._window_seconds, 1)
        return window is not None and window.failures == self._max_failures

    def wait_seconds(self, key: str, now: float) -> float:
        """Return how long a key has to wait; 0 if it may try now."""
        window = self._windows.get(key)
        if window is None or window.failures < self._max_failures:
            return 0.0
        return max(0.0, window.ends - now)

    def _forget(self, now: float) -> None:
        """Forget the windows that have ended: each once, so the cost per failure is constant."""
        while self._windows:
            key = next(iter(self._windows))
            if self._windows[key].ends > now:
                return
            del self._windows[key]
