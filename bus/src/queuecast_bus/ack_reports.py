"""Gateways' reports of acknowledgements, as a list for each poller, and which messages were acknowledged.

A list keeps what a poller has not read, whoever is restarted meanwhile; pub/sub would lose it. It is no
stream, so that the poller's user needs no command by which it could read records. Everything expires: the
reports for a poller that was killed, and the marks after the dedup window.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from queuecast_bus.awaited import AckReport
from queuecast_bus.connection import redis_call
from queuecast_bus.errors import BadRecord
from queuecast_bus.keys import Keys

KEPT_SECONDS = 300
"""How long reports are kept after the last one for the same poller."""

MOST_REPORTS = 20_000
"""How many reports are kept for one poller, which reads each within milliseconds. The oldest go first."""

READ_REPORTS = 500
"""How many reports are read at once."""


class AckReports:
    """The reports, in Redis. Every method raises `BusUnavailable`."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def put(self, inbox: str, reports: Sequence[AckReport]) -> None:
        """Report to the poller with this inbox."""
        key = self._keys.acks(inbox)
        async with redis_call("reporting acknowledgements"):
            pipeline: Any = self._redis.pipeline(transaction=False)
            pipeline.rpush(key, *[report.to_text() for report in reports])
            pipeline.ltrim(key, -MOST_REPORTS, -1)
            await pipeline.pexpire(key, 1000 * KEPT_SECONDS).execute()

    async def take(self, inbox: str) -> list[AckReport]:
        """Return the oldest reports, and remove them. If this raises, they may come again."""
        key = self._keys.acks(inbox)
        async with redis_call("reading acknowledgements"):
            texts: Any = await self._redis.lrange(key, 0, READ_REPORTS - 1)
            if texts:
                await self._redis.ltrim(key, len(texts), -1)
        reports: list[AckReport] = []
        for text in texts:
            try:
                reports.append(AckReport.from_text(text))
            except BadRecord:
                continue  # of a version that is not ours: its message comes back
        return reports

    async def mark(self, message_id: str, seconds: float) -> None:
        """Note that a message is acknowledged: if it comes back, nobody has to be shown it again."""
        async with redis_call("noting that a message is acknowledged"):
            await self._redis.set(self._key(message_id), b"1", px=round(1000 * seconds))

    async def marked(self, message_ids: Sequence[str]) -> list[bool]:
        """Return which of these messages are acknowledged."""
        async with redis_call("asking which messages are acknowledged"):
            found = await asyncio.gather(*(self._redis.get(self._key(each)) for each in message_ids))
        return [value is not None for value in found]

    def _key(self, message_id: str) -> str:
        return self._keys.seen(f"acknowledged:{message_id}")
