"""Traces by OpenTelemetry's SDK, exported over OTLP/HTTP. Nobody else knows the SDK.

It reads its own variables: `OTEL_EXPORTER_OTLP_*`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_*`, …
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import logging
import threading
from collections.abc import Sequence
from importlib.metadata import version

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace import Span as SdkSpan

from queuecast_edge.trace_context import TraceContext
from queuecast_edge.traces import Attributes, Kind

log = logging.getLogger(__name__)

FLUSH_SECONDS = 2.0
"""How long the end of a process waits until its last spans are exported."""

SDK_LOGGERS = (trace_exporter.__name__, "opentelemetry.sdk._shared_internal")
"""What the SDK says of every batch that it could not export, and of spans for which its queue has no room."""

_KINDS = {"consumer": SpanKind.CONSUMER, "producer": SpanKind.PRODUCER}


class OtlpSpan:
    """`traces.Span` on the SDK's."""

    def __init__(self, span: SdkSpan) -> None:
        self._span = span

    @property
    def traceparent(self) -> str:
        context = self._span.get_span_context()
        names = f"{context.trace_id:032x}", f"{context.span_id:016x}"
        return TraceContext(*names, context.trace_flags).to_text()

    def end(self, at_ns: int, *, error: str | None = None, attributes: Attributes | None = None) -> None:
        if attributes:
            self._span.set_attributes(attributes)
        if error is not None:
            self._span.set_attribute("error.type", error)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end(at_ns)


class OtlpTraces:
    """`traces.Traces` on the SDK's tracer; what `processor` does with spans is its own business."""

    def __init__(self, package: str, replica: str, processor: SpanProcessor) -> None:
        name = package.replace("_", "-")
        own = {"service.name": name, "service.version": version(name), "service.instance.id": replica}
        # The SDK's words, then ours, then the operator's: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES.
        resource = Resource.create().merge(Resource(own)).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer(package, version(name))

    def begin(
        self, name: str, kind: Kind, at_ns: int, parent: TraceContext | None, attributes: Attributes
    ) -> OtlpSpan:
        context = Context() if parent is None else _within(parent)
        return OtlpSpan(
            self._tracer.start_span(name, context, kind=_KINDS[kind], attributes=attributes, start_time=at_ns)
        )

    def close(self) -> None:
        """Export what is left, for `FLUSH_SECONDS` at most: a collector that hangs must not hold us up."""
        # A daemon, for one that still waits then: the process ends without it.
        closing = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        closing.start()
        closing.join(FLUSH_SECONDS)
        if closing.is_alive():
            log.warning("the last spans were not taken within %g s and are lost", FLUSH_SECONDS)


class Export(SpanExporter):
    """An exporter that logs one line when spans begin to be lost, and one when that is over.

    It is called by one thread at a time. The SDK's own lines, several for each batch, are kept back: the
    first is the reason in ours.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._lost = 0
        self._reason = ""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._reason = ""
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            if not self._lost:
                log.warning(
                    "spans are lost until they can be exported: %s", self._reason or "no reason given"
                )
            self._lost += len(spans)
        elif self._lost:
            log.info("spans are exported again, at least %d were lost", self._lost)
            self._lost = 0
        return result

    def hear(self, line: logging.LogRecord) -> bool:
        """Take in a line of the SDK's; say whether it is to be logged."""
        if line.name == trace_exporter.__name__:
            self._reason = self._reason or line.getMessage()
            return False
        # That the queue is full is news only while somebody takes from it.
        return not self._lost or line.levelno > logging.WARNING

    def shutdown(self) -> None:
        self._exporter.shutdown()


def exported(package: str, replica: str) -> OtlpTraces:
    """Return traces that a thread of the SDK's exports, as its variables say."""
    export = Export(OTLPSpanExporter())
    for name in SDK_LOGGERS:
        logging.getLogger(name).addFilter(export.hear)
    return OtlpTraces(package, replica, BatchSpanProcessor(export))


def _within(parent: TraceContext) -> Context:
    ids = int(parent.trace_id, 16), int(parent.span_id, 16)
    span = SpanContext(*ids, is_remote=True, trace_flags=TraceFlags(parent.flags))
    return set_span_in_context(NonRecordingSpan(span), Context())
