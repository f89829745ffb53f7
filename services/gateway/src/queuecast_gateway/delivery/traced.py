"""The bus and the fan-out with tracing.

A record that carries a trace context gets a span from read to handed over, if a client here receives it; an
event that a client here relays begins a trace. The client's own trace context is ignored: it could put its
events into any trace. That of a request to the HTTP API is the parent: its holder has a token. Spans do not
contain rooms or sessions.
https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any

from queuecast_bus import Batch, BusUnavailable, Entry, Record, Stored
from queuecast_bus.record import TracedRecord
from queuecast_edge.spans import Attributes, Span, Traces
from queuecast_edge.trace_context import read_traceparent
from queuecast_gateway.delivery.fanout import Fanout
from queuecast_gateway.delivery.gateway_bus import GatewayBus
from queuecast_gateway.delivery.rooms import Audience
from queuecast_gateway.settings import Settings


class TracedBus(GatewayBus):
    """A bus that begins a trace for each event published here, or goes on with that of its record."""

    is_traced = True

    def __init__(self, traces: Traces, settings: Settings) -> None:
        super().__init__(settings)
        self._traces = traces
        self._channel = settings.channel

    async def publish(self, batch: Sequence[tuple[Record, str | None]]) -> list[Stored]:
        spans: list[Span] = []
        traced: list[tuple[Record, str | None]] = []
        for record, dedup_id in batch:
            if record.namespace.startswith("/"):  # from a browser or the API, not from the probe
                spans.append(self._begin(record))
                record = TracedRecord.from_record(record, spans[-1].traceparent)
            traced.append((record, dedup_id))
        error = None
        try:
            return await super().publish(traced)
        except BusUnavailable:
            error = "bus_unavailable"
            raise
        finally:
            ended = time.time_ns()
            for span in spans:
                span.end(ended, error=error)

    def _begin(self, record: Record) -> Span:
        parent = read_traceparent(record.traceparent) if isinstance(record, TracedRecord) else None
        return self._traces.begin(
            f"publish {self._channel}",
            "producer",
            time.time_ns(),
            parent,
            {
                **_operation(self._channel, "publish", "send"),
                "queuecast.namespace": record.namespace,
                "queuecast.event": record.event,
            },
        )


class TracedFanout(Fanout):
    """A fan-out with a span for each record that it hands over and that carries a trace context."""

    def __init__(self, traces: Traces, channel: str, *parts: Any) -> None:
        super().__init__(*parts)
        self._traces = traces
        self._span_name = f"deliver {channel}"
        self._attributes = _operation(channel, "deliver", "process")
        self._read_ns = 0

    def deliver(self, batch: Batch) -> None:
        self._read_ns = time.time_ns()
        super().deliver(batch)

    def _send(self, entries: Iterable[Entry], audience: Audience) -> list[Entry]:
        delivered = super()._send(entries, audience)
        ended = time.time_ns()
        recipients = len(audience.recoverable) + len(audience.plain)
        for entry in delivered:
            parent = read_traceparent(entry.traceparent or "")
            if parent is not None:
                attributes = {
                    **self._attributes,
                    "messaging.message.id": entry.offset,
                    "queuecast.namespace": entry.record.namespace,
                    "queuecast.event": entry.record.event,
                    "queuecast.recipients": recipients,
                }
                self._traces.begin(self._span_name, "consumer", self._read_ns, parent, attributes).end(ended)
        return delivered


def _operation(channel: str, name: str, kind: str) -> Attributes:
    return {
        "messaging.system": "redis",
        "messaging.destination.name": channel,
        "messaging.operation.name": name,
        "messaging.operation.type": kind,
    }
