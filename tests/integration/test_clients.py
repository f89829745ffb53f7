"""The stock Python client against the gateway, over each transport; the JavaScript one is in e2e/."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import socketio
from tests.claims import eventually

from queuecast_bus.manager import dump_arguments
from queuecast_bus.record import Record

from .gateway import Gateway, publish
from .services import HOST, Redis
from .site import has_read
from .socketio_client import Client
from .wire import PATIENCE_SECONDS, head, read_answer, request, soon, stream

BOTH = pytest.mark.parametrize("transport", ["websocket", "polling"])


@asynccontextmanager
async def python_client(port: int, query: str = "", **options: Any) -> AsyncIterator[socketio.AsyncClient]:
    """Connect the stock Python client."""
    client = socketio.AsyncClient(reconnection=False, request_timeout=PATIENCE_SECONDS)
    await client.connect(f"http://{HOST}:{port}{query}", wait_timeout=PATIENCE_SECONDS, **options)
    try:
        yield client
    finally:
        await client.disconnect()


@BOTH
async def test_a_client_that_emits_in_a_loop_is_served(
    forgetful_redis: Redis, gateway: Callable[..., Gateway], transport: str
) -> None:
    """Over long-polling all goes into a few requests. The documented rates are the only limit."""
    service = gateway(forgetful_redis.url)
    await asyncio.to_thread(eventually, service.ready)
    acks: list[Any] = []
    async with python_client(service.port, transports=[transport]) as client:
        for number in range(90):
            await client.emit("subscribe", f"sku:{number}", callback=acks.append)
        await soon(lambda: len(acks) == 90)
    assert acks == [{"ok": True, "rooms": [f"sku:{number}"]} for number in range(90)]


@BOTH
async def test_a_client_gets_more_events_at_once_than_one_answer_has(
    forgetful_redis: Redis, gateway: Callable[..., Gateway], transport: str
) -> None:
    """The stock Python client ends a session over an answer with more than 16 packets."""
    service = gateway(forgetful_redis.url)
    await asyncio.to_thread(eventually, service.ready)
    got: list[Any] = []
    async with python_client(service.port, transports=[transport]) as client:
        client.on("item_added", got.append)
        await asyncio.to_thread(
            publish, forgetful_redis, *(Record("item_added", b"[%d]" % number) for number in range(100))
        )
        await soon(lambda: len(got) == 100)
        assert client.connected
    assert got == list(range(100))


@BOTH
async def test_a_client_is_given_past_events(
    forgetful_redis: Redis, gateway: Callable[..., Gateway], transport: str
) -> None:
    """`call` returns the acknowledgement, attachments and all; what comes later goes to the handlers."""
    service = gateway(forgetful_redis.url)
    await asyncio.to_thread(eventually, service.ready)
    arguments, attachments = dump_arguments({"photo": b"binary"})
    records = [Record("e", b"[1]", rooms=("a",)), Record("e", arguments, "/", ("a",), (), attachments)]
    await asyncio.to_thread(publish, forgetful_redis, *records)
    await has_read(service, 2)
    got: list[Any] = []
    async with python_client(service.port, transports=[transport]) as client:
        client.on("e", got.append)
        ack = await client.call("subscribe", ("a", {"last": 5}))
        assert [(event["event"], event["args"]) for event in ack["events"]] == [
            ("e", [1]),
            ("e", [{"photo": b"binary"}]),
        ]
        assert ack["complete"]
        await asyncio.to_thread(publish, forgetful_redis, Record("e", b"[2]", rooms=("a",)))
        await soon(lambda: got == [2])
        assert (await client.call("subscribe", ("a", {"since": ack["offset"]})))["events"][0]["args"] == [2]


@pytest.mark.parametrize(
    ("query", "auth", "arguments"),
    [
        ("", {"recovery": True}, 2),
        ("?recovery=true", None, 2),
        ("?recovery=true", {"recovery": "false"}, 1),
        ("?recovery=true", {"recovery": 0}, 1),
        ("?recovery=0", None, 1),
    ],
)
async def test_a_client_says_whether_it_wants_offsets(
    forgetful_redis: Redis,
    gateway: Callable[..., Gateway],
    query: str,
    auth: dict[str, Any] | None,
    arguments: int,
) -> None:
    """In `auth`, which counts more, or in the URL; each language can say one of them."""
    service = gateway(forgetful_redis.url)
    await asyncio.to_thread(eventually, service.ready)
    got: list[Any] = []
    async with python_client(service.port, query, auth=auth, transports=["websocket"]) as client:
        client.on("item_added", lambda *received: got.append(received))
        await asyncio.to_thread(publish, forgetful_redis, Record("item_added", b"[1]"))
        await soon(lambda: got)
    assert [len(received) for received in got] == [arguments]


@pytest.mark.parametrize("path", ["/realtime/socket.io", "/realtime/socket.io/"])
async def test_socket_io_may_have_another_path(
    forgetful_redis: Redis, gateway: Callable[..., Gateway], path: str
) -> None:
    """Some ingresses cannot rewrite. The board's page finds it there, and nothing is at the usual path."""
    service = gateway(forgetful_redis.url, QUEUECAST_PATH=path)
    await asyncio.to_thread(eventually, service.ready)
    for transport in ("websocket", "polling"):
        async with python_client(
            service.port, transports=[transport], socketio_path="/realtime/socket.io"
        ) as client:
            assert await client.call("subscribe", "sku:7") == {"ok": True, "rooms": ["sku:7"]}
    assert (await request(service.port)).status == 404
    async with stream(service.port) as (reader, writer):
        for asked in ("/realtime/socket.io/socket.io.js", "/"):
            writer.write(head("GET", asked))
            answer = await read_answer(reader)
            assert answer.status == 200
    assert '<body data-path="/realtime/socket.io">' in answer.body


MSGPACK_CONNECT = b"\x82\xa4type\x00\xa3nsp\xa5/shop"
"""What `socket.io-msgpack-parser` writes."""


@BOTH
async def test_a_client_with_another_parser_learns_why_it_cannot_join(
    forgetful_redis: Redis, gateway: Callable[..., Gateway], transport: str
) -> None:
    """In its own parser; before, it reconnected two to three times a second, and saw no reason."""
    service = gateway(forgetful_redis.url)
    await asyncio.to_thread(eventually, service.ready)
    async with Client.open(service.port, transport) as one:
        await one.say(MSGPACK_CONNECT)
        error = await one.hear()
        assert isinstance(error, bytes)
        assert error.startswith(b"\x83\xa4type\x04\xa3nsp\xa5/shop\xa4data\x81\xa7message\xd9")
        assert b"not msgpack" in error
    assert "has the parser msgpack" in service.log()


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]], ids="-".join)
async def test_the_stock_python_client_is_served(
    forgetful_redis: Redis, gateway: Callable[..., Gateway], transports: list[str]
) -> None:
    """Acknowledgements, rooms, text and attachments arrive in order; it gets no offsets, unasked."""
    service = gateway(forgetful_redis.url, QUEUECAST_PING_INTERVAL_SECONDS="0.3")
    await asyncio.to_thread(eventually, service.ready)
    client = socketio.AsyncClient(request_timeout=PATIENCE_SECONDS)
    got: list[Any] = []
    client.on("price", lambda *arguments: got.append(arguments))
    client.on("item_removed", lambda *arguments: got.append(arguments))
    told: list[Any] = []
    client.on("queuecast:offset", lambda *arguments: told.append(arguments))
    url = f"http://{HOST}:{service.port}"
    await client.connect(url, wait_timeout=PATIENCE_SECONDS, transports=transports)
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
