"""A fan-out with fakes around it, and records for it."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from prometheus_client import CollectorRegistry
from tests.unit.fakes import Figures

from queuecast_bus import Batch, Entries, Entry, Gap, Record
from queuecast_bus.command import Command
from queuecast_bus.record import Address, read_address
from queuecast_bus.server_clock import ServerClock
from queuecast_gateway.delivery import fanout as module
from queuecast_gateway.delivery.compression import Compression
from queuecast_gateway.delivery.fanout import Fanout
from queuecast_gateway.delivery.history import History
from queuecast_gateway.delivery.rooms import NOBODY, Audience
from queuecast_gateway.delivery.write_delay import WriteDelay
from queuecast_gateway.engine.frames import split
from queuecast_gateway.metrics import Metrics

NOW = 1_000.0


class EveryRoom(dict[str, object]):
    """A table of rooms that has every room."""

    def __contains__(self, room: object) -> bool:
        return True


class FakeRooms:
    """Any number of browsers, the same in every room: `present` ones, and `recoverable` ones."""

    def __init__(self) -> None:
        self.present = ["browser"]
        self.recoverable: list[str] = []
        self.history = History(1 << 20)
        self.compression = Compression(self.history)
        self.clock = ServerClock(lambda: module.time.time())
        self.addresses: list[Any] = []
        self.rooms: dict[str, dict[str, object]] = {"/": EveryRoom(), "/shop": EveryRoom()}

    def audience(self, *address: Any) -> Any:
        self.addresses.append(address)
        return Audience(self.recoverable, self.present) if self.recoverable or self.present else NOBODY  # type: ignore[arg-type]


class FakeOutbox:
    def __init__(self) -> None:
        self.puts: list[tuple[bytes, list[str]]] = []
        self._flushed = 0
        self.on_flush: Callable[[], None] = lambda: None

    def put(self, sent: bytes, sessions: list[str]) -> None:
        self.puts.append((sent, sessions))

    def flush(self) -> int:
        self.on_flush()
        pending, self._flushed = self.puts[self._flushed :], len(self.puts)
        return len({session for _, sessions in pending for session in sessions})


class FakeProbe:
    """Owns records for the room `me`; counts those that it receives."""

    def __init__(self) -> None:
        self.received_count = 0

    def is_own(self, address: Address) -> bool:
        return address.rooms == ("me",)

    def received(self) -> None:
        self.received_count += 1


class FakeBoard:
    """Keeps how many seconds ago the queue could first deliver each record, None if no queue had it."""

    def __init__(self) -> None:
        self.is_watched = True
        self.seconds: list[float | None] = []

    def delivered(self, offset: str, sent_ms: int | None, now: float) -> None:
        self.seconds.append(None if sent_ms is None else now - sent_ms / 1000)


class FakeCommands:
    """Keeps commands, and returns how many sessions here each was for."""

    def __init__(self) -> None:
        self.applied: list[Command] = []
        self.concerned = 0
        self.on_apply: Callable[[], None] = lambda: None

    def apply(self, command: Command) -> int:
        self.applied.append(command)
        self.on_apply()
        return self.concerned


class Bench:
    """A fan-out with fakes around it."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.figure = Figures(registry, "queuecast_gateway")
        self.rooms = FakeRooms()
        self.outbox = FakeOutbox()
        self.probe = FakeProbe()
        self.board = FakeBoard()
        self.gaps: list[Gap] = []
        self.commands = FakeCommands()
        parts: list[Any] = [self.rooms, self.outbox, self.probe, self.commands, self.board]
        self._fanout = Fanout(*parts, Metrics(registry), frozenset({"/", "/shop"}), self.gaps.append)

    async def follow(self, *batches: Sequence[str], delay: WriteDelay) -> None:
        """Deliver batches of records with these offsets."""

        async def read() -> AsyncIterator[Batch]:
            fields = Record("e", b"[]").to_fields()
            for offsets in batches:
                entries = [Entry(each, read_address(fields[1]), fields) for each in offsets]
                yield Batch(offsets[-1], Entries.of(*entries))

        await self._fanout.follow(read(), delay)

    def deliver(self, *records: Record, **batch: Any) -> None:
        entries = Entries.of(*(entry(number, record) for number, record in enumerate(records)))
        self._fanout.deliver(Batch(offset(len(records)), entries, **batch))

    @property
    def texts(self) -> list[str]:
        """The packets that were written, in order."""
        return [data.decode() for sent, _ in self.outbox.puts for _, data in split(sent)]


def entry(number: int, record: Record) -> Entry:
    fields = record.to_fields()
    return Entry(offset(number), read_address(fields[1]), fields)


def offset(number: int) -> str:
    """Return the offset of a record that was stored a quarter of a second ago."""
    return f"{int(NOW * 1000) - 250}-{number}"
