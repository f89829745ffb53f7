#!/usr/bin/env bash
# prom-client: a summary that has seen nothing says that its quantiles are 0
#
# Versions: prom-client 15.1.3 (npm), github.com/prometheus/client_golang 1.23.2 (Go).
# Expected: a quantile of no observations does not exist. Go's client says NaN, which leaves a gap in a graph.
# Seen: prom-client says 0, from the start and again after each `maxAgeSeconds` without traffic. An idle service has the
# best latency of all: the average over all instances falls, and an alert that an endpoint has become slow ends when it is
# stuck.
#
# Output:
#> prom-client, before any observation
#> latency{quantile="0.5"} 0
#> latency{quantile="0.99"} 0
#> latency_sum 0
#> latency_count 0
#> prom-client, after one of 0.25
#> latency{quantile="0.5"} 0.25
#> latency{quantile="0.99"} 0.25
#> latency_sum 0.25
#> latency_count 1
#> client_golang, before any observation
#> latency{quantile="0.5"} NaN
#> latency{quantile="0.99"} NaN
#> latency_sum 0
#> latency_count 0

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund prom-client@15.1.3
go mod init probe 2> /dev/null
go get github.com/prometheus/client_golang@v1.23.2 2> /dev/null

cat > probe.mjs <<'PROBE'
import client from "prom-client";

const summary = new client.Summary({ name: "latency", help: "of deliveries", percentiles: [0.5, 0.99] });
console.log("prom-client, before any observation");
console.log(await client.register.metrics());
summary.observe(0.25);
console.log("prom-client, after one of 0.25");
console.log(await client.register.metrics());
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"fmt"
	"net/http/httptest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func main() {
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewSummary(prometheus.SummaryOpts{
		Name: "latency", Help: "of deliveries", Objectives: map[float64]float64{0.5: 0.05, 0.99: 0.001},
	}))
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	fmt.Println("client_golang, before any observation")
	fmt.Print(answer.Body)
}
PROBE
go mod tidy 2> /dev/null
{ node probe.mjs; go run probe.go; } | grep -v -e '^#' -e '^$' | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
