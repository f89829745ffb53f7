"""Gateway replicas on one bus, and functions that publish to them."""

import asyncio
import uuid
from typing import Any

from tests.claims import WITHIN_SECONDS, eventually

from queuecast_bus import BusManager, Record
from queuecast_bus.keys import Keys

from .gateway import Gateway, stored_once
from .services import Redis, bus_settings

RECOVERIES = "queuecast_gateway_recoveries_total"
BROKEN_OFF = "queuecast_gateway_broken_off_total"
CONNECTIONS = "queuecast_gateway_connections"
RECORDS_READ = "queuecast_gateway_records_read_total"


def item(number: int, *rooms: str, **details: Any) -> Record:
    """Return a record of the event `e` with this number."""
    return Record("e", b"[%d]" % number, rooms=rooms, **details)


def items(*numbers: int) -> list[list[Any]]:
    """Return these events as pages receive them."""
    return [["e", number] for number in numbers]


class Site:
    """Gateways that share a channel of their own, and a publisher."""

    def __init__(self, redis: Redis, stream_max_records: int = 1_000) -> None:
        self.redis = redis
        self.channel = f"test-{uuid.uuid4().hex}"
        self.keys = Keys(self.channel)
        self.replicas: list[Gateway] = []
        settings = bus_settings(redis.url, channel=self.channel, stream_max_records=stream_max_records)
        self._bus = BusManager(settings, write_only=True)

    async def start(self, **settings: Any) -> Gateway:
        """Start one more replica, and wait until it is ready."""
        environment = {f"QUEUECAST_{name.upper()}": f"{value}" for name, value in settings.items()}
        replica = Gateway(self.redis.url, QUEUECAST_CHANNEL=self.channel, **environment)
        self.replicas.append(replica)
        await until(replica.ready)
        return replica

    async def start_two(self, **settings: Any) -> tuple[Gateway, Gateway]:
        one, two = await asyncio.gather(self.start(**settings), self.start(**settings))
        return one, two

    async def publish(self, *records: Record) -> str:
        """Store records once; return the offset of the last. See `stored_once`."""
        stored = await stored_once(self._bus, *records)
        return stored[-1].offset

    def sessions(self) -> list[bytes]:
        """Return the keys of the sessions in Redis."""
        found: list[bytes] = list(self.redis.client.scan_iter(self.keys.session("*"), count=1_000))
        return found

    async def saved(self, pid: str) -> None:
        """Wait until a session is in Redis: its page is connected a moment earlier."""
        key = self.keys.session(pid)
        await until(lambda: self.redis.client.exists(key))

    async def close(self) -> None:
        await self._bus.aclose()
        for replica in self.replicas:
            replica.process.stop(grace_seconds=0)
        assert not [replica.log() for replica in self.replicas if "Traceback" in replica.log()]


async def has_read(replica: Gateway, records: int) -> None:
    """Wait until a replica has read this many records in all: it misses what the stream has lost by then."""
    await until(lambda: replica.metric(RECORDS_READ) >= records)


async def until(claim: Any, seconds: float = WITHIN_SECONDS) -> Any:
    """Return what `claim` returns once that is true; other tasks run meanwhile."""
    return await asyncio.to_thread(eventually, claim, seconds)
