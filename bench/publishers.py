"""Publishers put events on Redis in each server's own format; no server is charged for their cost."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from bench.dialects import EVERYONE
from bench.events import Event, compact, text
from bench.msgpack import pack
from queuecast_bus import BusManager, BusSettings, Record

BATCH = 100
"""How many records are stored in one step; it is also the size of the poller's largest batches."""

Message = Callable[[Event], Sequence[bytes]]
"""Returns the Redis command that puts an event where a server expects it."""


class Publisher(Protocol):
    """Puts events on Redis in order, and returns once Redis has confirmed them."""

    async def publish(self, events: Sequence[Event]) -> None: ...
    async def aclose(self) -> None: ...


class Pipeline:
    """Sends one command for each event, all events of a call in one pipeline."""

    def __init__(self, redis_port: int, command: Message) -> None:
        self._port = redis_port
        self._command = command
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def publish(self, events: Sequence[Event]) -> None:
        """Publish events. Raises `RuntimeError` if Redis refuses one."""
        if self._connection is None:
            self._connection = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._connection
        writer.write(b"".join(_request(self._command(event)) for event in events))
        for _ in events:
            answer = await reader.readuntil(b"\r\n")
            if answer.startswith(b"$"):  # the id of a stream's entry follows
                await reader.readuntil(b"\r\n")
            elif not answer.startswith(b":"):
                raise RuntimeError(f"Redis answered {answer!r}")

    async def aclose(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection[1].close()


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


def _request(parts: Sequence[bytes]) -> bytes:
    strings = b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
    return b"*%d\r\n%b" % (len(parts), strings)


def _published(channel: str, message: bytes) -> Sequence[bytes]:
    return b"PUBLISH", channel.encode(), message


def stock_message(event: Event) -> Sequence[bytes]:
    """Return what `AsyncRedisManager.emit` in another process says."""
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
    return _published("socketio", compact(message))


def _node_options(event: Event) -> dict[str, object]:
    return {"rooms": [] if event.room is None else [event.room], "except": [], "flags": {}}


def _node_packet(event: Event) -> dict[str, object]:
    return {"type": 2, "data": [event.name, event.argument], "nsp": "/"}


def node_message(event: Event) -> Sequence[bytes]:
    """Return what @socket.io/redis-emitter says: each room's events have their own channel."""
    channel = "socket.io#/#" if event.room is None else f"socket.io#/#{event.room}#"
    return _published(channel, pack(["emitter", _node_packet(event), _node_options(event)]))


def node_entry(event: Event) -> Sequence[bytes]:
    """Return what @socket.io/redis-streams-adapter in another process says: BROADCAST is the type 3."""
    data = compact({"opts": _node_options(event), "packet": _node_packet(event)})
    entry = (b"uid", b"bench", b"nsp", b"/", b"type", b"3", b"data", data)
    return b"XADD", b"socket.io", b"MAXLEN", b"~", b"10000", b"*", *entry


def oxide_message(event: Event) -> Sequence[bytes]:
    """Return what bench/servers/oxide emits: socketioxide hears no emitter of another process."""
    message = {"event": event.name, "room": event.room, "argument": event.argument}
    return _published("bench", compact(message))


def centrifugo_message(event: Event) -> Sequence[bytes]:
    """Return what a Centrifugo node says for a channel without history: a Protobuf message with the data.

    Its events have no name, so what is no tick has its name in the data.
    """
    data = compact(event.argument or {"event": event.name})
    publication = b"\x22" + _varint(len(data)) + data  # the field 4, https://github.com/centrifugal/protocol
    return _published(f"centrifugo.client.{event.room or EVERYONE}", publication)


def _varint(number: int) -> bytes:
    low, high = number & 0x7F, number >> 7
    return bytes((0x80 | low,)) + _varint(high) if high else bytes((low,))


def loop_message(event: Event) -> Sequence[bytes]:
    """Return the message as the clients will see it: the C loop only frames it."""
    return _published("bench", text(event))
