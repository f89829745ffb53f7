"""Delivers records of the bus to this replica's browsers, in the order in which they were stored."""

import asyncio
import logging
import time
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from contextlib import suppress

from queuecast_bus import BadRecord, Batch, Entries, Entry, Gap, Record
from queuecast_bus.command import read_command
from queuecast_bus.names import (
    AWAITED_PREFIX,
    CANARY_NAMESPACE,
    COMMAND_NAMESPACE,
    PROBE_NAMESPACE,
    ROLL_CALL_NAMESPACE,
    VOLATILE_PREFIX,
)
from queuecast_bus.record import Address, offset_ms
from queuecast_gateway.delivery.awaited_events import AwaitedEvents
from queuecast_gateway.delivery.commands import Commands
from queuecast_gateway.delivery.compression import Piece
from queuecast_gateway.delivery.rooms import NOBODY, Audience, Rooms
from queuecast_gateway.delivery.write_delay import Round, WriteDelay
from queuecast_gateway.engine.outbox import Outbox
from queuecast_gateway.metrics import RECORD_OUTCOMES, Metrics
from queuecast_gateway.replica.board import Board
from queuecast_gateway.replica.bus_probe import BusProbe
from queuecast_gateway.wire.packet import record_frames

log = logging.getLogger(__name__)


class Fanout:
    """Matches each record with the browsers that should receive it, and counts the outcome."""

    def __init__(
        self,
        rooms: Rooms,
        outbox: Outbox,
        probe: BusProbe,
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
        self._round = Round()
        self._unknown_namespaces: set[str] = set()
        self._outcomes = {outcome: metrics.records.labels(outcome) for outcome in RECORD_OUTCOMES}
        self._delivery = [metrics.delivery.labels(redelivered) for redelivered in ("false", "true")]

    async def follow(self, batches: AsyncIterable[Batch], delay: WriteDelay) -> None:
        """Deliver one batch after another, with a delay after each in which further records gather."""
        async for batch in batches:
            began = time.perf_counter()
            self._round = Round()
            self.deliver(batch)
            writes = self._outbox.flush()  # at once, and not in another turn of the loop
            del batch  # its memory is free for the next one
            took = time.perf_counter() - began
            await asyncio.sleep(delay.after(began, took, self._round.shared(writes)))

    def deliver(self, batch: Batch) -> None:
        """Hand each record of the batch to its browsers on this replica."""
        if batch.resumed:
            self._metrics.resumes.inc()
        if batch.gap is not None:
            self._rooms.history.begin(batch.gap.before)
            self._on_gap(batch.gap)
            self._metrics.gaps.labels(batch.gap.reason).inc()
            log.error(
                "records between %s and %s can no longer be read (%s)",
                batch.gap.after,
                batch.gap.before,
                batch.gap.reason,
            )
        if batch.entries:
            oldest = offset_ms(batch.entries[0].offset) / 1000
            self._metrics.bus_lag.observe(max(0.0, self._rooms.clock.now() - oldest))
        began = time.perf_counter()
        wanted, is_delivered = self._hand_over(batch.entries)
        self._outcomes["malformed"].inc(batch.malformed)
        if is_delivered:
            self._metrics.fanout.observe(time.perf_counter() - began)
        self._rooms.history.add(batch, wanted)

    def _hand_over(self, entries: Entries) -> tuple[list[int], bool]:
        """Hand records to whom they are for. Return the places of those whose text may be needed again, and
        whether any was delivered.
        """
        wanted: list[int] = []
        run: list[int] = []
        handled = 0
        is_delivered = False
        tables = {name: self._rooms.rooms.get(name, {}) for name in self._namespaces}
        tables |= {VOLATILE_PREFIX + name: table for name, table in tables.items()}
        for place, address in enumerate(entries.addresses):
            namespace, rooms, _ = address
            table = tables.get(namespace)
            if table is not None and len(rooms) == 1 and rooms[0] not in table:
                continue  # nobody is in this room: on most replicas that is most records
            handled += 1
            if run and entries.addresses[run[0]] != address:
                is_delivered |= self._send_run(entries, run, wanted)
                run = []
            if table is not None:
                run.append(place)
            else:
                # The board's too: a record must not pass for the gateway's own figures.
                self._handle_internal(entries[place])
                wanted.append(place)
        if run:
            is_delivered |= self._send_run(entries, run, wanted)
        self._outcomes["nobody_here"].inc(len(entries) - handled)
        return wanted, is_delivered

    def _send_run(self, entries: Entries, run: Sequence[int], wanted: list[int]) -> bool:
        """Deliver consecutive records to the same rooms: they are written to each session in one piece."""
        address = entries.addresses[run[0]]
        namespace = address.namespace.removeprefix(VOLATILE_PREFIX)
        audience = self._rooms.audience(namespace, address.rooms, address.skip_sids)
        if audience is NOBODY:
            self._outcomes["nobody_here"].inc(len(run))
            return False
        self._send([entries[place] for place in run], audience)
        if namespace == address.namespace:
            wanted += run
        return True

    def _send(self, entries: Iterable[Entry], audience: Audience) -> list[Entry]:
        """Hand records to their audience; return those that could be read."""
        delivered: list[Entry] = []
        is_watched = self._board.is_watched
        pieces: tuple[list[Piece], list[Piece]] = [], []
        for entry in entries:
            try:
                record = entry.record
                if audience.recoverable:
                    pieces[0].append(Piece(self._frames(entry, record), entry.offset))
                if audience.plain:
                    pieces[1].append(Piece(record_frames(record, None, self._rooms.history.max_event_bytes)))
            except BadRecord as exc:
                self._outcomes["malformed"].inc()
                self._rooms.history.on_skipped(f"the record {entry.offset}", exc)
                continue
            delivered.append(entry)
            if record.sent_ms is not None:
                seconds = max(0.0, self._rooms.clock.now() - record.sent_ms / 1000)
                self._delivery[record.redelivered].observe(seconds)
            if is_watched:
                self._board.delivered(entry.offset, record.sent_ms, self._rooms.clock.now())
        self._outcomes["delivered"].inc(len(delivered))
        self._round.add([entry.offset for entry in delivered], sum(map(len, audience)))
        for run, sessions in zip(pieces, audience, strict=True):
            if run:
                self._rooms.compression.put(self._outbox, run, sessions)
                self._metrics.events_delivered.inc(len(run) * len(sessions))
        return delivered

    def _frames(self, entry: Entry, record: Record) -> bytes:
        """Return the frames of an event with its offset; they are kept unless it is volatile."""
        history = self._rooms.history
        if record.volatile:
            return record_frames(record, entry.offset, history.max_event_bytes)
        return history.frames(entry, record)

    def _handle_internal(self, entry: Entry) -> None:
        address = entry.address
        namespace = address.namespace
        if namespace == PROBE_NAMESPACE:
            if self._probe.is_own(address):
                self._probe.received()
                self._metrics.bus_heard.set(self._rooms.clock.now())
            return
        if namespace == CANARY_NAMESPACE:
            self._handle_canary(entry)
            return
        if namespace == COMMAND_NAMESPACE:
            self._run_command(entry)
            return
        if namespace.startswith(AWAITED_PREFIX) and self._rooms.awaited is not None:
            plain = address._replace(namespace=namespace.removeprefix(AWAITED_PREFIX))
            if plain.namespace == ROLL_CALL_NAMESPACE:
                self._answer_roll_call(entry, self._rooms.awaited)
                return
            if plain.namespace in self._namespaces:
                self._send_awaited(entry, plain, self._rooms.awaited)
                return
        self._outcomes["unknown_namespace"].inc()
        if namespace not in self._unknown_namespaces and len(self._unknown_namespaces) < 100:
            self._unknown_namespaces.add(namespace)
            log.warning(
                "records for the namespace %r are not delivered: it is not in QUEUECAST_NAMESPACES", namespace
            )

    def _answer_roll_call(self, entry: Entry, awaited: AwaitedEvents) -> None:
        """Tell a poller in which of the places it asks for somebody is."""
        with suppress(BadRecord):
            if (wanted := entry.record.ack) is not None:
                awaited.answer(wanted, filter(self._rooms.is_anybody_in, entry.address.rooms))

    def _send_awaited(self, entry: Entry, address: Address, awaited: AwaitedEvents) -> None:
        """Deliver an event that has to be acknowledged, and note who was sent it, even if that is nobody."""
        try:
            record = entry.record
            if record.ack is None:
                raise BadRecord("it does not say who waits for it")
        except BadRecord as exc:
            self._outcomes["malformed"].inc()
            self._rooms.history.on_skipped(f"the record {entry.offset}", exc)
            return
        if not awaited.may_begin(record):
            return
        audience = self._rooms.audience(*address)
        if audience is NOBODY:
            self._outcomes["nobody_here"].inc()
            awaited.begin(entry.offset, record, ())
        else:
            is_sent = self._send((entry,), audience)
            sids = self._rooms.sids(address.namespace, address.rooms) - {*address.skip_sids}
            awaited.begin(entry.offset, record, sids if is_sent else ())

    def _run_command(self, entry: Entry) -> None:
        try:
            count = self._commands.apply(read_command(entry.address))
        except BadRecord as exc:
            self._outcomes["malformed"].inc()
            log.error("the command %s was skipped: %s", entry.offset, exc)
        else:
            self._outcomes["delivered" if count else "nobody_here"].inc()

    def _handle_canary(self, entry: Entry) -> None:
        with suppress(BadRecord):
            sent_ms = entry.record.sent_ms
            if sent_ms is not None:
                age, arrived = max(0.0, self._rooms.clock.now() - sent_ms / 1000), time.monotonic()
                self._metrics.canary_age.set_function(lambda: age + time.monotonic() - arrived)
