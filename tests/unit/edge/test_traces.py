"""Traces with the SDK, and what they cost while they are off."""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span
from tests.unit.spans import SENDER, KeptTraces, attributes, named, parent

from queuecast_edge import otlp, traces
from queuecast_edge.environment import SettingsError, read
from queuecast_edge.otlp import SDK_LOGGERS, Export, OtlpTraces
from queuecast_edge.settings import EdgeSettings
from queuecast_edge.trace_context import read_traceparent

OFF, ON = EdgeSettings(), EdgeSettings(traces="otlp")

WITHOUT_PACKAGES = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Missing())
"""


def python(code: str) -> str:
    """Return what a new interpreter prints."""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


SERVICES = """
import queuecast_gateway.app, queuecast_poller.app
from queuecast_edge.settings import EdgeSettings
from queuecast_edge.traces import open_traces
with open_traces("queuecast_poller", EdgeSettings()) as traces:
    print(traces)
"""


def test_without_traces_nothing_is_imported_for_them() -> None:
    """Imports would cost memory and a second at the start. What redis-py imports itself does not count."""
    theirs = ("queuecast_edge.otlp", "opentelemetry.sdk.trace", "opentelemetry.exporter")
    assert python(f"import sys\n{SERVICES}\nprint([m for m in {theirs} if m in sys.modules])") == "None\n[]"


def test_without_traces_their_packages_are_not_needed() -> None:
    """The images have none of them."""
    code = f"{WITHOUT_PACKAGES}\n{SERVICES}\nprint([m for m in sys.modules if m.startswith('opentelemetry')])"
    assert python(code) == "None\n[]"


def test_traces_without_their_packages_are_a_mistake_that_names_the_fix() -> None:
    """Somebody may turn traces on in an image that was built without them."""
    code = f"""{WITHOUT_PACKAGES}
from queuecast_edge.environment import SettingsError, read
from queuecast_edge.settings import EdgeSettings
try:
    read(EdgeSettings, {{"QUEUECAST_TRACES": "otlp"}})
except SettingsError as exc:
    print(exc)
"""
    output = python(code)
    assert output.startswith("QUEUECAST_TRACES: the packages for it are not installed")
    assert "--build-arg TRACES=1" in output
    assert "requirements/traces.txt" in output


@pytest.mark.parametrize("value", ["true", "jaeger", "OTLP"])
def test_there_is_one_kind_of_traces(value: str) -> None:
    """A value without meaning must not read as "off"."""
    with pytest.raises(SettingsError, match="QUEUECAST_TRACES"):
        read(EdgeSettings, {"QUEUECAST_TRACES": value})


def test_the_sdks_own_switch_turns_them_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would make spans without ids, which no record may carry."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "TRUE")
    with traces.open_traces("queuecast_poller", ON) as opened:
        assert opened is None
    with traces.open_traces("queuecast_poller", OFF) as opened:
        assert opened is None


def test_a_span_has_its_moments_its_parent_and_its_words() -> None:
    """What the services pass in is what the collector receives."""
    kept = KeptTraces("queuecast_poller")
    begun = kept.begin("process orders", "consumer", 5, read_traceparent(SENDER), {"a": 1})
    begun.end(9, attributes={"b": True})
    (span,) = kept.ended
    assert (span.name, span.start_time, span.end_time) == ("process orders", 5, 9)
    assert span.kind.name == "CONSUMER"
    assert parent(span) == SENDER
    assert named(span)[:36] == SENDER[:36], "the same trace"
    assert begun.traceparent == named(span)
    assert attributes(span) == {"a": 1, "b": True}
    assert span.status.is_unset


def test_a_span_without_a_parent_begins_a_trace() -> None:
    """Even if other code has made a span current in this thread."""
    kept = KeptTraces("queuecast_gateway")
    foreign = SpanContext(7, 7, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    with use_span(NonRecordingSpan(foreign)):
        for _ in range(2):
            kept.begin("publish socketio", "producer", 5, None, {}).end(9, error="bus_unavailable")
    one, other = kept.ended
    assert parent(one) is None
    assert named(one)[:36] != named(other)[:36]
    assert attributes(one) == {"error.type": "bus_unavailable"}
    assert not one.status.is_ok


def test_a_trace_that_its_sender_does_not_keep_is_not_kept_here() -> None:
    """The decision is passed on, or each service would decide again."""
    kept = KeptTraces("queuecast_poller")
    begun = kept.begin("process orders", "consumer", 5, read_traceparent(f"{SENDER[:-2]}00"), {})
    begun.end(9)
    assert kept.ended == []
    assert begun.traceparent[:36] == SENDER[:36]
    assert begun.traceparent.endswith("-00")


def test_the_sdks_variable_sets_how_many_new_traces_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here half of the new ones, and all that their sender keeps."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    kept = KeptTraces("queuecast_poller")
    kept.begin("new", "consumer", 5, None, {}).end(9)
    kept.begin("sent", "consumer", 5, read_traceparent(SENDER), {}).end(9)
    assert [span.name for span in kept.ended] == ["sent"]


def test_spans_say_which_process_made_them_unless_the_operator_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A backend groups by service, and an operator may have a naming convention."""

    def resource() -> dict[str, object]:
        kept = KeptTraces("queuecast_poller")
        kept.begin("a", "consumer", 5, None, {}).end(9)
        return dict(kept.ended[0].resource.attributes)

    assert resource()["service.name"] == "queuecast-poller"
    assert resource()["service.instance.id"] == "replica-1"
    assert resource()["telemetry.sdk.name"] == "opentelemetry"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop-poller")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=staging")
    assert resource()["service.name"] == "shop-poller"
    assert resource()["deployment.environment.name"] == "staging"


class Collector(SpanExporter):
    """An exporter that fails as often as it is set to, with the SDK's log lines, or hangs."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.tries = 0
        self.released = threading.Event()
        self.released.set()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.released.wait(60)
        self.tries += 1
        if self.tries > self.failures:
            return SpanExportResult.SUCCESS
        sdk = logging.getLogger(SDK_LOGGERS[0])
        sdk.warning("Transient error nobody there encountered")
        sdk.error("Failed to export")
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        pass


@pytest.fixture
def heard() -> Iterator[list[Export]]:
    """Exports that capture the SDK's log lines until the end of the test."""
    exports: list[Export] = []
    yield exports
    for export in exports:
        for name in SDK_LOGGERS:
            logging.getLogger(name).removeFilter(export.capture)


def listening(collector: SpanExporter, heard: list[Export]) -> Export:
    heard.append(Export(collector))
    for name in SDK_LOGGERS:
        logging.getLogger(name).addFilter(heard[-1].capture)
    return heard[-1]


def test_a_collector_that_is_down_is_one_line_and_that_it_is_back_another(
    caplog: pytest.LogCaptureFixture, heard: list[Export]
) -> None:
    """The SDK's several lines for each batch would fill the log during an outage."""
    caplog.set_level(logging.INFO)
    export = listening(Collector(failures=5), heard)
    span = KeptTraces("queuecast_poller")
    span.begin("a", "consumer", 5, None, {}).end(9)
    for _ in range(7):
        export.export(span.ended)
    assert [record.getMessage() for record in caplog.records] == [
        "spans are lost until they can be exported: Transient error nobody there encountered",
        "spans are exported again, at least 5 were lost",
    ]


def test_nobody_waits_for_a_collector_that_hangs(
    caplog: pytest.LogCaptureFixture, heard: list[Export], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spans that do not fit into the queue are dropped with a log line, and the exit waits for a limited
    time.
    """
    monkeypatch.setattr(otlp, "FLUSH_SECONDS", 0.05)
    collector = Collector()
    collector.released.clear()
    processor = BatchSpanProcessor(listening(collector, heard), max_queue_size=8, max_export_batch_size=4)
    hanging = OtlpTraces("queuecast_poller", "replica-1", processor)
    for _ in range(100):
        hanging.begin("a", "consumer", 5, None, {}).end(9)
    hanging.close()
    assert "Queue full, dropping Span." in caplog.text
    assert "the last spans were not exported within 0.05 s" in caplog.text
    collector.released.set()


def test_what_is_left_at_the_end_is_exported(heard: list[Export]) -> None:
    """A process may end right after its last message."""
    collector = Collector()
    ending = OtlpTraces("queuecast_poller", "replica-1", BatchSpanProcessor(listening(collector, heard)))
    ending.begin("a", "consumer", 5, None, {}).end(9)
    ending.close()
    assert collector.tries == 1


def test_the_captured_loggers_are_the_sdks() -> None:
    """If the SDK renamed them, its lines would reappear in the log, or vanish."""
    from opentelemetry.exporter.otlp.proto.http import trace_exporter
    from opentelemetry.sdk import _shared_internal

    assert {trace_exporter._logger.name, _shared_internal._logger.name} == set(SDK_LOGGERS)
