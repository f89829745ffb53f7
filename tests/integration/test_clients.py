"""The stock Python client against the gateway, over each transport; the JavaScript one is in e2e/."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import socketio
from tests.claims import eventually

from queuecast_bus.manager import dump_arguments
from queuecast_bus.record import Record

from .conftest import HOST, Redis
from .test_gateway import Gateway, gateway, publish
from .wire import soon

__all__ = ["gateway"]


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]], ids="-".join)
async def test_the_stock_python_client_is_served(
    forgetful_redis: Redis, gateway: Callable[..., Gateway], transports: list[str]
) -> None:
    """Acknowledgements, rooms, text and attachments, in their order; it says that it wants no offsets."""
    service = gateway(forgetful_redis.url, QUEUECAST_PING_INTERVAL_SECONDS="0.3")
    await asyncio.to_thread(eventually, service.ready)
    client = socketio.AsyncClient()
    got: list[Any] = []
    client.on("price", lambda *arguments: got.append(arguments))
    client.on("item_removed", lambda *arguments: got.append(arguments))
    told: list[Any] = []
    client.on("queuecast:offset", lambda *arguments: told.append(arguments))
    await client.connect(f"http://{HOST}:{service.port}", transports=transports, auth={"recovery": False})
    try:
        assert client.transport() == transports[-1]
        assert await client.call("subscribe", ["sku:7"]) == {"ok": True, "rooms": ["sku:7"]}
        arguments, attachments = dump_arguments(({"eur": 3}, b"\x00\xff", None))
        records = [
            Record("price", arguments, rooms=("sku:7",), attachments=attachments),
            Record("price", b"[1]", rooms=("sku:8",)),
            Record("price", b"[2]"),
        ]
        await asyncio.to_thread(publish, forgetful_redis, *records)
        await soon(lambda: len(got) == 2)
        assert await client.call("item_removed", {"id": 1, "proof": b"\x01"}) == {"ok": True}
        await soon(lambda: len(got) == 3)
        assert got == [({"eur": 3}, b"\x00\xff", None), (2,), ({"id": 1, "proof": b"\x01"},)]
        assert told == []
    finally:
        await client.disconnect()
    await asyncio.to_thread(eventually, lambda: service.metric("queuecast_gateway_connections") == 0)
