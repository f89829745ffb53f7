"""Records of the bus go to this replica's browsers here, in the order in which they were stored."""

import logging
import time
from collections import Counter

from queuecast_bus import BadRecord, Batch, Entry
from queuecast_bus.manager import PROBE_NAMESPACE
from queuecast_bus.record import Address, offset_ms
from queuecast_gateway.board import Board
from queuecast_gateway.engine.outbox import Outbox
from queuecast_gateway.engine.session import Session
from queuecast_gateway.metrics import RECORD_OUTCOMES, Metrics
from queuecast_gateway.packet import record_frames
from queuecast_gateway.probe import Probe
from queuecast_gateway.rooms import Rooms

log = logging.getLogger(__name__)


class Fanout:
    """Matches each record with the browsers that should see it, and says on metrics what became of it."""

    def __init__(
        self,
        rooms: Rooms,
        outbox: Outbox,
        probe: Probe,
        board: Board,
        metrics: Metrics,
        namespaces: frozenset[str],
    ) -> None:
        self._rooms = rooms
        self._outbox = outbox
        self._probe = probe
        self._board = board
        self._metrics = metrics
        self._namespaces = namespaces
        self._unknown_namespaces: set[str] = set()
        self._outcomes = {outcome: metrics.records.labels(outcome) for outcome in RECORD_OUTCOMES}

    def deliver(self, batch: Batch) -> None:
        """Hand every record of the batch to its browsers on this replica."""
        if batch.resumed:
            self._metrics.resumes.inc()
        if batch.gap is not None:
            self._metrics.gaps.labels(batch.gap.reason).inc()
            log.error(
                "records between %s and %s can never be read here (%s)",
                batch.gap.after,
                batch.gap.before,
                batch.gap.reason,
            )
        outcomes = Counter(malformed=batch.malformed)
        if batch.entries:
            oldest = offset_ms(batch.entries[0].offset) / 1000
            self._metrics.bus_lag.observe(max(0.0, time.time() - oldest))
        address: Address | None = None
        sessions: list[Session] = []
        run: list[bytes] = []
        for entry in batch.entries:
            here = entry.address
            if here.namespace == PROBE_NAMESPACE:
                self._hear(entry)
                continue
            if here != address:
                self._put(run, sessions)
                address, run = here, []
                # A record for the board's namespace must not look like the gateway's own figures.
                sessions = self._rooms.sessions(*here) if here.namespace in self._namespaces else []
            outcome = self._frame(entry, run) if sessions else self._nobody(here.namespace)
            outcomes[outcome] += 1
        self._put(run, sessions)
        for outcome, count in outcomes.items():
            self._outcomes[outcome].inc(count)

    def _put(self, run: list[bytes], sessions: list[Session]) -> None:
        if run:
            # One piece for each session, however many records follow one another to the same rooms.
            self._outbox.put(run[0] if len(run) == 1 else b"".join(run), sessions)
            self._metrics.events_delivered.inc(len(run) * len(sessions))

    def _frame(self, entry: Entry, run: list[bytes]) -> str:
        try:
            record = entry.record
            run.append(record_frames(record))
        except BadRecord as exc:
            log.error("the record %s was skipped: %s", entry.offset, exc)
            return "malformed"
        if record.sent_ms is not None:
            seconds = max(0.0, time.time() - record.sent_ms / 1000)
            self._metrics.delivery.labels("true" if record.redelivered else "false").observe(seconds)
            self._board.delivered(seconds)
        return "delivered"

    def _nobody(self, namespace: str) -> str:
        if namespace in self._namespaces:
            return "nobody_here"
        if namespace not in self._unknown_namespaces and len(self._unknown_namespaces) < 100:
            self._unknown_namespaces.add(namespace)
            log.warning("records for the namespace %r reach nobody: QUEUECAST_NAMESPACES lacks it", namespace)
        return "unknown_namespace"

    def _hear(self, entry: Entry) -> None:
        if self._probe.is_own(entry.address):
            self._probe.heard()
            self._metrics.bus_heard.set_to_current_time()
