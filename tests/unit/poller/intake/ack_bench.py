"""Messages that wait for acknowledgements, between gateways that say what a test wants and a fake intake."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.claims import WITHIN_SECONDS
from tests.unit.fakes import FakeClock, Figures
from tests.unit.poller.fakes import FakeQueue, message

from queuecast_bus import BusUnavailable, Record, Stored
from queuecast_bus.awaited import AckMode, AckReport
from queuecast_bus.server_clock import ServerClock
from queuecast_poller.intake import ack_inbox, ack_wait, awaiting
from queuecast_poller.intake.ack_wait import Ways
from queuecast_poller.intake.awaiting import Awaiting
from queuecast_poller.intake.recent_waits import RecentWaits
from queuecast_poller.judge.verdict import Drop, Leave, Publish
from queuecast_poller.metrics import Metrics
from queuecast_poller.settings import Settings

SECONDS = 10.0


class FakeBus:
    """Gateways whose reports are in `news`. Each read without any takes a tenth of a second of the clock."""

    host_id = "inbox"

    def __init__(self, clock: FakeClock) -> None:
        self.ack_reports = self.replicas = self
        self.news: list[AckReport] = []
        self.marks: set[str] = set()
        self.stored: set[str] = set()
        self.records: list[Record] = []
        self.clock = ServerClock(lambda: clock.now)
        self.gateways = {"a": "0-0"}
        self.is_away = False
        self._clock = clock

    async def take(self, inbox: str) -> list[AckReport]:
        assert inbox == self.host_id
        await asyncio.sleep(0)
        self._fail_if_away()
        if not self.news:
            self._clock.pass_by(0.1)
        news, self.news = self.news, []
        return news

    async def publish(self, batch: Sequence[tuple[Record, str | None]]) -> list[Stored]:
        self._fail_if_away()
        self.records += [record for record, _ in batch]
        return [Stored(f"{len(self.records)}-0", duplicate=False) for _ in batch]

    async def present(self) -> dict[str, str]:
        self._clock.pass_by(0.001)
        self._fail_if_away()
        return self.gateways

    async def mark(self, message_id: str, seconds: float) -> None:
        self._fail_if_away()
        self.marks.add(message_id)

    async def is_stored(self, dedup_id: str) -> bool:
        return dedup_id in self.stored

    async def marked(self, message_ids: Sequence[str]) -> list[bool]:
        return [each in self.marks for each in message_ids]

    def _fail_if_away(self) -> None:
        if self.is_away:
            self._clock.pass_by(0.1)
            raise BusUnavailable("reading: nobody there")


class Bench:
    """The messages, and a journal of what became of them. `on_published` is called with each record."""

    def __init__(self, patch: pytest.MonkeyPatch, *, max_awaited: int = 100, **options: Any) -> None:
        self.clock = FakeClock()
        for module in (ack_inbox, ack_wait):
            patch.setattr(module, "time", self.clock)
        patch.setattr(ack_inbox, "jittered", lambda attempt, cap_seconds: 0)
        patch.setattr(ack_inbox, "POLL_SECONDS", 0)
        patch.setattr(awaiting, "STOP_SECONDS", 0)
        registry = CollectorRegistry()
        self.figure = Figures(registry, "queuecast_poller", queue="orders")
        self.bus = FakeBus(self.clock)
        self.queue = FakeQueue()
        self.stop = asyncio.Event()
        self.journal: list[tuple[str, str]] = []
        self.records: list[Record] = []
        self.dedup_ids: list[str | None] = []
        self.left: list[Leave] = []
        self.dropped: list[Drop] = []
        self.ticks = 0
        self.is_redis_away = False
        self.on_published: Callable[[Record], object] = lambda record: None
        settings = Settings(queues=("orders",), ack_seconds=SECONDS, max_awaited=max_awaited, **options)
        ways = Ways(
            self._confirmed,
            self._store,
            self._publish,
            self._give_back,
            self._leave,
            self._drop,
            self._delete,
            self._tick,
        )
        bus: Any = self.bus
        metrics = Metrics(registry).for_queue("orders")
        self.waits = RecentWaits(bus.clock.now)
        self.awaiting = Awaiting(self.queue, bus, settings, metrics, ways, self.waits)

    async def run(self, *runs: Sequence[Publish]) -> "Bench":
        """Work off these messages."""
        async with asyncio.timeout(WITHIN_SECONDS):
            reading = asyncio.create_task(self.awaiting.run(self.stop))
            await self.awaiting.submit(runs, 0.0, self.stop)
            await self.awaiting.drain()
            reading.cancel()
            await asyncio.wait([reading])
        return self

    def report(
        self, delivered: int, answered: int, replica: str = "a", **more: Any
    ) -> Callable[[Record], None]:
        """Return what has a gateway report so of each published record."""

        def say(record: Record) -> None:
            if record.ack is not None:
                self.bus.news.append(AckReport(record.ack.ack_id, replica, delivered, answered, **more))

        return say

    async def _confirmed(self, call: str, request: Any, handles: Iterable[str], stop: asyncio.Event) -> Any:
        return None if self.is_redis_away else await request()

    async def _store(
        self, verdicts: Sequence[Publish], handles: Sequence[str], stop: asyncio.Event
    ) -> Sequence[Stored] | None:
        if self.is_redis_away:
            return None
        (verdict,) = verdicts
        self.records.append(verdict.record)
        self.dedup_ids.append(verdict.dedup_id)
        self.journal.append(("published", verdict.message.id))
        self.on_published(verdict.record)
        return [Stored(f"{len(self.records)}-0", duplicate=False)]

    async def _publish(self, verdict: Publish, received: float, stop: asyncio.Event) -> bool:
        self.journal.append(("published", verdict.message.id))
        return True

    async def _give_back(self, handles: Sequence[str]) -> None:
        self.journal += [("returned", handle) for handle in handles]

    async def _leave(self, left: Sequence[Leave]) -> None:
        self.left += left
        self.journal += [("left", leave.message.receipt_handle) for leave in left]

    async def _drop(self, verdicts: Sequence[Drop]) -> None:
        self.dropped += verdicts
        self.journal += [("dropped", drop.message.receipt_handle) for drop in verdicts]

    async def _delete(self, handles: Sequence[str]) -> None:
        self.journal += [("deleted", handle) for handle in handles]

    def _tick(self) -> None:
        self.ticks += 1


def waiting(mode: AckMode | None = AckMode.ANY, **details: Any) -> Publish:
    """Return the verdict on a message that waits for acknowledgements, or on another one for None."""
    return Publish(message("7", **details), Record("order", b"[7]", rooms=("a",)), ack=mode)
