"""Spans that are kept where they are made, for tests that look at them."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from queuecast_edge.otlp import OtlpTraces

SENDER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
"""The span of a producer."""


class KeptTraces(OtlpTraces):
    """Traces whose ended spans are in `ended`, in the order in which they ended."""

    def __init__(self, package: str) -> None:
        self._kept = InMemorySpanExporter()
        super().__init__(package, "replica-1", SimpleSpanProcessor(self._kept))

    @property
    def ended(self) -> list[ReadableSpan]:
        return list(self._kept.get_finished_spans())


def named(span: ReadableSpan) -> str:
    """Return how others name a span."""
    context = span.get_span_context()
    assert context is not None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def parent(span: ReadableSpan) -> str | None:
    """Return how others name its parent, None if it has none."""
    above = span.parent
    if above is None:
        return None
    return f"00-{above.trace_id:032x}-{above.span_id:016x}-{above.trace_flags:02x}"


def attributes(span: ReadableSpan) -> Mapping[str, Any]:
    assert span.attributes is not None
    return span.attributes
