"""Records of the bus go to this replica's browsers here, in the order in which they were stored."""

import asyncio
import logging
import time
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from contextlib import suppress
from itertools import groupby
from operator import itemgetter

from queuecast_bus import BadRecord, Batch, Entry, Gap
from queuecast_bus.command import read_command
from queuecast_bus.names import CANARY_NAMESPACE, COMMAND_NAMESPACE, PROBE_NAMESPACE
from queuecast_bus.record import Address, offset_ms
from queuecast_gateway.board import Board
from queuecast_gateway.commands import Commands
from queuecast_gateway.engine.outbox import Outbox
from queuecast_gateway.metrics import RECORD_OUTCOMES, Metrics
from queuecast_gateway.packet import record_frames
from queuecast_gateway.probe import Probe
from queuecast_gateway.rooms import NOBODY, Audience, Rooms

log = logging.getLogger(__name__)

REST_SECONDS = 0.02
"""The longest that what comes next waits for company."""

_ADDRESS = itemgetter(Entry._fields.index("address"))


class Fanout:
    """Matches each record with the browsers that should see it, and says on metrics what became of it."""

    def __init__(
        self,
        rooms: Rooms,
        outbox: Outbox,
        probe: Probe,
        commands: Commands,
        board: Board,
        metrics: Metrics,
        namespaces: frozenset[str],
        on_gap: Callable[[Gap], None],
    ) -> None:
        self._rooms = rooms
        self._outbox = outbox
        self._probe = probe
        self._commands = commands
        self._board = board
        self._metrics = metrics
        self._namespaces = namespaces
        self._on_gap = on_gap
        self._unknown_namespaces: set[str] = set()
        self._outcomes = {outcome: metrics.records.labels(outcome) for outcome in RECORD_OUTCOMES}
        self._delivery = [metrics.delivery.labels(redelivered) for redelivered in ("false", "true")]

    async def follow(self, batches: AsyncIterable[Batch]) -> None:
        """Deliver one batch after another; rest after each for as long as writing took, up to `REST_SECONDS`.

        What comes meanwhile shares the next write to each socket. So half of the time is left for all else,
        and the more there is to deliver, the less each delivery costs.
        """
        async for batch in batches:
            self.deliver(batch)
            began = time.perf_counter()
            await asyncio.sleep(0)  # the outbox writes meanwhile
            await asyncio.sleep(min(time.perf_counter() - began, REST_SECONDS))

    def deliver(self, batch: Batch) -> None:
        """Hand every record of the batch to its browsers on this replica."""
        if batch.resumed:
            self._metrics.resumes.inc()
        if batch.gap is not None:
            self._rooms.history.begin(batch.gap.before)
            self._on_gap(batch.gap)
            self._metrics.gaps.labels(batch.gap.reason).inc()
            log.error(
                "records between %s and %s can never be read here (%s)",
                batch.gap.after,
                batch.gap.before,
                batch.gap.reason,
            )
        if batch.entries:
            oldest = offset_ms(batch.entries[0].offset) / 1000
            self._metrics.bus_lag.observe(max(0.0, time.time() - oldest))
        began = time.perf_counter()
        outcomes = self._outcomes
        outcomes["malformed"].inc(batch.malformed)
        unwanted: list[Entry] = []
        is_for_somebody = False
        # Records that follow one another to the same rooms are one piece for each session.
        for address, run in groupby(batch.entries, _ADDRESS):
            if address.namespace not in self._namespaces:
                # The board's among them: a record must not look like the gateway's own figures.
                self._hear_or_count(address, list(run))
            elif (audience := self._rooms.audience(*address)) is NOBODY:
                unwanted += run
            else:
                self._send(run, audience)
                is_for_somebody = True
        outcomes["nobody_here"].inc(len(unwanted))
        if is_for_somebody:
            self._metrics.fanout.observe(time.perf_counter() - began)
        self._rooms.history.let_go(unwanted)
        self._rooms.history.add(batch)

    def _send(self, entries: Iterable[Entry], audience: Audience) -> list[Entry]:
        """Hand records over to those whom they are for; return all that could be read."""
        delivered: list[Entry] = []
        pieces: tuple[list[bytes], list[bytes]] = [], []
        for entry in entries:
            try:
                record = entry.record
                if audience.recoverable:
                    pieces[0].append(self._rooms.history.frames(entry, record))
                if audience.plain:
                    pieces[1].append(record_frames(record, None, self._rooms.history.max_event_bytes))
            except BadRecord as exc:
                self._outcomes["malformed"].inc()
                self._rooms.history.on_skipped(f"the record {entry.offset}", exc)
                continue
            delivered.append(entry)
            if record.sent_ms is not None:
                seconds = max(0.0, time.time() - record.sent_ms / 1000)
                self._delivery[record.redelivered].observe(seconds)
                self._board.delivered(seconds)
        self._outcomes["delivered"].inc(len(delivered))
        for run, sessions in zip(pieces, audience, strict=True):
            if run:
                self._outbox.put(run[0] if len(run) == 1 else b"".join(run), sessions)
                self._metrics.events_delivered.inc(len(run) * len(sessions))
        return delivered

    def _hear_or_count(self, address: Address, entries: Sequence[Entry]) -> None:
        namespace = address.namespace
        if namespace == PROBE_NAMESPACE:
            if self._probe.is_own(address):
                self._probe.heard()
                self._metrics.bus_heard.set_to_current_time()
            return
        if namespace == CANARY_NAMESPACE:
            self._hear_canary(entries[-1])
            return
        if namespace == COMMAND_NAMESPACE:
            for entry in entries:
                self._obey(entry)
            return
        self._outcomes["unknown_namespace"].inc(len(entries))
        if namespace not in self._unknown_namespaces and len(self._unknown_namespaces) < 100:
            self._unknown_namespaces.add(namespace)
            log.warning("records for the namespace %r reach nobody: QUEUECAST_NAMESPACES lacks it", namespace)

    def _obey(self, entry: Entry) -> None:
        try:
            concerned = self._commands.obey(read_command(entry.address))
        except BadRecord as exc:
            self._outcomes["malformed"].inc()
            log.error("the command %s was skipped: %s", entry.offset, exc)
        else:
            self._outcomes["delivered" if concerned else "nobody_here"].inc()

    def _hear_canary(self, entry: Entry) -> None:
        with suppress(BadRecord):
            sent_ms = entry.record.sent_ms
            if sent_ms is not None:
                self._metrics.canary_age.set_function(lambda: time.time() - sent_ms / 1000)
