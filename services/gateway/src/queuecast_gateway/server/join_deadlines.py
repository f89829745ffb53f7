"""Connections that are in no namespace, and so show no token: each may stay that way only for a while."""

from collections.abc import Callable
from functools import partial

from queuecast_gateway.engine.timer_wheel import TimerWheel


class JoinDeadlines:
    """Gives each connection `seconds` to join a namespace: when it has begun, and when it has left one.

    `is_joined` says whether a connection is in a namespace; `expired` is called with one that is not when its
    time is over. Each connection has at most one timer.
    """

    def __init__(
        self,
        wheel: TimerWheel,
        seconds: float,
        is_joined: Callable[[str], bool],
        expired: Callable[[str], None],
    ) -> None:
        self._wheel = wheel
        self._seconds = seconds
        self._is_joined = is_joined
        self._expired = expired
        self._timers: dict[str, tuple[int, Callable[[], None]]] = {}

    def __len__(self) -> int:
        return len(self._timers)

    def begin(self, eio_sid: str) -> None:
        """A connection has begun, or has left a namespace."""
        self.end(eio_sid)
        check = partial(self._check, eio_sid)
        self._timers[eio_sid] = self._wheel.after(self._seconds, check), check

    def end(self, eio_sid: str) -> None:
        """A connection has ended."""
        timer = self._timers.pop(eio_sid, None)
        if timer is not None:
            self._wheel.cancel(*timer)

    def _check(self, eio_sid: str) -> None:
        self._timers.pop(eio_sid, None)
        if not self._is_joined(eio_sid):
            self._expired(eio_sid)
