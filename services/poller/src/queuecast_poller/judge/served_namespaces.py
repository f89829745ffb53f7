"""A cache of which namespaces gateways serve, refreshed from the bus."""

import logging
import time
from collections.abc import Callable, Iterable

from queuecast_bus import BusManager, BusUnavailable
from queuecast_bus.namespaces import ANNOUNCED_SECONDS, ANY
from queuecast_poller.judge.verdict import in_one_line

log = logging.getLogger(__name__)

SERVED_SECONDS = 10.0
"""How long a namespace counts as served before the bus is asked again."""

UNSERVED_SECONDS = 1.0
"""How long one counts as not served. Short, so that a new gateway gets its messages soon."""

MAX_NAMES = 1_000
"""Most namespaces that are cached: a message may name any."""


class ServedNamespaces:
    """The cache.

    While no gateway at all is known, every namespace counts as served: the stream keeps messages that come
    before the gateways start, or while all of them are away.
    """

    def __init__(self, bus: BusManager, clock: Callable[[], float] = time.monotonic) -> None:
        self._bus = bus
        self._clock = clock
        self._checked_at: dict[str, float] = {}
        self._served_at: dict[str, float] = {}

    def stale(self, namespaces: Iterable[str]) -> list[str]:
        """Return those of these namespaces that have to be refreshed."""
        now = self._clock()
        return [name for name in set(namespaces) if self._is_stale(name, now)]

    def serves(self, namespace: str) -> bool:
        """Return whether a gateway serves this namespace, as far as is known; True if never checked."""
        return namespace not in self._checked_at or self._was_served(namespace) or not self._was_served(ANY)

    def may_serve(self, namespace: str) -> bool:
        """Return whether a gateway serves it, or whether that has to be refreshed."""
        return self.serves(namespace) or self._is_stale(namespace, self._clock())

    async def refresh(self, namespaces: Iterable[str]) -> None:
        """Ask the bus about these. If it is unavailable, their cached state stays.

        Raises `BusUnavailable` if one of them has no cached state: to take it for served would be a guess,
        and could lose its messages.
        """
        names = list(namespaces)
        try:
            announced = await self._bus.namespaces.announced(names)
        except BusUnavailable as exc:
            log.info("cannot find out whether a gateway serves %s: %s", in_one_line(", ".join(names)), exc)
            if all(map(self._is_known, names)):
                return
            raise
        if len(self._checked_at) + len(names) > MAX_NAMES:
            self._checked_at.clear()
            self._served_at.clear()
        now = self._clock()
        self._checked_at.update(dict.fromkeys(names, now))
        self._served_at.update(dict.fromkeys(announced, now))

    def _is_stale(self, namespace: str, now: float) -> bool:
        checked_at = self._checked_at.get(namespace)
        if checked_at is None:
            return True
        is_served = self._served_at.get(namespace) == checked_at
        return now - checked_at >= (SERVED_SECONDS if is_served else UNSERVED_SECONDS)

    def _is_known(self, namespace: str) -> bool:
        return self._was_served(namespace) or (namespace in self._checked_at and self._was_served(ANY))

    def _was_served(self, namespace: str) -> bool:
        # For as long as an announcement lasts: when Redis loses its keys, no gateway has gone away.
        served_at = self._served_at.get(namespace)
        return served_at is not None and self._clock() - served_at < ANNOUNCED_SECONDS
