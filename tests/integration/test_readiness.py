"""A gateway that starts: it opens its port once it hears all that may be published for its browsers."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress

import pytest
from tests.claims import eventually

from .gateway import Gateway, browser
from .services import HOST, Redis


@asynccontextmanager
async def redis_that_holds(command: bytes, redis: Redis, released: asyncio.Event) -> AsyncIterator[str]:
    """Yield the URL of a Redis that does not get to read `command` before it is released."""

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with closing(target), suppress(OSError):
            while data := await source.read(1 << 16):
                if command in data:
                    await released.wait()
                target.write(data)
                await target.drain()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, server = await asyncio.open_connection(HOST, redis.port)
        await asyncio.gather(copy(reader, server), copy(answers, writer))

    links: list[asyncio.Task[None]] = []
    listener = await asyncio.start_server(
        lambda *ends: links.append(asyncio.create_task(forward(*ends))), HOST, 0
    )
    yield f"redis://{HOST}:{listener.sockets[0].getsockname()[1]}/0"
    listener.close()
    for link in links:
        link.cancel()
    await asyncio.wait(links)


def reasons_without_the_bus(gateway: Gateway) -> list[str]:
    """Return why it is not ready once the bus probe is no reason, or nothing."""
    reasons = gateway.reasons()
    return [] if any("bus:" in reason or "Errno" in reason for reason in reasons) else reasons


@pytest.mark.parametrize(
    ("command", "what"),
    [(b"\r\nSUBSCRIBE", "the control channel"), (b"\r\nPSUBSCRIBE", "the emitters' channels")],
)
async def test_a_gateway_is_not_ready_before_its_subscriptions_are_confirmed(
    own_redis: Redis, command: bytes, what: str
) -> None:
    """What emitters and other replicas publish until then would be lost for its browsers."""
    released = asyncio.Event()
    async with redis_that_holds(command, own_redis, released) as url:
        gateway = Gateway(url, QUEUECAST_EMITTERS="python,node")
        try:
            reasons = await asyncio.to_thread(eventually, lambda: reasons_without_the_bus(gateway))
            assert reasons == [f"port {gateway.port} is not open yet"]
            _, body = await asyncio.to_thread(gateway.ask, "/readyz")
            assert f"not heard: {what}: not subscribed yet" in json.loads(body)["notes"]
            released.set()
            await asyncio.to_thread(eventually, gateway.ready)
            _, body = await asyncio.to_thread(gateway.ask, "/readyz")
            assert what not in body
            with browser(gateway.port) as connected:
                assert connected.sid
        finally:
            released.set()
            await asyncio.to_thread(gateway.process.stop, grace_seconds=0)


async def test_a_gateway_that_is_not_ready_yet_ends_at_once(own_redis: Redis) -> None:
    """It waits for nothing when it is told to stop."""
    async with redis_that_holds(b"\r\nSUBSCRIBE", own_redis, asyncio.Event()) as url:
        gateway = Gateway(url)
        try:
            await asyncio.to_thread(eventually, lambda: reasons_without_the_bus(gateway))
        finally:
            code = await asyncio.to_thread(gateway.process.stop, grace_seconds=30)
        assert code == 0
