"""What a poller knows of the namespaces that gateways serve; it asks the bus when that is too old."""

import logging
import time
from collections.abc import Callable, Iterable

from queuecast_bus import BusManager, BusUnavailable
from queuecast_bus.namespaces import ANY, LASTING_SECONDS

log = logging.getLogger(__name__)

GOOD_SECONDS = 10.0
"""How long it is believed that a namespace is served, before the bus is asked again."""

ABSENT_SECONDS = 1.0
"""How long it is believed that one is not: whoever starts a gateway for it should not wait."""

MAX_NAMES = 1_000
"""Most namespaces that are remembered: a message may name any."""


class Served:
    """Remembers what the bus said, and for how long.

    While no gateway at all is known, every namespace is taken for served: messages that come before the
    gateways do, or while they are all away, are for the stream to keep.
    """

    def __init__(self, bus: BusManager, clock: Callable[[], float] = time.monotonic) -> None:
        self._bus = bus
        self._clock = clock
        self._asked: dict[str, float] = {}
        self._seen: dict[str, float] = {}

    def stale(self, namespaces: Iterable[str]) -> list[str]:
        """Return those of these that the bus is to be asked for."""
        now = self._clock()
        return [name for name in set(namespaces) if self._is_stale(name, now)]

    def serves(self, namespace: str) -> bool:
        """Say whether a gateway serves this namespace, as far as is known; what was never asked it does."""
        return namespace not in self._asked or self._is_seen(namespace) or not self._is_seen(ANY)

    def may_serve(self, namespace: str) -> bool:
        """Say whether one serves it, or the bus has to be asked."""
        return self.serves(namespace) or self._is_stale(namespace, self._clock())

    async def ask(self, namespaces: Iterable[str]) -> None:
        """Ask the bus for these. If it is away, what is known of them stays.

        Raises `BusUnavailable` if one is not known: to take it for served would be a guess, and could lose
        its messages.
        """
        names = list(namespaces)
        try:
            announced = await self._bus.namespaces.announced(names)
        except BusUnavailable as exc:
            log.info("whether anybody serves %s is not known now: %s", ", ".join(names), exc)
            if all(map(self._is_known, names)):
                return
            raise
        if len(self._asked) + len(names) > MAX_NAMES:
            self._asked.clear()
            self._seen.clear()
        now = self._clock()
        self._asked.update(dict.fromkeys(names, now))
        self._seen.update(dict.fromkeys(announced, now))

    def _is_stale(self, namespace: str, now: float) -> bool:
        asked = self._asked.get(namespace)
        if asked is None:
            return True
        return now - asked >= (GOOD_SECONDS if self._seen.get(namespace) == asked else ABSENT_SECONDS)

    def _is_known(self, namespace: str) -> bool:
        return self._is_seen(namespace) or (namespace in self._asked and self._is_seen(ANY))

    def _is_seen(self, namespace: str) -> bool:
        # Longer than the key lasts: a Redis that lost its keys is no gateway that went away.
        seen = self._seen.get(namespace)
        return seen is not None and self._clock() - seen < LASTING_SECONDS
