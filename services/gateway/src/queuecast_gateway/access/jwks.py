"""The keys that an issuer publishes at a URL (JWKS): cached, and fetched again and again.

`keys` parses a set, `download` fetches it.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence

from queuecast_bus.connection import jittered
from queuecast_edge.health import Health
from queuecast_gateway.access.download import FAILURES, check_url, download
from queuecast_gateway.access.keys import KeySet
from queuecast_gateway.access.tokens import BadToken, Key

log = logging.getLogger(__name__)

MIN_SECONDS = 10.0
"""Shortest time between two requests: anybody can send tokens with an unknown key id."""

REFRESH_SECONDS = 600.0
STALE_SECONDS = 4 * 3600.0
SPREAD = 0.25
"""A refresh comes up to this fraction earlier or later, so that replicas do not ask at the same time."""

NO_KEYS = "the issuer publishes no usable key"


class Jwks:
    """The keys at a URL, fetched about every `refresh_seconds`.

    A new set replaces the old one at once, even if it has no keys: that is how an issuer withdraws a key. If
    a fetch fails, the last set stays valid for `stale_seconds` after it should have been replaced.

    A token with an unknown key id causes a fetch at once. All tokens that wait share that request, and the
    next one comes ten seconds later at the earliest. `on_failure` is called for each request that brought no
    set, `on_set` with each set that came.
    """

    def __init__(
        self,
        url: str,
        algorithms: Sequence[str],
        *,
        refresh_seconds: float = REFRESH_SECONDS,
        stale_seconds: float = STALE_SECONDS,
        on_failure: Callable[[], object] = lambda: None,
        on_set: Callable[[KeySet], object] = lambda keys: None,
        fetch: Callable[[str], Awaitable[bytes]] = download,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_url(url)
        if "HS256" in algorithms:
            raise ValueError(
                "HS256 takes a secret, and secrets are not published: a key set is for the other algorithms"
            )
        self._url = url
        self._algorithms = algorithms
        self._refresh_seconds = refresh_seconds
        self._max_age_seconds = (1 + SPREAD) * refresh_seconds + stale_seconds + MIN_SECONDS
        self._on_failure = on_failure
        self._on_set = on_set
        self._fetch = fetch
        self._clock = clock
        self._keys: KeySet | None = None
        self._received_at = 0.0
        self._failures = 0
        self._problem = "not fetched yet"
        self._asked_at: float | None = None
        self._request: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Keep the set fresh, until cancelled."""
        try:
            while True:
                await self._ask()
                await asyncio.sleep(self._pause())
        finally:
            if self._request is not None:
                self._request.cancel()
                await asyncio.wait([self._request])

    async def key(self, kid: str | None, algorithm: str) -> Key:
        """Return the key with that id; without an id, the only one for the algorithm. Raises `BadToken`.

        `keys_unavailable` means that the issuer does not answer, and may have a key that we do not know.
        """
        found = self._find(kid, algorithm)
        if found is None:
            await self._ask()
            found = self._find(kid, algorithm)
        if found is not None:
            return found
        if self._valid() is None or self._failures:
            raise BadToken("keys_unavailable", self._problem)
        raise BadToken(
            "key",
            "no key has its id" if kid is not None else "it names no key id, and not exactly one key fits",
        )

    def ready(self) -> Health:
        """Not ready without a set, or with one that is too old: no browser could connect."""
        keys = self._valid()
        if keys is None:
            return Health((f"token keys: {self._problem}",))
        return Health() if keys else Health(notes=(f"token keys: {NO_KEYS}",))

    def _find(self, kid: str | None, algorithm: str) -> Key | None:
        keys = self._valid()
        return None if keys is None else keys.find(kid, algorithm)

    def _valid(self) -> KeySet | None:
        """Return the last set, unless it is too old."""
        if self._keys is not None and self._clock() - self._received_at > self._max_age_seconds:
            self._keys = None
            log.error(
                "the last keys from %s are too old, so no browser can connect: %s", self._url, self._problem
            )
        return self._keys

    async def _ask(self) -> None:
        """Wait for the request that is under way, or start one if enough time has passed."""
        if self._request is None or self._request.done():
            now = self._clock()
            if self._asked_at is not None and now - self._asked_at < MIN_SECONDS:
                return
            self._asked_at = now
            self._request = asyncio.create_task(self._refresh())
        # A browser that leaves must not cancel the request for the others.
        await asyncio.shield(self._request)

    async def _refresh(self) -> None:
        try:
            keys = KeySet.parse(await self._fetch(self._url), self._algorithms)
        except FAILURES as exc:
            self._problem = f"{type(exc).__name__}: {exc}"
            self._failures += 1
            self._on_failure()
            if self._failures == 1:
                effect = "no browser can connect" if self._valid() is None else "the last ones stay in use"
                log.warning("no keys from %s, %s: %s", self._url, effect, self._problem)
        else:
            if self._failures:
                log.info("keys from %s again, after %d failures", self._url, self._failures)
            self._failures = 0
            if not keys and (self._keys is None or self._keys):
                log.warning("keys from %s: %s, so no browser can connect", self._url, NO_KEYS)
            self._keys, self._received_at = keys, self._clock()
            self._on_set(keys)

    def _pause(self) -> float:
        if self._failures:
            return MIN_SECONDS + jittered(self._failures, base_seconds=5.0, cap_seconds=50.0)
        # Replicas that started together soon ask at different times.
        return max(MIN_SECONDS, self._refresh_seconds * random.uniform(1 - SPREAD, 1 + SPREAD))
