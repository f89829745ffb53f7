"""Records of the bus go to this replica's browsers here, in the order in which they were stored."""

import logging
import time

from queuecast_bus import BadRecord, Batch, Entry, Record
from queuecast_bus.manager import PROBE_NAMESPACE, load_arguments
from queuecast_bus.record import offset_ms
from queuecast_gateway.board import Board
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.probe import Probe
from queuecast_gateway.server import SocketServer

log = logging.getLogger(__name__)


class Fanout:
    """Matches each record with the browsers that should see it, and says on metrics what became of it."""

    def __init__(self, server: SocketServer, probe: Probe, board: Board, metrics: Metrics) -> None:
        self._server = server
        self._probe = probe
        self._board = board
        self._metrics = metrics
        self._unknown_namespaces: set[str] = set()

    async def deliver(self, batch: Batch) -> None:
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
        self._metrics.records.labels("malformed").inc(batch.malformed)
        now = time.time()
        for entry in batch.entries:
            self._metrics.bus_lag.observe(max(0.0, now - offset_ms(entry.offset) / 1000))
            if entry.record.namespace == PROBE_NAMESPACE:
                self._hear(entry.record)
            else:
                self._metrics.records.labels(await self._deliver_one(entry)).inc()

    def _hear(self, record: Record) -> None:
        if self._probe.is_own(record):
            self._probe.heard()
            self._metrics.bus_heard.set_to_current_time()

    async def _deliver_one(self, entry: Entry) -> str:
        record = entry.record
        if not self._server.serves(record.namespace):
            self._warn_of(record.namespace)
            return "unknown_namespace"
        try:
            recipients = await self._server.deliver(
                record.event, load_arguments(record), record.namespace, record.rooms, record.skip_sids
            )
        except BadRecord as exc:
            log.error("the record %s was skipped: %s", entry.offset, exc)
            return "malformed"
        if not recipients:
            return "nobody_here"
        self._metrics.events_delivered.inc(recipients)
        if record.sent_ms is not None:
            seconds = max(0.0, time.time() - record.sent_ms / 1000)
            self._metrics.delivery.labels("true" if record.redelivered else "false").observe(seconds)
            self._board.delivered(seconds)
        return "delivered"

    def _warn_of(self, namespace: str) -> None:
        if namespace not in self._unknown_namespaces and len(self._unknown_namespaces) < 100:
            self._unknown_namespaces.add(namespace)
            log.warning("records for the namespace %r reach nobody: QUEUECAST_NAMESPACES lacks it", namespace)
