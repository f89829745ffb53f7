"""Replicas of the gateway on one bus, and what is published to them."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.claims import WITHIN_SECONDS, eventually

from queuecast_bus import BusManager, Record
from queuecast_bus.keys import Keys

from .conftest import Redis, bus_settings
from .test_gateway import Gateway

RECOVERIES = "queuecast_gateway_recoveries_total"
CONNECTIONS = "queuecast_gateway_connections"


def item(number: int, *rooms: str, **details: Any) -> Record:
    """Return the event `e` with a number."""
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
        """Store records; return the offset of the last."""
        stored = await self._bus.publish([(record, None) for record in records])
        return stored[-1].offset

    def sessions(self) -> list[bytes]:
        """Return the keys of the sessions that Redis has."""
        found: list[bytes] = list(self.redis.client.scan_iter(self.keys.session("*"), count=1_000))
        return found

    async def close(self) -> None:
        await self._bus.aclose()
        for replica in self.replicas:
            replica.process.stop(grace_seconds=0)
        assert not [replica.log() for replica in self.replicas if "Traceback" in replica.log()]


async def until(claim: Any, seconds: float = WITHIN_SECONDS) -> Any:
    """Return what `claim` returns once that is true; other tasks go on meanwhile."""
    return await asyncio.to_thread(eventually, claim, seconds)


@pytest.fixture
async def site(forgetful_redis: Redis) -> AsyncIterator[Site]:
    """A site on a Redis that keeps nothing across a restart."""
    made = Site(forgetful_redis)
    yield made
    await made.close()


@pytest.fixture
async def kept_site(own_redis: Redis) -> AsyncIterator[Site]:
    """A site on a Redis that keeps its data across a restart."""
    made = Site(own_redis)
    yield made
    await made.close()
