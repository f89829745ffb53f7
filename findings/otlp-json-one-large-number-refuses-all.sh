#!/usr/bin/env bash
# OpenTelemetry in JavaScript: one large number makes a whole export unreadable
#
# Versions: @opentelemetry/otlp-transformer 0.301.1, @opentelemetry/sdk-trace 3.1.1 (npm), opentelemetry-proto 1.45.2,
# protobuf 7.36.2 (PyPI).
# Expected: a number of JavaScript is a double. An attribute that is not a 64-bit integer is a `doubleValue`, and in JSON those
# that are no numbers are the texts "NaN", "Infinity" and "-Infinity" (ProtoJSON; OTLP's section "JSON Protobuf Encoding").
# Seen: every whole number is an `intValue`, also one beyond 64 bits, and a reader refuses the request with all of its spans.
# What is not a number becomes null, and the attribute has no value for a reader.
#
# Output:
#> 0.5: {"doubleValue":0.5} is read as double_value: 0.5
#> NaN: {"doubleValue":null} is read as nothing
#> -Infinity: {"doubleValue":null} is read as nothing
#> 10000000000000000000: {"intValue":10000000000000000000} - 2 spans in the request, 0 are read: Value out of range
#> 1e+21: {"intValue":1e+21} - 2 spans in the request, 0 are read: Value out of range

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund @opentelemetry/otlp-transformer@0.301.1 @opentelemetry/sdk-trace@3.1.1
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore \
  opentelemetry-proto==1.45.2 protobuf==7.36.2

cat > write.mjs <<'PROBE'
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";

for (const value of [0.5, NaN, -Infinity, 1e19, 1e21]) {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const tracer = provider.getTracer("probe");
  tracer.startSpan("measured").setAttribute("value", value).end();
  tracer.startSpan("another").end();
  await provider.forceFlush();
  const request = JSON.parse(new TextDecoder().decode(JsonTraceSerializer.serializeRequest(exporter.getFinishedSpans())));
  const spans = request.resourceSpans[0].scopeSpans[0].spans;
  const written = JSON.stringify(spans[0].attributes[0].value);
  for (const span of spans) {
    // OTLP's JSON has them in hexadecimal, which the reader here does not know.
    span.traceId = span.spanId = "";
  }
  console.log([value, written, spans.length, JSON.stringify(request)].join("\t"));
}
PROBE
cat > read.py <<'PROBE'
import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

for line in sys.stdin:
    name, value, count, text = line.rstrip("\n").split("\t")
    try:
        request = json_format.Parse(text, ExportTraceServiceRequest())
    except json_format.ParseError as exc:
        why = "Value out of range" if "Value out of range" in str(exc) else str(exc)
        print(f"{name}: {value} - {count} spans in the request, 0 are read: {why}")
    else:
        read = str(request.resource_spans[0].scope_spans[0].spans[0].attributes[0].value).strip()
        print(f"{name}: {value} is read as {read or 'nothing'}")
PROBE
node write.mjs > requests
timeout 60 venv/bin/python read.py < requests | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
