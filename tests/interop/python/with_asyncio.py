"""A driver for python-socketio's `AsyncClient`: see ../README.md for the commands."""

import asyncio
import json
import sys
from typing import Any

import socketio
from coding import PATIENCE_SECONDS, QUICK_RETURN, coded, decoded, ready, report

sockets: dict[str, tuple[socketio.AsyncClient, str]] = {}


async def open_(command: dict[str, Any]) -> None:
    name, namespace = command["socket"], command["namespace"]
    client = socketio.AsyncClient(**QUICK_RETURN)
    sockets[name] = client, namespace

    async def connected() -> None:
        report("connect", socket=name, recovered=None)

    async def disconnected(reason: str) -> None:
        report("disconnect", socket=name, reason=reason)

    async def refused(data: Any) -> None:
        report("error", socket=name, message=str(data))

    client.on("connect", connected, namespace)
    client.on("disconnect", disconnected, namespace)
    client.on("connect_error", refused, namespace)
    for event in command["listen"]:
        client.on(event, hearing(name, event), namespace)
    try:
        await client.connect(
            command["url"],
            auth=command["auth"],
            namespaces=[namespace],
            wait_timeout=PATIENCE_SECONDS,
            **command["options"],
        )
    except socketio.exceptions.ConnectionError as exc:
        report("error", socket=name, message=str(exc))


def hearing(name: str, event: str) -> Any:
    """Return a handler of one argument, as most are: another one is a TypeError, and the event is lost."""

    async def heard(data: Any) -> None:
        report("event", socket=name, name=event, args=coded([data]))

    return heard


async def emit(command: dict[str, Any]) -> None:
    name, ack, args = command["socket"], command["ack"], decoded(command["args"])
    client, namespace = sockets[name]

    def answered(*answer: Any) -> None:
        report("ack", socket=name, ack=ack, args=coded(answer))

    await client.emit(
        command["event"], tuple(args), namespace=namespace, callback=None if ack is None else answered
    )


async def close(command: dict[str, Any]) -> None:
    client, _ = sockets[command["socket"]]
    await client.disconnect()


async def main() -> None:
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    ready()
    deeds = {"open": open_, "emit": emit, "close": close}
    under_way = set()
    async for line in lines:
        command = json.loads(line)
        task = asyncio.create_task(deeds[command["do"]](command))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    for client, _ in sockets.values():
        await client.shutdown()


asyncio.run(main())
