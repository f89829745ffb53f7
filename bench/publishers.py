"""Publishers put events on Redis in each server's own format; no server is charged for their cost."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from bench.events import Event, compact, text
from bench.msgpack import pack
from queuecast_bus import BusManager, BusSettings, Record

BATCH = 100
"""How many records are stored in one step; it is also the size of the poller's largest batches."""

Message = Callable[[Event], tuple[str, bytes]]
"""Returns a channel, and the message that a server expects on it."""


class Publisher(Protocol):
    """Puts events on Redis in order, and returns once Redis has confirmed them."""

    async def publish(self, events: Sequence[Event]) -> None: ...
    async def aclose(self) -> None: ...


class PubSub:
    """Publishes with PUBLISH, all events of a call in one pipeline."""

    def __init__(self, redis_port: int, message: Message) -> None:
        self._port = redis_port
        self._message = message
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def publish(self, events: Sequence[Event]) -> None:
        """Publish events. Raises `RuntimeError` if Redis answers with anything but a count."""
        if self._connection is None:
            self._connection = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._connection
        writer.write(b"".join(map(self._command, events)))
        for _ in events:
            answer = await reader.readuntil(b"\r\n")
            if not answer.startswith(b":"):
                raise RuntimeError(f"Redis answered PUBLISH with {answer!r}")

    async def aclose(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection[1].close()

    def _command(self, event: Event) -> bytes:
        channel, message = self._message(event)
        name = channel.encode()
        return b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(name), name, len(message), message)


class Bus:
    """Publishes as the poller does: records in batches, each with the time when it entered its queue."""

    def __init__(self, redis_port: int) -> None:
        settings = BusSettings.model_validate({"redis_url": f"redis://127.0.0.1:{redis_port}/0"})
        self._bus = BusManager(settings, write_only=True)

    async def publish(self, events: Sequence[Event]) -> None:
        """Store events as records."""
        for start in range(0, len(events), BATCH):
            await self._bus.publish([(_record(event), None) for event in events[start : start + BATCH]])

    async def aclose(self) -> None:
        """Hang up."""
        await self._bus.aclose()


def _record(event: Event) -> Record:
    rooms = () if event.room is None else (event.room,)
    return Record(event.name, compact([event.argument]), rooms=rooms, sent_ms=time.time_ns() // 1_000_000)


def stock_message(event: Event) -> tuple[str, bytes]:
    """Return what `AsyncRedisManager.emit` in another process publishes."""
    message = {
        "method": "emit",
        "event": event.name,
        "data": [event.argument],
        "binary": False,
        "namespace": "/",
        "room": event.room,
        "skip_sid": None,
        "callback": None,
        "host_id": "bench",
    }
    return "socketio", compact(message)


def node_message(event: Event) -> tuple[str, bytes]:
    """Return what @socket.io/redis-emitter publishes: each room's events have their own channel."""
    channel = "socket.io#/#" if event.room is None else f"socket.io#/#{event.room}#"
    packet = {"type": 2, "data": [event.name, event.argument], "nsp": "/"}
    options = {"rooms": [] if event.room is None else [event.room], "except": [], "flags": {}}
    return channel, pack(["emitter", packet, options])


def oxide_message(event: Event) -> tuple[str, bytes]:
    """Return the message that bench/servers/oxide emits: socketioxide hears no emitter of another process."""
    return "bench", compact({"event": event.name, "room": event.room, "argument": event.argument})


def loop_message(event: Event) -> tuple[str, bytes]:
    """Return the message as the clients will see it: the C loop only frames it."""
    return "bench", text(event)
