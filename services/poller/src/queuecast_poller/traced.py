"""Variants of the queue and the intake that trace messages: one span each, from received to stored.

The span continues the sender's trace if the message names one, in the attribute `traceparent` or in X-Ray's
header; otherwise it begins a trace. The record carries it on, so that a gateway's span becomes its child.
https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any

from queuecast_bus import Stored
from queuecast_bus.record import TracedRecord
from queuecast_edge.spans import Span, Traces
from queuecast_edge.trace_context import TraceContext, read_traceparent, read_xray
from queuecast_poller.intake.intake import Intake
from queuecast_poller.judge.verdict import Leave, Publish
from queuecast_poller.route.model import queue_name
from queuecast_poller.sqs.message import Arrival, Message
from queuecast_poller.sqs.queue import SqsQueue

XRAY = "AWSTraceHeader"


class TracedQueue(SqsQueue):
    """A queue whose messages carry their arrival time and their sender's span."""

    system_attributes = (*SqsQueue.system_attributes, XRAY)

    def _message(self, raw: dict[str, Any]) -> Message:
        return super()._message(raw)._replace(arrival=Arrival(time.time_ns(), _parent(raw)))


class TracedIntake(Intake):
    """An intake that makes a span of each message of the queue `name`."""

    def __init__(self, traces: Traces, name: str, *parts: Any) -> None:
        super().__init__(*parts)
        self._traces = traces
        queue = queue_name(name)
        self._span_name = f"process {queue}"
        self._attributes: Mapping[str, str] = {
            "messaging.system": "aws_sqs",
            "messaging.destination.name": queue,
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
        }

    def _leave(self, verdict: Leave) -> None:
        super()._leave(verdict)
        self._begin(verdict.message).end(time.time_ns(), error=verdict.reason)

    async def _store(
        self, verdicts: Sequence[Publish], handles: Sequence[str], stop: asyncio.Event
    ) -> Sequence[Stored] | None:
        spans = [self._begin(verdict.message) for verdict in verdicts]
        traced = [
            verdict._replace(record=TracedRecord.from_record(verdict.record, span.traceparent))
            for verdict, span in zip(verdicts, spans, strict=True)
        ]
        stored = await super()._store(traced, handles, stop)
        ended = time.time_ns()
        for span, answer in zip(spans, repeat(None) if stored is None else stored):  # noqa: B905, one is endless
            if answer is None:
                span.end(ended, error="returned")
            else:
                span.end(ended, attributes={"queuecast.duplicate": answer.duplicate})
        return stored

    def _begin(self, message: Message) -> Span:
        arrival = message.arrival or Arrival(time.time_ns())
        attributes = {**self._attributes, "messaging.message.id": message.id}
        return self._traces.begin(self._span_name, "consumer", arrival.at_ns, arrival.parent, attributes)


def _parent(raw: Mapping[str, Any]) -> TraceContext | None:
    """Return the span that a message's sender has named, None if there is none."""
    traceparent = raw.get("MessageAttributes", {}).get("traceparent", {}).get("StringValue", "")
    return read_traceparent(traceparent) or read_xray(raw.get("Attributes", {}).get(XRAY, ""))
