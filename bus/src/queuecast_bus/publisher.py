"""Appends records to the stream: many in one atomic step, each at most once, or an error.

It also finds out when Redis has lost what it had confirmed, which no reader may see; see `append.lua`.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, NamedTuple

from redis.asyncio import Redis

from queuecast_bus import latest
from queuecast_bus.batch import START
from queuecast_bus.clients import is_wrong_server
from queuecast_bus.connection import redis_call
from queuecast_bus.errors import BusUnavailable
from queuecast_bus.keys import Keys
from queuecast_bus.names import CANARY_NAMESPACE, PROBE_NAMESPACE, ROLL_CALL_NAMESPACE
from queuecast_bus.record import Record
from queuecast_bus.server_clock import ClockSteps

log = logging.getLogger(__name__)

WRITE_BYTES = 2 << 20
"""Most bytes that are stored in one step. Over a link of 3 MB/s, ten of the largest messages took longer than
an answer may, and Redis would answer nobody else meanwhile."""

REPLICAS_SECONDS = 2.0
"""How long Redis may wait for its replicas. It is shorter than `connection.ANSWER_SECONDS`, so that the error
says what is missing."""

MAX_COPYING = 8
"""How many steps may wait for replicas at once: each has a connection of its own meanwhile."""

STUCK_SECONDS = 60.0
"""After so long without a successful write, the connections are made anew, however healthy they look."""

FOR_NOBODY = (PROBE_NAMESPACE, CANARY_NAMESPACE, ROLL_CALL_NAMESPACE)
"""Records that no browser misses. If Redis loses them, nobody has to be told."""

_APPEND = files("queuecast_bus").joinpath("append.lua").read_text("utf-8")


@dataclass(frozen=True, slots=True)
class Stored:
    """Redis's confirmation of one record: its offset, and whether it was stored before."""

    offset: str
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much the stream keeps, and how long a dedup id is remembered."""

    max_records: int
    max_seconds: int
    dedup_seconds: int
    latest_seconds: int = 0
    """How long the newest record of each key is kept; 0 keeps none."""


class Confirmed(NamedTuple):
    """A publisher's newest step that Redis confirmed, the offset of its last record, and when that was.

    If it is missing, a new series of steps begins, whose name begins with `successor`. All steps that were
    under way then name the same one, so that only one of them tells of it.
    """

    series: str
    step: int
    offset: str
    at: float
    successor: str


class Publisher:
    """Appends records to the stream and returns only what Redis confirmed.

    `writer` is an id that no other publisher has. A step is confirmed once that many `replicas` of Redis have
    it. `leave` is called with the reason when the connections should be made anew. `rewinds` counts the times
    that Redis had lost confirmed records of this publisher, and `redis_ms` is the time of its last answer, by
    its own clock.
    """

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        bounds: Bounds,
        writer: str,
        leave: Callable[[object], object],
        replicas: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rewinds = 0
        self.clock_steps = ClockSteps()
        self.redis_ms = 0
        self._redis = redis
        self._append = redis.register_script(_APPEND)
        self._keys = keys
        self._latest_ms = bounds.latest_seconds * 1000
        self._head = (bounds.max_records, bounds.max_seconds * 1000, bounds.dedup_seconds * 1000)
        self._writer = writer
        self._leave = leave
        self._replicas = replicas
        self._copying = asyncio.Semaphore(MAX_COPYING)
        self._clock = clock
        self._failing_since: float | None = None
        self._confirmed = Confirmed("", 0, START, clock(), secrets.token_hex(4))

    async def publish(self, batch: Sequence[tuple[Record, str | None]]) -> list[Stored]:
        """Store records in their order, each with its dedup id or None.

        If this raises `BusUnavailable`, it is unknown which of them are stored: publish the same batch again.
        """
        stored: list[Stored] = []
        step: list[tuple[Record, str | None]] = []
        size = 0
        for each in batch:
            size += (length := each[0].payload_size)
            if size > WRITE_BYTES and step:
                stored += await self._store(step)
                step, size = [], length
            step.append(each)
        return stored + await self._store(step) if step else stored

    async def publish_if_new(self, batch: Sequence[tuple[Record, str | None]]) -> list[Stored | None]:
        """Store records in one step if none of their dedup ids is known; else none of them. They have at most
        `WRITE_BYTES` together.

        If none is stored, the answer has those that were before, and None for the others.
        """
        return await self._store_in_one_step(batch, only_new=True)

    async def check(self) -> None:
        """Check that a record could be stored, and that Redis still has what it confirmed to this publisher.

        Raises `BusUnavailable`, as `publish` would.
        """
        await self._run("checking whether records can be stored", [self._keys.seen("")], [0], self._replicas)

    async def _store(self, batch: Sequence[tuple[Record, str | None]]) -> list[Stored]:
        stored = await self._store_in_one_step(batch, only_new=False)
        return [each for each in stored if each is not None]

    async def _store_in_one_step(
        self, batch: Sequence[tuple[Record, str | None]], *, only_new: bool
    ) -> list[Stored | None]:
        keys: list[str] = []
        arguments: list[int | bytes] = []
        for record, dedup_id in batch:
            keys.append(self._keys.tail if dedup_id is None else self._keys.seen(dedup_id))
            fields = record.to_fields()
            arguments += len(fields), *fields
        hashes, kept = self._latest([record for record, _ in batch])
        keys += hashes
        arguments += kept
        before = self._confirmed
        is_missed = any(record.namespace not in FOR_NOBODY for record, _ in batch)
        step, answer = await self._run(
            "publishing",
            keys,
            arguments,
            self._replicas if is_missed else 0,
            len(hashes),
            only_new=only_new,
        )
        stored = [
            Stored(offset.decode(), bool(duplicate)) if offset else None
            for offset, duplicate in zip(answer[::2], answer[1::2], strict=True)
        ]
        if is_missed and (last := stored[-1]) is not None:
            self._confirm(step._replace(offset=last.offset, at=self._clock()), before)
        return stored

    def _latest(self, records: Sequence[Record]) -> tuple[list[str], list[int | bytes]]:
        """Return the hashes in which records with a key are kept, and the script's arguments for them."""
        hashes: list[str] = []
        arguments: list[int | bytes] = []
        if self._latest_ms:
            for place, record in enumerate(records, start=1):
                if record.key is not None and not record.volatile:
                    for room in record.rooms:
                        hashes.append(self._keys.latest(record.namespace, room))
                        arguments += place, record.key.encode(), latest.to_text(record)
        return hashes, [*arguments, self._latest_ms] if hashes else []

    async def _run(
        self,
        doing: str,
        keys: Sequence[str],
        arguments: Sequence[int | bytes],
        replicas: int,
        hashes: int = 0,
        *,
        only_new: bool = False,
    ) -> tuple[Confirmed, Sequence[Any]]:
        """Run the script; return this step, whose record is the one before, and the answer about records."""
        known, before = self._keys, self._confirmed
        quiet_ms = int((self._clock() - before.at) * 1000)
        all_keys = [known.stream, known.tail, known.writer(self._writer), known.told, *keys]
        confirmed = *before[:3], quiet_ms, before.successor
        all_arguments = [*self._head, *confirmed, hashes, int(only_new), *arguments]
        copies, began = 0, self._clock()
        try:
            async with redis_call(doing):
                if replicas:
                    # Redis waits for what was written over the same connection.
                    async with self._copying, self._redis.client() as connection:
                        answer = await self._append(all_keys, all_arguments, connection)
                        copies = await connection.wait(replicas, round(REPLICAS_SECONDS * 1000))
                else:
                    answer = await self._append(all_keys, all_arguments)
            series, number, is_rewound, self.redis_ms, *stored = answer
            self.clock_steps.observe(self.redis_ms, began, self._clock())
            step = before._replace(series=series.decode(), step=number, successor=secrets.token_hex(4))
            if is_rewound and step.series != self._confirmed.series:
                self._begin_anew(step, before)
            if copies < replicas:
                raise BusUnavailable(f"{doing}: {copies} replicas of Redis have it, {replicas} are required")
        except BusUnavailable as exc:
            self._note_failure(exc)
            raise
        self._failing_since = None
        return step, stored

    def _begin_anew(self, step: Confirmed, before: Confirmed) -> None:
        """Note that confirmed steps are missing at the server that took this one."""
        self.rewinds += 1
        log.error("Redis lost records that it had confirmed, up to %s: browsers start anew", before.offset)
        # Other connections may still lead to the old server.
        self._leave("records are missing at this server")
        self._confirm(step, before)

    def _confirm(self, step: Confirmed, before: Confirmed) -> None:
        """Note that a step is confirmed; `before` is what was when it was sent."""
        newest = self._confirmed
        if step.series == newest.series:
            self._confirmed = step if step.step >= newest.step else newest
        elif newest == before or step.series == before.series:
            self._confirmed = step
        # Else this step began a new series while another one was confirmed in the old series. The next step
        # finds that one missing, and tells of it.

    def _note_failure(self, exc: BusUnavailable) -> None:
        if exc.__cause__ is not None and is_wrong_server(exc.__cause__):
            self._leave(exc.__cause__)
        now = self._clock()
        if self._failing_since is None:
            self._failing_since = now
        elif now - self._failing_since >= STUCK_SECONDS:
            self._failing_since = now
            self._leave(f"no write succeeded for {STUCK_SECONDS:.0f} s: {exc}")
