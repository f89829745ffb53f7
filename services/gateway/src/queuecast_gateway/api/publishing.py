"""Stores events and commands on the bus: each once, and all of a request or none of them."""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

from queuecast_bus import BadRecord, BusUnavailable, Record, Stored
from queuecast_bus.publisher import WRITE_BYTES
from queuecast_bus.record import TracedRecord, offset_key
from queuecast_edge.trace_context import read_traceparent
from queuecast_gateway.api.messages import Item
from queuecast_gateway.api.metrics import ApiMetrics
from queuecast_gateway.api.problems import Flaw, Problem, invalid, pointer
from queuecast_gateway.delivery.history import History
from queuecast_gateway.recovery.replay_reader import catch_up

RETRY_SECONDS = 1.0
"""After so long a client may send a request again that Redis did not confirm."""

PRESSURE_SECONDS = 1.0
"""How often Redis is asked whether a gateway is behind, while requests come."""


class Bus(Protocol):
    """The part of a gateway's bus that publishing needs."""

    namespaces: Any
    pressure: Any
    clock: Any
    history: History
    is_traced: bool

    async def publish(self, batch: Sequence[tuple[Record, str | None]]) -> list[Stored]: ...
    async def publish_if_new(self, batch: Sequence[tuple[Record, str | None]]) -> list[Stored | None]: ...
    async def recall(self, offsets: Sequence[str]) -> list[list[bytes]]: ...


class Publishing:
    """Stores the records of requests. `own` are the namespaces that this gateway serves.

    Its methods raise `Problem` and `BusUnavailable`. After `BusUnavailable` it is unknown whether the records
    are stored, and the same request with the same idempotency key stores them once.
    """

    def __init__(
        self,
        bus: Bus,
        own: Collection[str],
        metrics: ApiMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bus = bus
        self._own = frozenset(own)
        self._metrics = metrics
        self._clock = clock
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")
        self._is_behind = False

    @property
    def now_ms(self) -> int:
        """The time of Redis, Unix time in milliseconds."""
        return int(self._bus.clock.now() * 1000)

    def traced(self, record: Record, traceparent: str | None) -> Record:
        """Return the record in the trace of its sender, where traces are on."""
        if not self._bus.is_traced or traceparent is None or read_traceparent(traceparent) is None:
            return record
        return TracedRecord.from_record(record, traceparent)

    async def publish(self, record: Record, namespace: str, dedup_id: str | None) -> dict[str, Any]:
        """Store one record for sessions of this namespace; return what the client is told."""
        await self._check_served([(namespace, "#/namespace")])
        (stored,) = await self._bus.publish([(record, dedup_id)])
        if stored.duplicate:
            await self._check_same([record], [stored.offset])
        return self._told(stored)

    async def publish_all(self, items: Sequence[Item], dedup_ids: Sequence[str | None]) -> dict[str, Any]:
        """Store the events of a batch in one step; return what the client is told."""
        records = [item.record for item in items]
        if (size := sum(record.payload_size for record in records)) > WRITE_BYTES:
            detail = f"the events have {size} bytes together, and a batch has at most {WRITE_BYTES}: send two"
            raise Problem("too-large", detail)
        await self._check_served(
            [(record.namespace, pointer("messages", at, "namespace")) for at, record in enumerate(records)]
        )
        batch = list(zip(records, dedup_ids, strict=True))
        stored = await (self._publish_once(batch) if any(dedup_ids) else self._bus.publish(batch))
        return {"results": [self._told(each) for each in stored]}

    async def _publish_once(self, batch: Sequence[tuple[Record, str | None]]) -> list[Stored]:
        """Store a batch with keys. One whose key was used for another event is refused as a whole, also if
        both come at the same time: what is known already is compared before anything else is stored.
        """
        stored: dict[int, Stored] = {}
        while rest := [at for at in range(len(batch)) if at not in stored]:
            answer = await self._bus.publish_if_new([batch[at] for at in rest])
            found = {at: each for at, each in zip(rest, answer, strict=True) if each is not None}
            known = [at for at, each in found.items() if each.duplicate]
            await self._check_same([batch[at][0] for at in known], [found[at].offset for at in known])
            stored |= found
        return [stored[at] for at in range(len(batch))]

    async def check_pressure(self) -> None:
        """Raise `Problem` while a gateway is behind the bus: publishers wait then, as pollers do."""
        async with self._asking:
            if self._clock() - self._asked_at >= PRESSURE_SECONDS:
                try:
                    self._is_behind = await self._bus.pressure.is_reported()
                except BusUnavailable:
                    self._is_behind = False  # publishing itself will fail, and say so
                self._asked_at = self._clock()
        if self._is_behind:
            raise Problem(
                "behind", "a gateway has not read what is stored already", retry_seconds=RETRY_SECONDS
            )

    def _told(self, stored: Stored) -> dict[str, Any]:
        self._metrics.events.labels("duplicate" if stored.duplicate else "stored").inc()
        return {"offset": stored.offset, "duplicate": stored.duplicate}

    async def _check_served(self, wanted: Sequence[tuple[str, str]]) -> None:
        """Raise `Problem` if no gateway serves one of these namespaces: nobody would get the event."""
        others = {namespace for namespace, _ in wanted} - self._own
        if not others:
            return
        missing = others - await self._bus.namespaces.announced(sorted(others))
        if flaws := [
            Flaw(place, f"no gateway serves the namespace {namespace[:80]!r}")
            for namespace, place in wanted
            if namespace in missing
        ]:
            raise invalid(flaws)

    async def _check_same(self, records: Sequence[Record], offsets: Sequence[str]) -> None:
        """Raise `Problem` if other records than these were stored with their keys, as far as Redis has them:
        to answer "stored already" would lose the new ones silently.
        """
        if offsets:
            # A replica of Redis may not have the record yet; what was read here, it has.
            await catch_up(self._bus.history, max(offsets, key=offset_key))
        done = 0
        while done < len(offsets):
            found = await self._bus.recall(offsets[done:])
            for record, offset, fields in zip(records[done:], offsets[done:], found, strict=False):
                if fields and not _is_same(record, fields):
                    raise Problem(
                        "key-reused",
                        f"with this key another event or command was stored, at {offset}: a key names one "
                        "request, so send this one with a key of its own",
                    )
            done += max(1, len(found))


def _is_same(record: Record, fields: Sequence[bytes]) -> bool:
    try:
        stored = Record.from_fields(dict(zip(fields[::2], fields[1::2], strict=True)))
    except BadRecord:
        return False
    return record._replace(sent_ms=None) == stored._replace(sent_ms=None)
