"""Where the stream is followed: at replicas if there is a URL for them, or for a while at the primary.

Records link to each other, so a reader may change its server after any record: it waits for what that server
does not have yet, and sees what that server never had.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import Redis

from queuecast_bus.errors import BusUnavailable
from queuecast_bus.record import offset_key

log = logging.getLogger(__name__)

FAILURES = 2
"""After so many failures in a row replicas are of no use. A silent one takes four seconds for each."""

BEHIND_SECONDS = 10.0
"""For how long a replica that has nothing new may lack a record that the primary has confirmed."""

PRIMARY_SECONDS = 30.0
"""For how long the primary is read instead, before a replica is asked whether it has caught up."""

RENEW_SECONDS = 300.0
"""How long a connection to a replica is used. The server to read may be another one by then: a replica that
becomes the primary keeps its connections, and a primary without a replica may have got one."""

LAG_SECONDS = 1.0
"""How old a record may be that a replica need not have yet, to be read again."""


class ReadSource:
    """Says which client reads the stream now.

    `replicas` is None if there is no URL for them. `leave` drops the connections to replicas, and `renew`
    those that are idle.
    """

    def __init__(
        self,
        primary: Redis,
        replicas: Redis | None = None,
        leave: Callable[[object], object] = lambda why: None,
        renew: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._primary = primary
        self._replicas = replicas
        self._leave = leave
        self._renew = renew
        self._clock = clock
        self._until: float | None = None
        self._renewed = clock()
        self._goal: str | None = None
        self._failures = 0
        self._awaited: tuple[str, float] | None = None
        self._newest: tuple[str, float] | None = None

    @property
    def client(self) -> Any:
        """The client with which to read."""
        return self._primary if self._replicas is None or self.avoids_replicas else self._replicas

    @property
    def avoids_replicas(self) -> bool:
        """Whether the primary is read although there is a URL for replicas."""
        return self._until is not None

    async def settle(self, position: str, tail: Callable[[Redis], Awaitable[str]]) -> None:
        """Decide where to read next; call this before each read.

        Goes back to replicas if it is time, and one has all that was read a second ago. `tail` asks for the
        offset of a server's newest record.
        """
        if self._replicas is None:
            return
        if self._clock() - self._renewed >= RENEW_SECONDS:
            self._renewed = self._clock()
            self._renew()
        if self._until is None or self._clock() < self._until:
            return
        if self._goal is None:
            self._goal, self._until = position, self._clock() + LAG_SECONDS
            return
        goal, self._goal = self._goal, None
        try:
            has_caught_up = offset_key(await tail(self._replicas)) >= offset_key(goal)
        except BusUnavailable:
            has_caught_up = False
        if has_caught_up:
            self._until = None
            log.info("replicas are read again")
        else:
            self._until = self._clock() + PRIMARY_SECONDS

    def failed(self, why: object) -> None:
        """Note that a read failed."""
        if self._replicas is None or self.avoids_replicas:
            return
        self._failures += 1
        if self._failures >= FAILURES:
            self._avoid(why)

    def stored(self, offset: str) -> None:
        """Note a record that the primary has just confirmed."""
        if self._replicas is not None:
            self._newest = offset, self._clock()
            self._awaited = self._awaited or self._newest

    def read(self, position: str, *, has_more: bool) -> None:
        """Note a read: up to which offset everything is read, and whether it brought anything.

        Raises `BusUnavailable` if replicas have long lacked a record.
        """
        self._failures = 0
        if self._awaited is not None and _is_reached(self._awaited, position):
            self._awaited = self._newest
            if self._newest is not None and _is_reached(self._newest, position):
                self._awaited = self._newest = None
        if self._awaited is None or has_more or self.avoids_replicas:
            return
        offset, since = self._awaited
        if self._clock() - since > BEHIND_SECONDS:
            self._awaited = self._newest = None
            why = f"it has had nothing new for {BEHIND_SECONDS:.0f} s, and lacks {offset}"
            self._leave(f"the replica lags behind: {why}")
            self._avoid(why)
            raise BusUnavailable(f"reading at a replica: {why}")

    def _avoid(self, why: object) -> None:
        self._failures = 0
        self._until, self._goal = self._clock() + PRIMARY_SECONDS, None
        log.warning("the primary is read instead of replicas: %s", why)


def _is_reached(stored: tuple[str, float], position: str) -> bool:
    return offset_key(position) >= offset_key(stored[0])
