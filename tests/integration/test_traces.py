"""The path of a message in the spans that both services, as processes, send to a collector."""

import gzip
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.claims import eventually

from .api import connected, write_tokens
from .gateway import Gateway, browser
from .page import page
from .poller import POLLER, settings
from .services import HOST, Queue, Redis, Service, free_port
from .site import until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SENDER = f"00-{TRACE}-00f067aa0ba902b7-01"
XRAY_TRACE = "5759e988bd862e3fe1be46a994272793"
XRAY = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


PATIENT = (
    "from queuecast_edge import otlp; otlp.FLUSH_SECONDS = 60.0;"
    "from queuecast_poller.__main__ import main; main()"
)
"""A poller that waits for a slow collector when it ends."""


class Collector:
    """An OTLP/HTTP collector that keeps the spans, each with its service's name."""

    def __init__(self, port: int) -> None:
        self.spans: list[tuple[str, Span]] = []
        self.endpoint = f"http://{HOST}:{port}"
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
                collector._take(ExportTraceServiceRequest.FromString(body))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer((HOST, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def named(self, name: str) -> list[Span]:
        """Return the spans with this name."""
        return [span for _, span in self.spans if span.name == name]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, request: ExportTraceServiceRequest) -> None:
        for told in request.resource_spans:
            service = next(
                each.value.string_value for each in told.resource.attributes if each.key == "service.name"
            )
            self.spans += [(service, span) for scope in told.scope_spans for span in scope.spans]


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector(free_port())
    yield collector
    collector.close()


def traced(endpoint: str) -> dict[str, str]:
    """Return settings with which spans are exported quickly."""
    return {
        "QUEUECAST_TRACES": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }


def send(queue: Queue, body: str, *, traceparent: str = "", xray: str = "") -> None:
    def text(value: str) -> dict[str, str]:
        return {"DataType": "String", "StringValue": value}

    queue.client.send_message(
        QueueUrl=queue.url,
        MessageBody=body,
        MessageAttributes={"traceparent": text(traceparent)} if traceparent else {},
        MessageSystemAttributes={"AWSTraceHeader": text(xray)} if xray else {},
    )


def test_the_way_of_a_message_is_one_trace_with_its_senders(
    forgetful_redis: Redis,
    queue: Queue,
    collector: Collector,
    gateway: Callable[..., Gateway],
    start: Callable[..., Service],
) -> None:
    """It runs from producer to poller to gateway, however the producer passes its trace context."""
    replica = gateway(forgetful_redis.url, **traced(collector.endpoint))
    poller = start(POLLER, {**settings(forgetful_redis, queue), **traced(collector.endpoint)})
    eventually(lambda: replica.ready() and poller.ready())
    with browser(replica.port) as one:
        for body, sender in (
            ("1", {"traceparent": SENDER}),
            ("2", {"xray": XRAY}),
            ("3", {"traceparent": "?"}),
        ):
            send(queue, body, **sender)
            assert one.receive() == f'42["item_added",{body}]'
        eventually(lambda: len(collector.spans) == 6)
    process, deliver = collector.named(f"process {queue.name}"), collector.named("deliver socketio")
    assert [span.trace_id.hex() for span in process[:2]] == [TRACE, XRAY_TRACE]
    assert [span.parent_span_id.hex() for span in process] == ["00f067aa0ba902b7", "53995c3f42cd8ad8", ""]
    for before, after in zip(process, deliver, strict=True):
        assert after.trace_id == before.trace_id
        assert after.parent_span_id == before.span_id
    assert {service for service, _ in collector.spans} == {"queuecast-poller", "queuecast-gateway"}


def test_an_event_of_a_browser_is_a_trace_too(
    forgetful_redis: Redis, collector: Collector, gateway: Callable[..., Gateway]
) -> None:
    """It shows the browser's event and its delivery on each replica."""
    replica = gateway(forgetful_redis.url, **traced(collector.endpoint))
    eventually(replica.ready)
    with browser(replica.port) as one:
        one.send('42["item_removed",{"id":7}]')
        assert one.receive() == '42["item_removed",{"id":7}]'
        eventually(lambda: len(collector.spans) == 2)
    (publish,), (deliver,) = collector.named("publish socketio"), collector.named("deliver socketio")
    assert publish.parent_span_id == b""
    assert (deliver.trace_id, deliver.parent_span_id) == (publish.trace_id, publish.span_id)


async def test_an_event_of_the_http_api_is_in_the_trace_of_its_sender(
    forgetful_redis: Redis, collector: Collector, gateway: Callable[..., Gateway], tmp_path: Path
) -> None:
    """A back end's HTTP client sends the header by itself. A malformed one begins a new trace."""
    port = free_port()
    tokens = {"QUEUECAST_API_PORT": f"{port}", "QUEUECAST_API_TOKEN_FILE": f"{write_tokens(tmp_path)}"}
    replica = gateway(forgetful_redis.url, **tokens, **traced(collector.endpoint))
    await until(replica.ready)
    async with connected(port) as api, page(replica.port) as one:
        event = {"event": "e", "data": 1}
        for path, body, header in (
            ("/v1/publish", event, SENDER),
            ("/v1/publish", event, "?"),
            ("/v1/publish-batch", {"messages": [event]}, SENDER),
        ):
            told = await api.ask("POST", path, body, headers={"traceparent": header})
            assert told.status == 200
            assert await one.event() == ["e", 1]
        await until(lambda: len(collector.spans) == 6)
    publish, deliver = collector.named("publish socketio"), collector.named("deliver socketio")
    assert [span.trace_id.hex() == TRACE for span in publish] == [True, False, True]
    assert [span.parent_span_id.hex() for span in publish] == ["00f067aa0ba902b7", "", "00f067aa0ba902b7"]
    for before, after in zip(publish, deliver, strict=True):
        assert (after.trace_id, after.parent_span_id) == (before.trace_id, before.span_id)


def test_the_last_spans_are_told_before_a_process_ends(
    forgetful_redis: Redis, queue: Queue, collector: Collector, start: Callable[..., Service]
) -> None:
    """Otherwise a rollout would cut a hole into every trace."""
    slow = {**traced(collector.endpoint), "OTEL_BSP_SCHEDULE_DELAY": "600000"}
    poller = start(POLLER, {**settings(forgetful_redis, queue), **slow}, PATIENT)
    eventually(poller.ready)
    send(queue, "1", traceparent=SENDER)
    eventually(lambda: queue.depth() == 0)
    assert collector.spans == []
    poller.process.signal(signal.SIGTERM)
    assert poller.process.wait(60) == 0
    assert [span.trace_id.hex() for _, span in collector.spans] == [TRACE]


@pytest.mark.parametrize("down", ["refuses", "hangs"])
def test_a_collector_that_is_down_holds_nothing_up(
    forgetful_redis: Redis,
    queue: Queue,
    gateway: Callable[..., Gateway],
    start: Callable[..., Service],
    down: str,
) -> None:
    """Everything is delivered, one log line says that spans are lost, and the process ends in time."""
    with socket.create_server((HOST, 0)) as silent:  # it accepts connections and never answers
        port = free_port() if down == "refuses" else silent.getsockname()[1]
        lost = {**traced(f"http://{HOST}:{port}"), "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
        replica = gateway(forgetful_redis.url, QUEUECAST_DRAIN_SECONDS="0", **lost)
        poller = start(POLLER, {**settings(forgetful_redis, queue), **lost})
        eventually(lambda: replica.ready() and poller.ready())
        with browser(replica.port) as one:
            for number in range(20):
                send(queue, str(number), traceparent=SENDER)
                assert one.receive() == f'42["item_added",{number}]'
        for service in (replica, poller):
            eventually(lambda service=service: "spans are lost until" in service.log())  # type: ignore[misc]
            eventually(service.ready)
        for service in (replica, poller):
            began = time.monotonic()
            service.process.signal(signal.SIGTERM)
            assert service.process.wait(60) == 0
            assert time.monotonic() - began < 40
            assert service.log().count("spans are lost until") == 1
            assert "Traceback" not in service.log()
            assert "Transient error" not in service.log().replace("can be exported: Transient error", "")
