"""Stand-ins for what both services use: a clock, the bus, a registry of metrics. Small and exact."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from types import ModuleType
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from queuecast_bus import BusUnavailable, Record, Stored
from queuecast_bus.server_clock import ClockSteps, ServerClock


def replace_sleep(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, sleep: Callable[[float], Awaitable[None]]
) -> None:
    """Replace `asyncio.sleep` for one module alone.

    Other threads of this process sleep as well, such as the load balancer of another test; an event that they
    set would not wake this test's loop.
    """
    own = ModuleType("asyncio")
    own.__dict__.update(asyncio.__dict__, sleep=sleep)
    monkeypatch.setattr(module, "asyncio", own)


class FakeClock:
    """A clock that moves when it is told to; stands in for the module `time` or one of its functions."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def perf_counter(self) -> float:
        return self.now

    def time_ns(self) -> int:
        return int(self.now * 1_000_000_000)

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


class FakeNamespaces:
    """`queuecast_bus.namespaces.Namespaces` from a set, which says `/` alone until it is told otherwise."""

    def __init__(self) -> None:
        self.served = {"any", "/"}
        self.away = False
        self.asked: list[list[str]] = []

    async def announce(self, namespaces: Iterable[str]) -> None:
        if self.away:
            raise BusUnavailable("saying which namespaces are served: nobody there")
        self.served |= {"any", *namespaces}

    async def announced(self, namespaces: Iterable[str]) -> set[str]:
        self.asked.append(sorted(namespaces))
        if self.away:
            raise BusUnavailable("asking which namespaces are served: nobody there")
        return self.served.intersection(["any", *self.asked[-1]])


class FakePressure:
    """`queuecast_bus.pressure.Pressure` as a flag; while `away` it raises."""

    def __init__(self) -> None:
        self.behind = False
        self.away = False
        self.asked = 0
        self.reports = 0

    async def is_reported(self) -> bool:
        self.asked += 1
        if self.away:
            raise BusUnavailable("asking: nobody there")
        return self.behind

    async def report(self) -> None:
        self.reports += 1
        if self.away:
            raise BusUnavailable("saying: nobody there")


class FakeQueueReports:
    """`queuecast_bus.queue_reports.QueueReports` for a poller; while `away` it raises."""

    def __init__(self) -> None:
        self.wanted = False
        self.away = False
        self.reports: dict[str, str] = {}

    async def are_wanted(self) -> bool:
        if self.away:
            raise BusUnavailable("asking: nobody there")
        return self.wanted

    async def put(self, name: str, text: str) -> None:
        self.reports[name] = text


class FakeQueueSends:
    """`queuecast_bus.queue_sends.QueueSends` for a poller; with `is_taken` another one is faster."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.is_taken = False

    async def asked(self) -> dict[str, str]:
        return dict(self.texts)

    async def take(self, request: str) -> bool:
        return self.texts.pop(request, None) is not None and not self.is_taken


class FakeBus:
    """Stores records once per dedup id, as the append script does; `away_for` many tries it refuses."""

    def __init__(self, *, away_for: float = 0, journal: Any = None) -> None:
        self.namespaces = FakeNamespaces()
        self.pressure = FakePressure()
        self.queue_reports = FakeQueueReports()
        self.queue_sends = FakeQueueSends()
        self.clock = ServerClock(lambda: time.time())
        self.rewinds = 0
        self.clock_steps = ClockSteps()
        self.redis_ms = 0
        self.policy: str | None = None
        self.may_ask_for_policy = True
        self.records: list[Record] = []
        self.tries: list[list[tuple[Record, str | None]]] = []
        self.on_refusal: Callable[[], object] = lambda: None
        self.before_publish: Callable[[], Awaitable[object]] = lambda: asyncio.sleep(0)
        self._away_for = away_for
        self._offsets: dict[str, str] = {}
        self._journal = journal if journal is not None else []

    async def publish(self, batch: Sequence[tuple[Record, str | None]]) -> list[Stored]:
        self.tries.append(list(batch))
        await self.before_publish()
        if len(self.tries) <= self._away_for:
            self.on_refusal()
            raise BusUnavailable("publishing: ConnectionError: nobody there")
        return [self._store(record, dedup_id) for record, dedup_id in batch]

    async def check(self) -> None:
        await self.publish([])

    async def eviction_policy(self) -> str | None:
        if not self.may_ask_for_policy:
            raise BusUnavailable("asking: NOPERM")
        return self.policy

    def _store(self, record: Record, dedup_id: str | None) -> Stored:
        if dedup_id in self._offsets:
            return Stored(self._offsets[dedup_id], duplicate=True)
        self.records.append(record)
        self._journal.append(("published", dedup_id))
        offset = f"{len(self.records)}-0"
        if dedup_id is not None:
            self._offsets[dedup_id] = offset
        return Stored(offset, duplicate=False)


class Figures:
    """Reads a registry as Prometheus would."""

    def __init__(self, registry: CollectorRegistry, prefix: str, **labels: str) -> None:
        self._registry = registry
        self._prefix = prefix
        self._labels = labels

    def __call__(self, name: str, **labels: str) -> float:
        found = self._registry.get_sample_value(f"{self._prefix}_{name}", {**self._labels, **labels})
        assert found is not None, f"there is no {self._prefix}_{name} {labels}"
        return found

    def sum(self, name: str) -> float:
        """Return the sum over all label values."""
        wanted = f"{self._prefix}_{name}"
        return sum(
            sample.value
            for family in self._registry.collect()
            for sample in family.samples
            if sample.name == wanted
        )
