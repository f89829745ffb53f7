"""A poller's settings, and the records that it has published."""

import json
from typing import Any

from queuecast_bus.keys import Keys

from .services import Queue, Redis

POLLER = "queuecast_poller"


def settings(redis: Redis, *queues: Queue, **more: str) -> dict[str, str]:
    return {
        **queues[0].environment,
        "QUEUECAST_REDIS_URL": redis.url,
        "QUEUECAST_QUEUES": ",".join(queue.name for queue in queues),
        "QUEUECAST_WAIT_SECONDS": "1",
        **more,
    }


def published(redis: Redis) -> list[Any]:
    """Return the data of all records on the stream."""
    return [json.loads(fields[b"d"])[0] for _, fields in redis.client.xrange(Keys().stream)]
