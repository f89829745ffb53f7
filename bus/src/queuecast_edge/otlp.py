"""Traces by OpenTelemetry's SDK, exported over OTLP/HTTP. No other module uses the SDK.

The SDK reads variables of its own: `OTEL_EXPORTER_OTLP_*`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_*`, …
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import logging
import threading
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

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
from requests import Session
from requests.adapters import HTTPAdapter

from queuecast_edge.spans import Attributes, Kind
from queuecast_edge.tls import client_context
from queuecast_edge.trace_context import TraceContext

log = logging.getLogger(__name__)

FLUSH_SECONDS = 2.0
"""How long a process that ends waits until its last spans are exported."""

SDK_LOGGERS = (trace_exporter.__name__, "opentelemetry.sdk._shared_internal")
"""The SDK's loggers for batches that it cannot export, and for spans for which its queue has no room."""

_KINDS = {"consumer": SpanKind.CONSUMER, "producer": SpanKind.PRODUCER}


class OtlpSpan:
    """`spans.Span` by means of the SDK's."""

    def __init__(self, span: SdkSpan) -> None:
        self._span = span

    @property
    def traceparent(self) -> str:
        context = self._span.get_span_context()
        ids = f"{context.trace_id:032x}", f"{context.span_id:016x}"
        return TraceContext(*ids, context.trace_flags).to_text()

    def end(self, at_ns: int, *, error: str | None = None, attributes: Attributes | None = None) -> None:
        if attributes:
            self._span.set_attributes(attributes)
        if error is not None:
            self._span.set_attribute("error.type", error)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end(at_ns)


class OtlpTraces:
    """`spans.Traces` by means of the SDK's tracer. `processor` receives the spans that end."""

    def __init__(self, package: str, replica: str, processor: SpanProcessor) -> None:
        name = package.replace("_", "-")
        service = {"service.name": name, "service.version": version(name), "service.instance.id": replica}
        # Later ones win: the SDK's, ours, the operator's (OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES).
        resource = Resource.create().merge(Resource(service)).merge(OTELResourceDetector().detect())
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
        """Export what is left, for `FLUSH_SECONDS` at most: a hanging collector must not delay the exit."""
        # A daemon thread, so that the process ends even if it still waits then.
        closing = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        closing.start()
        closing.join(FLUSH_SECONDS)
        if closing.is_alive():
            log.warning("the last spans were not exported within %g s and are lost", FLUSH_SECONDS)


class Export(SpanExporter):
    """An exporter that logs one line when spans begin to be lost, and one when they are exported again.

    One thread at a time calls it. The SDK's own log lines, several for each batch, are suppressed; the first
    of them is the reason in ours.
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

    def capture(self, line: logging.LogRecord) -> bool:
        """Inspect a log line of the SDK's; return whether it is to be logged."""
        if line.name == trace_exporter.__name__:
            self._reason = self._reason or line.getMessage()
            return False
        # While exports fail, a full queue is no news.
        return not self._lost or line.levelno > logging.WARNING

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _Adapter(HTTPAdapter):
    """HTTPS to a collector, whose certificate often comes from a private authority."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **{**options, "ssl_context": client_context()})


def exporting_traces(package: str, replica: str) -> OtlpTraces:
    """Return traces that a thread of the SDK exports as the SDK's variables say."""
    session = Session()
    session.mount("https://", _Adapter())
    export = Export(OTLPSpanExporter(session=session))
    for name in SDK_LOGGERS:
        logging.getLogger(name).addFilter(export.capture)
    return OtlpTraces(package, replica, BatchSpanProcessor(export))


def _within(parent: TraceContext) -> Context:
    ids = int(parent.trace_id, 16), int(parent.span_id, 16)
    span = SpanContext(*ids, is_remote=True, trace_flags=TraceFlags(parent.flags))
    return set_span_in_context(NonRecordingSpan(span), Context())
