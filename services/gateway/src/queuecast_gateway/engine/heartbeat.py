"""The heartbeat of a session: a ping at each interval, and the end of a client that does not answer it.

https://socket.io/docs/v4/engine-io-protocol/#heartbeat
"""

from queuecast_gateway.engine.interfaces import OpenSession

READ_SHARE = 0.75
"""A process that had fewer of its turns than this during a timeout stood still, or was throttled: the pong
may be there, unread."""


class Heartbeat:
    """A session's next deadline: it sends a ping, or it checks that the pong has come.

    Pings go out by the clock, because clients count the time between them by theirs. A pong may take its
    timeout in turns of the wheel as well: a process that stood still blames nobody. While a pong is missing
    and its timeout is not over, there is no other ping.

    The object is itself the callback that the timer wheel keeps, in place of a bound method of the same size.
    """

    __slots__ = ("_due", "_pinged_tick", "_pinged_turn", "_session", "awaits_pong")

    def __init__(self, session: OpenSession) -> None:
        self._session = session
        self.awaits_pong = False
        self._pinged_turn = 0
        wheel, interval = session.engine.ping_wheel, session.engine.ping_interval
        self._pinged_tick = wheel.tick - round(interval / wheel.tick_seconds)
        # Not at once: the client has a namespace to join first.
        self._due = wheel.after(interval / 2 + wheel.spread(interval / 2), self)

    def __call__(self) -> None:
        """End the session if its pong is missing after the timeout, else ping if the interval is over."""
        session = self._session
        engine = session.engine
        wheel = engine.ping_wheel
        seconds = (wheel.tick - self._pinged_tick) * wheel.tick_seconds
        if self.awaits_pong and seconds < engine.ping_timeout:
            self._due = wheel.after(engine.ping_timeout - seconds, self)
        elif self.awaits_pong and self._is_overdue():
            session.end(engine.reason.PING_TIMEOUT)
        elif seconds < engine.ping_interval:
            self._due = wheel.after(engine.ping_interval - seconds, self)
        else:
            self.ping()

    def ping(self) -> None:
        """Send a ping, and expect its pong within the timeout."""
        session = self._session
        engine = session.engine
        wheel = engine.ping_wheel
        if not self.awaits_pong:
            self._pinged_turn = wheel.turns
        self._pinged_tick = wheel.tick
        self.awaits_pong = True
        session.write(engine.ping(session))
        if not session.closed:
            self._due = wheel.after(min(engine.ping_interval, engine.ping_timeout), self)

    def _is_overdue(self) -> bool:
        """Say whether this process has had the time to read the pong, and has not."""
        engine = self._session.engine
        turns = engine.ping_wheel.turns - self._pinged_turn
        is_read = turns * engine.ping_wheel.tick_seconds >= READ_SHARE * engine.ping_timeout
        # While a handler is busy, the pong may be in the bytes that have not been read yet.
        return is_read and self._session.work is None

    def stop(self) -> None:
        """Ping no more."""
        self._session.engine.ping_wheel.cancel(self._due, self)
        # Session and heartbeat hold each other: without this, only the garbage collector would free them.
        del self._session
