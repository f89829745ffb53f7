"""Keys that an issuer publishes at a URL (JWKS) and changes when it likes: kept, and asked for again.

What is in a set is `keys`'s to read, and how it comes here `download`'s to know.
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
"""At least so long from one request to the next: anybody can send tokens with a key id that nobody knows."""

REFRESH_SECONDS = 600.0
STALE_SECONDS = 4 * 3600.0
SPREAD = 0.25
"""By so much of its time a refresh comes sooner or later: replicas that were started together part."""

NO_KEYS = "the issuer publishes none that can be used"


class Jwks:
    """The keys at a URL, asked for anew about every `refresh_seconds`.

    What is published counts at once, also when it is a set without a key: that is how an issuer ends one.
    While none is to be had the last set goes on, for `stale_seconds` after it should have been replaced.

    An id that the set does not have is looked for at the URL at once, by one request for all who wait, and by
    the next ten seconds later at the earliest. `on_failure` is called for each request that brought no set,
    `on_set` with each set that came.
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
            raise ValueError("HS256 takes a secret, and no secret is published: a key set is for the others")
        self._url = url
        self._algorithms = algorithms
        self._refresh_seconds = refresh_seconds
        self._max_age_seconds = (1 + SPREAD) * refresh_seconds + stale_seconds + MIN_SECONDS
        self._on_failure = on_failure
        self._on_set = on_set
        self._fetch = fetch
        self._clock = clock
        self._keys: KeySet | None = None
        self._came = 0.0
        self._failures = 0
        self._trouble = "nobody was asked yet"
        self._asked: float | None = None
        self._asking: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Keep the set fresh, for ever."""
        try:
            while True:
                await self._ask()
                await asyncio.sleep(self._pause())
        finally:
            if self._asking is not None:
                self._asking.cancel()
                await asyncio.wait([self._asking])

    async def key(self, kid: str | None, algorithm: str) -> Key:
        """Return the key of that id, or of none if one alone fits. Raises `BadToken`.

        While the issuer does not answer, it may have a key that we do not know: `keys_unavailable`.
        """
        found = self._find(kid, algorithm)
        if found is None:
            await self._ask()
            found = self._find(kid, algorithm)
        if found is not None:
            return found
        if self._valid() is None or self._failures:
            raise BadToken("keys_unavailable", self._trouble)
        raise BadToken(
            "key", "no key of that id" if kid is not None else "it has no id, and not one key alone fits"
        )

    def ready(self) -> Health:
        """Not well until there is a set, and when the last is too old: without one nobody can come in."""
        keys = self._valid()
        if keys is None:
            return Health((f"keys of tokens: {self._trouble}",))
        return Health() if keys else Health(notes=(f"keys of tokens: {NO_KEYS}",))

    def _find(self, kid: str | None, algorithm: str) -> Key | None:
        keys = self._valid()
        return None if keys is None else keys.find(kid, algorithm)

    def _valid(self) -> KeySet | None:
        """Return the last set, unless it is too old to say which keys are good."""
        if self._keys is not None and self._clock() - self._came > self._max_age_seconds:
            self._keys = None
            log.error("the last keys from %s are too old, nobody can come in: %s", self._url, self._trouble)
        return self._keys

    async def _ask(self) -> None:
        """Wait for the request that is under way, or begin one if it is time."""
        if self._asking is None or self._asking.done():
            now = self._clock()
            if self._asked is not None and now - self._asked < MIN_SECONDS:
                return
            self._asked = now
            self._asking = asyncio.create_task(self._refresh())
        # A browser that leaves must not take the answer from the others.
        await asyncio.shield(self._asking)

    async def _refresh(self) -> None:
        try:
            keys = KeySet.parse(await self._fetch(self._url), self._algorithms)
        except FAILURES as exc:
            self._trouble = f"{type(exc).__name__}: {exc}"
            self._failures += 1
            self._on_failure()
            if self._failures == 1:
                effect = "nobody can come in" if self._valid() is None else "the last ones go on"
                log.warning("no keys from %s, %s: %s", self._url, effect, self._trouble)
        else:
            if self._failures:
                log.info("keys from %s again, after %d failures", self._url, self._failures)
            self._failures = 0
            if not keys and (self._keys is None or self._keys):
                log.warning("the keys from %s: %s, so nobody can come in", self._url, NO_KEYS)
            self._keys, self._came = keys, self._clock()
            self._on_set(keys)

    def _pause(self) -> float:
        if self._failures:
            return MIN_SECONDS + jittered(self._failures, base_seconds=5.0, cap_seconds=50.0)
        # Replicas that were started together do not ask together for long.
        return max(MIN_SECONDS, self._refresh_seconds * random.uniform(1 - SPREAD, 1 + SPREAD))
