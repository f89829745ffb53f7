"""The Socket.IO client manager of both services: emits become records, control stays pub/sub.

It overrides what loses messages in the stock manager (see docs/decisions/0001) and nothing else. It does not
deliver: a gateway follows it and hands each record to its own sockets.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import socketio
from socketio.packet import Packet

from queuecast_bus.answers import BoundedParser
from queuecast_bus.connection import connect
from queuecast_bus.control import ControlChannel
from queuecast_bus.errors import BadRecord
from queuecast_bus.keys import Keys
from queuecast_bus.namespaces import Namespaces
from queuecast_bus.pressure import Pressure
from queuecast_bus.publisher import Bounds, Publisher, Stored
from queuecast_bus.reader import Batch, Reader
from queuecast_bus.record import Record
from queuecast_bus.settings import BusSettings


class BusManager(socketio.AsyncRedisManager):  # type: ignore[misc]  # python-socketio has no types
    """A Socket.IO manager on a Redis Stream.

    Write-only (the poller): `publish` and `emit`. In full (a gateway): also `follow` and `hear`, which the
    gateway runs and awaits itself, so that their end cannot go unnoticed.
    """

    name = "queuecast"

    def __init__(self, settings: BusSettings, *, write_only: bool = False) -> None:
        url = settings.redis_url.get_secret_value()
        super().__init__(url, channel=settings.channel, write_only=write_only)
        self._max_record_bytes = settings.max_record_bytes
        self.keys = keys = Keys(settings.channel)
        self._clients = [connect(url)]
        bounds = Bounds(settings.stream_max_records, settings.stream_max_seconds, settings.dedup_seconds)
        self._publisher = Publisher(self._clients[0], keys, bounds)
        self.namespaces = Namespaces(self._clients[0], keys)
        self.pressure = Pressure(self._clients[0], keys)
        channels = (settings.channel, keys.inbox(self.host_id))
        self._control = ControlChannel(self._clients[0], url, channels)
        self._reader: Reader | None = None
        if not write_only:
            self._clients.append(connect(url, parser_class=BoundedParser))
            self._reader = Reader(self._clients[1], keys)

    async def aclose(self) -> None:
        """Close every connection to Redis."""
        for client in self._clients:
            await client.aclose()

    # Forward: records

    async def publish(self, batch: Sequence[tuple[Record, str | None]]) -> list[Stored]:
        """Store records, each with its dedup id or None. Raises `BusUnavailable` if Redis did not confirm."""
        return await self._publisher.publish(batch)

    async def emit(
        self,
        event: str,
        data: Any,
        namespace: str | None = None,
        room: str | Sequence[str] | None = None,
        skip_sid: str | Sequence[str] | None = None,
        callback: Any = None,
        to: str | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        """Emit to browsers on every replica, with the parameters of `socketio.AsyncServer.emit`.

        An emit with a callback is control, not a record: it is for one connected browser, now. Raises
        `BusUnavailable` if Redis did not confirm, `BadRecord` for what some client could not take, and
        `ValueError` for an empty list of rooms, which would address nobody and reads as everybody.
        """
        room = to if to is not None else room
        if callback is not None or kwargs.get("ignore_queue"):
            await super().emit(
                event, data, namespace=namespace, room=room, skip_sid=skip_sid, callback=callback, **kwargs
            )
            return
        await self.publish([(self.record(event, data, namespace, room, skip_sid), None)])

    def record(
        self,
        event: str,
        data: Any,
        namespace: str | None = None,
        room: str | Sequence[str] | None = None,
        skip_sid: str | Sequence[str] | None = None,
    ) -> Record:
        """Return an emit as a record that every client can take.

        Raises `BadRecord`, and `ValueError` for an empty list of rooms.
        """
        arguments, attachments = dump_arguments(data)
        record = Record(
            event=event,
            arguments=arguments,
            namespace=namespace or "/",
            rooms=_names(room, "room"),
            skip_sids=_names(skip_sid, "skip_sid"),
            attachments=attachments,
        )
        record.check(self._max_record_bytes)
        return record

    def follow(self) -> AsyncIterator[Batch]:
        """Yield the records that every replica is to deliver, for ever; see `Reader.follow`."""
        return self._reading_side.follow()

    async def between(self, after: str, until: str, most: int) -> Batch:
        """Return records that were stored before; see `Reader.between`."""
        return await self._reading_side.between(after, until, most)

    async def recall(self, offsets: Sequence[str]) -> list[list[bytes]]:
        """Return the fields of some records; see `Reader.recall`."""
        return await self._reading_side.recall(offsets)

    @property
    def commands(self) -> Any:
        """The client for commands that are answered at once. Ask it within `connection.asking`."""
        return self._clients[0]

    @property
    def reading(self) -> asyncio.Event:
        """Set once everything that is stored from then on will be yielded by `follow`."""
        return self._reading_side.started

    @property
    def _reading_side(self) -> Reader:
        if self._reader is None:
            raise RuntimeError("a write-only manager does not read")
        return self._reader

    # Sideways: control between replicas, and emits of stock managers

    def initialize(self) -> None:
        """Do nothing: the stock manager starts a listener that nobody awaits here. See `hear`."""

    async def hear(self) -> None:
        """Carry out what is said on the pub/sub channel, for ever: rooms entered, left and closed,
        disconnects, callbacks, and the emits of stock managers in other processes.
        """
        await self._thread()
        task = asyncio.current_task()
        if task is None or not task.cancelling():
            # The stock loop ends when it is cancelled; any other end would leave this replica deaf.
            raise RuntimeError("the listener on the control channel ended")

    async def _publish(self, data: dict[str, Any]) -> None:
        await self._control.say(self.channel, json.dumps(data))

    async def tell(self, replica: str, data: dict[str, Any]) -> int:
        """Say something to one replica, by its `host_id`; return 0 if it is not there.

        Raises `BusUnavailable` if Redis did not confirm.
        """
        return await self._control.say(self.keys.inbox(replica), json.dumps(data))

    def _listen(self) -> AsyncIterator[bytes]:
        return self._control.messages()


def dump_arguments(data: Any) -> tuple[bytes, tuple[bytes, ...]]:
    """Return an emit's data as a record's arguments and attachments. Raises `BadRecord`.

    A tuple is several arguments, None is none, anything else is one, as in `socketio.AsyncServer.emit`.
    """
    arguments = list(data) if isinstance(data, tuple) else [] if data is None else [data]
    attachments: list[bytes] = []
    try:
        if Packet.data_is_binary(arguments):
            arguments, attachments = Packet.deconstruct_binary(arguments)
        text = json.dumps(arguments, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode(), tuple(attachments)
    except RecursionError as exc:
        raise BadRecord("nested too deeply", "nesting") from exc
    except ValueError as exc:
        raise BadRecord(f"the data is not JSON: {exc}"[:200], "json") from exc


def _names(value: str | Sequence[str] | None, parameter: str) -> tuple[str, ...]:
    if value is None:
        return ()
    names = (value,) if isinstance(value, str) else tuple(name for name in value if name is not None)
    if not names and parameter == "room":
        raise ValueError("room=[] addresses nobody; leave it out to address everybody")
    return names
