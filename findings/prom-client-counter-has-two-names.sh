#!/usr/bin/env bash
# prom-client: a counter changes its name with the content type of the registry
#
# Version: prom-client 15.1.3 (npm).
# Expected: the name of a time series is what its owner wrote, or at least one name. Prometheus stores the name of the
# sample.
# Seen: a counter `requests` is the series `requests` in the text format and `requests_total` once the registry is set to
# OpenMetrics, say for exemplars. All dashboards and alerts on the old name are empty from then on. Nothing warns of it, and
# the library accepts the name without the suffix.
#
# Output:
#> text/plain
#>   # TYPE requests counter
#>   requests 1
#>   # TYPE retries_total counter
#>   retries_total 1
#> application/openmetrics-text
#>   # TYPE requests counter
#>   requests_total 1
#>   # TYPE retries counter
#>   retries_total 1
#>   # EOF

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund prom-client@15.1.3

cat > probe.mjs <<'PROBE'
import { Counter, Registry } from "prom-client";

for (const type of [Registry.PROMETHEUS_CONTENT_TYPE, Registry.OPENMETRICS_CONTENT_TYPE]) {
  const registry = new Registry();
  registry.setContentType(type);
  for (const name of ["requests", "retries_total"]) new Counter({ name, help: "h", registers: [registry] }).inc();
  console.log(type.split(";")[0]);
  for (const line of (await registry.metrics()).split("\n")) if (line && !line.startsWith("# HELP")) console.log(" ", line);
}
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
