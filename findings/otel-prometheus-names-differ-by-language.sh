#!/usr/bin/env bash
# OpenTelemetry's Prometheus exporters: one instrument, three names
#
# Versions: @opentelemetry/exporter-prometheus 0.223.0 (npm), opentelemetry-exporter-prometheus 0.66b2 (PyPI),
# go.opentelemetry.io/otel/exporters/prometheus 0.69.0 (Go).
# Expected: the specification of the exporter adds the unit to the name unless it is there, and `_ratio` for the unit 1 of a
# gauge, so that one dashboard fits services in all languages.
# Seen: JavaScript adds no unit. Python adds it a second time, `bytes_sent_bytes_total`. Only Go adds `_ratio`. A query over
# `http_server_duration_seconds_count` leaves out each JavaScript service, without an error, and an alert on it stays
# silent.
#
# Output:
#> JavaScript bytes_sent_total http_server_duration_count queue_fill
#> Python     bytes_sent_bytes_total http_server_duration_seconds_count queue_fill
#> Go         bytes_sent_total http_server_duration_seconds_count queue_fill_ratio

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund @opentelemetry/exporter-prometheus@0.223.0 @opentelemetry/sdk-metrics@2.12.1 @opentelemetry/api@1.9.0
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore opentelemetry-exporter-prometheus==0.66b2 opentelemetry-sdk==1.45.2
go mod init probe 2> /dev/null
go get go.opentelemetry.io/otel/exporters/prometheus@v0.69.0 go.opentelemetry.io/otel/sdk/metric@v1.47.0 2> /dev/null

cat > probe.mjs <<'PROBE'
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";

const reader = new PrometheusExporter({ preventServerStart: true });
const meter = new MeterProvider({ readers: [reader] }).getMeter("shop");
meter.createHistogram("http.server.duration", { unit: "s" }).record(1);
meter.createCounter("bytes.sent", { unit: "By" }).add(1);
meter.createGauge("queue.fill", { unit: "1" }).record(0.5);
console.log(new PrometheusSerializer().serialize((await reader.collect()).resourceMetrics));
PROBE
cat > probe.py <<'PROBE'
import prometheus_client
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider

meter = MeterProvider(metric_readers=[PrometheusMetricReader()]).get_meter("shop")
meter.create_histogram("http.server.duration", unit="s").record(1)
meter.create_counter("bytes.sent", unit="By").add(1)
meter.create_gauge("queue.fill", unit="1").set(0.5)
print(prometheus_client.generate_latest().decode())
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"
)

func main() {
	reader, _ := prometheus.New()
	meter := sdk.NewMeterProvider(sdk.WithReader(reader)).Meter("shop")
	duration, _ := meter.Float64Histogram("http.server.duration", metric.WithUnit("s"))
	sent, _ := meter.Int64Counter("bytes.sent", metric.WithUnit("By"))
	fill, _ := meter.Float64Gauge("queue.fill", metric.WithUnit("1"))
	duration.Record(context.Background(), 1)
	sent.Add(context.Background(), 1)
	fill.Record(context.Background(), 0.5)
	answer := httptest.NewRecorder()
	promhttp.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	fmt.Print(answer.Body)
}
PROBE
go mod tidy 2> /dev/null
names() { sed -nE 's/^((http_server|bytes|queue)[a-z_]*)\{.*/\1/p' | grep -vE '_(bucket|sum)$' | sort | tr '\n' ' ' | sed 's/ $//'; }
{
  echo "JavaScript $(node probe.mjs | names)"
  echo "Python     $(venv/bin/python probe.py | names)"
  echo "Go         $(go run probe.go | names)"
} | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
