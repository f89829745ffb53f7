"""`route --live` as the Redis user in its docs, who can ask the gateways and nothing else."""

import asyncio
import json
import re
from pathlib import Path

import pytest
import redis as sync_redis

from queuecast_bus import BusManager, BusSettings
from queuecast_bus.namespaces import ANY
from queuecast_bus.presence import count_answer, count_sessions

from .services import HOST, Redis

DOCS = Path(__file__).parents[2] / "docs" / "messages.md"


def documented(redis: Redis) -> str:
    """Create the user that the docs describe; return a URL with it."""
    found = re.search(r"^user (\w+) (.*>PASSWORD .*)$", DOCS.read_text("utf-8"), re.MULTILINE)
    assert found is not None
    redis.client.execute_command("ACL", "SETUSER", found[1], *found[2].split())
    return f"redis://{found[1]}:PASSWORD@{HOST}:{redis.port}/0"


async def test_the_user_in_the_docs_can_ask_the_gateways(own_redis: Redis) -> None:
    """A missing right would look as if no gateway answered."""
    asking = BusManager(BusSettings(redis_url=documented(own_redis)), write_only=True)
    gateway = BusManager(BusSettings(redis_url=own_redis.url))

    async def answer() -> None:
        async for text in gateway._listen():
            message = json.loads(text)
            if "count" in message:
                await gateway._publish(count_answer(message, "gateway-1", 2))

    await gateway.namespaces.announce(["/"])
    answering = asyncio.create_task(answer())
    try:
        async with asyncio.timeout(60):
            while not (counts := await count_sessions(asking, "/", ["sku:7"])):
                pass  # on a busy machine, subscribing takes longer than the answers are waited for
        assert counts == {"gateway-1": 2}
        assert await asking.namespaces.announced(["/"]) == {ANY, "/"}
    finally:
        answering.cancel()
        await asyncio.wait([answering])
        await asking.aclose()
        await gateway.aclose()


def test_the_user_in_the_docs_can_publish_no_event(own_redis: Redis) -> None:
    """The user is for read-only use."""
    user = sync_redis.Redis.from_url(documented(own_redis))
    with pytest.raises(sync_redis.exceptions.NoPermissionError):
        user.xadd("queuecast:{socketio}:records", {"e": "x"})
    with pytest.raises(sync_redis.exceptions.NoPermissionError):
        user.get("queuecast:{socketio}:canary")
    user.close()
