"""The Socket.IO client manager of both services: emits become records, control stays pub/sub.

It overrides what loses messages in the stock manager (see docs/decisions/0001) and nothing else. It does not
deliver: a gateway follows it and delivers each record to its own sockets.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import socketio
from socketio.packet import Packet

from queuecast_bus.ack_reports import AckReports
from queuecast_bus.answers import BoundedParser
from queuecast_bus.batch import Batch
from queuecast_bus.clients import Clients
from queuecast_bus.connection import redis_call
from queuecast_bus.control import ControlChannel
from queuecast_bus.errors import BadRecord
from queuecast_bus.eviction import eviction_policy
from queuecast_bus.failover import Failovers
from queuecast_bus.keys import Keys
from queuecast_bus.namespaces import Namespaces
from queuecast_bus.pressure import Pressure
from queuecast_bus.publisher import Bounds, Publisher, Stored
from queuecast_bus.queue_reports import QueueReports
from queuecast_bus.queue_sends import QueueSends
from queuecast_bus.reader import Reader
from queuecast_bus.record import Record
from queuecast_bus.replicas import Replicas
from queuecast_bus.server_clock import ClockSteps, ServerClock
from queuecast_bus.settings import BusSettings
from queuecast_bus.subscription import Subscription


class BusManager(socketio.AsyncRedisManager):  # type: ignore[misc]  # python-socketio has no types
    """A Socket.IO manager on a Redis Stream.

    Write-only, for the poller, it has `publish` and `emit`. For a gateway it also has `follow` and
    `listen_to_control`, which the gateway runs and awaits itself, so that it notices when they end. With a
    `read_url` it follows the stream at replicas.
    """

    name = "queuecast"

    def __init__(
        self, settings: BusSettings, *, write_only: bool = False, read_url: str | None = None
    ) -> None:
        url = settings.redis_url.get_secret_value()
        super().__init__(url, channel=settings.channel, write_only=write_only)
        self._max_record_bytes = settings.max_record_bytes
        self.keys = keys = Keys(settings.channel)
        self.clients = Clients(url, settings.redis_credentials, keys.hash_tag)
        self.commands: Any = self.clients.connect()
        """The client for commands that Redis answers at once. Use it within `connection.redis_call`."""
        bounds = Bounds(
            settings.stream_max_records,
            settings.stream_max_seconds,
            settings.dedup_seconds,
            settings.keep_latest_seconds,
        )
        self._publisher = Publisher(
            self.commands, keys, bounds, self.host_id, self.clients.leave, settings.replicas_ack
        )
        self.clock = ServerClock(time.time)
        self.namespaces = Namespaces(self.commands, keys)
        self.pressure = Pressure(self.commands, keys)
        self.queue_reports = QueueReports(self.commands, keys)
        self.queue_sends = QueueSends(self.commands, keys)
        self.ack_reports = AckReports(self.commands, keys)
        self.replicas = Replicas(self.commands, keys, self.clock.now)
        channels = (settings.channel, keys.inbox(self.host_id))
        self._control = ControlChannel(self.commands, self.clients, channels)
        self._reader: Reader | None = None
        self._read_clients: Clients | None = None
        if not write_only:
            primary = self.clients.connect(parser_class=BoundedParser)
            if read_url is None:
                self._reader = Reader(primary, keys)
            else:
                self._read_clients = Clients(read_url, settings.redis_credentials, keys.hash_tag, reads=True)
                replicas = self._read_clients.connect(parser_class=BoundedParser)
                clients = self._read_clients
                self._reader = Reader(primary, keys, replicas, clients.leave, clients.renew)

    async def aclose(self) -> None:
        """Close every connection to Redis."""
        for each in self._all_clients():
            await each.aclose()

    def _all_clients(self) -> Iterator[Clients]:
        yield self.clients
        if self._read_clients is not None:
            yield self._read_clients

    # Records

    async def publish(self, batch: Sequence[tuple[Record, str | None]]) -> list[Stored]:
        """Store records, each with its dedup id or None. Raises `BusUnavailable` if Redis did not confirm."""
        with self._comparing_clocks():
            stored = await self._publisher.publish(batch)
        if stored and self._reader is not None:
            self._reader.source.stored(stored[-1].offset)
        return stored

    async def publish_if_new(self, batch: Sequence[tuple[Record, str | None]]) -> list[Stored | None]:
        """Store records if none of their dedup ids is known; see `Publisher.publish_if_new`.

        Raises `BusUnavailable` if Redis did not confirm.
        """
        with self._comparing_clocks():
            stored = await self._publisher.publish_if_new(batch)
        if self._reader is not None and stored and (last := stored[-1]) is not None:
            self._reader.source.stored(last.offset)
        return stored

    async def is_stored(self, dedup_id: str) -> bool:
        """Return whether a record with this dedup id is stored, as far as Redis remembers.

        Raises `BusUnavailable`.
        """
        async with redis_call("asking whether a message is stored already"):
            return await self.commands.get(self.keys.seen(dedup_id)) is not None

    async def follow_failovers(self) -> None:
        """Leave a primary once its sentinels name another one, for ever; return at once without sentinels."""
        async with asyncio.TaskGroup() as tasks:
            for each in self._all_clients():
                tasks.create_task(Failovers(each).follow())

    async def check(self) -> None:
        """Check that records can be stored, and that those that were stored still are; see `Publisher.check`.

        Raises `BusUnavailable`.
        """
        with self._comparing_clocks():
            await self._publisher.check()

    @contextmanager
    def _comparing_clocks(self) -> Iterator[None]:
        before = self.clock.local()
        yield
        if self._publisher.redis_ms:
            self.clock.observe(self._publisher.redis_ms, before, self.clock.local())

    @property
    def clock_steps(self) -> ClockSteps:
        """How often Redis's clock was put forward or back."""
        return self._publisher.clock_steps

    async def eviction_policy(self) -> str | None:
        """Return the policy by which Redis removes keys when it is full, or None if it never does.

        Raises `BusUnavailable`, also if the user may not ask.
        """
        async with redis_call("asking whether Redis removes keys"):
            return eviction_policy(await self.commands.info("memory"))

    @property
    def rewinds(self) -> int:
        """How often Redis had lost records that it had confirmed to this manager."""
        return self._publisher.rewinds

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
        `BusUnavailable` if Redis did not confirm, `BadRecord` if some client could not read the event, and
        `ValueError` for an empty list of rooms, which would address nobody but reads as everybody.
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
        """Return an emit as a record that every client can read.

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
        """Yield the records that every replica has to deliver, for ever; see `Reader.follow`."""
        return self._required_reader.follow()

    async def between(self, after: str, until: str, most: int) -> Batch:
        """Return older records; see `Reader.between`."""
        return await self._required_reader.between(after, until, most)

    async def recall(self, offsets: Sequence[str]) -> list[list[bytes]]:
        """Return the fields of some records; see `Reader.recall`."""
        return await self._required_reader.recall(offsets)

    @property
    def avoids_replicas(self) -> bool:
        """Whether the stream is read at the primary although there is a URL for replicas."""
        return self._required_reader.source.avoids_replicas

    @property
    def reading(self) -> asyncio.Event:
        """Set once `follow` will yield everything that is stored from then on."""
        return self._required_reader.started

    @property
    def _required_reader(self) -> Reader:
        if self._reader is None:
            raise RuntimeError("a write-only manager does not read")
        return self._reader

    # Control between replicas, and emits of stock managers

    @property
    def control_subscription(self) -> Subscription:
        """The subscription to the control channel, which `listen_to_control` follows."""
        return self._control.subscription

    def initialize(self) -> None:
        """Do nothing: the stock manager starts a listener that nobody awaits. See `listen_to_control`."""

    async def listen_to_control(self) -> None:
        """Carry out the messages of the pub/sub channel, for ever: rooms entered, left and closed,
        disconnects, callbacks, and the emits of stock managers in other processes.
        """
        await self._thread()
        task = asyncio.current_task()
        if task is None or not task.cancelling():
            # The stock loop ends only when it is cancelled. Otherwise this replica would receive no control.
            raise RuntimeError("the listener on the control channel ended")

    async def _publish(self, data: dict[str, Any]) -> None:
        await self._control.publish(self.channel, json.dumps(data))

    async def send_to_replica(self, replica: str, data: dict[str, Any]) -> int:
        """Send a message to one replica, by its `host_id`; return 0 if it is not there.

        Raises `BusUnavailable` if Redis did not confirm.
        """
        return await self._control.publish(self.keys.inbox(replica), json.dumps(data))

    def _listen(self) -> AsyncIterator[Any]:
        return self._control.messages()


def dump_arguments(data: Any) -> tuple[bytes, tuple[bytes, ...]]:
    """Return an emit's data as a record's arguments and attachments. Raises `BadRecord`.

    As in `socketio.AsyncServer.emit`, a tuple is several arguments, None is no argument, and anything else is
    one.
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
