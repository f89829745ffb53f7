#!/usr/bin/env bash
# parse-prometheus-text-format: a histogram or summary with labels loses them, its sum and its count
#
# Versions: parse-prometheus-text-format 1.1.1 (npm), prometheus_client 0.26.0 (PyPI), which writes the scrape.
# Expected: one metric for each set of labels, as for counters, and as the README shows for a histogram without labels.
# Seen: all series of a histogram become one metric with no labels, no sum and no count. Its buckets are those of the series
# that came last. So the latencies of the slow route are shown as everybody's, or not at all.
#
# Output:
#> {"buckets":{"1.0":"1.0","+Inf":"1.0"},"count":"1.0","sum":"0.5"}
#> {"buckets":{"1.0":"0.0","+Inf":"3.0"}}
#> {"value":"1.0","labels":{"route":"fast"}} {"value":"3.0","labels":{"route":"slow"}}

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund parse-prometheus-text-format@1.1.1
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore prometheus_client==0.26.0

cat > probe.py <<'PROBE'
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest

disable_created_metrics()
registry = CollectorRegistry()
Histogram("plain_seconds", "No labels.", registry=registry, buckets=[1]).observe(0.5)
labelled = Histogram("labelled_seconds", "By route.", ["route"], registry=registry, buckets=[1])
counter = Counter("requests", "By route.", ["route"], registry=registry)
for route, seconds in ("fast", 0.5), ("slow", 2), ("slow", 3), ("slow", 4):
    labelled.labels(route).observe(seconds)
    counter.labels(route).inc()
print(generate_latest(registry).decode(), end="")
PROBE
cat > probe.cjs <<'PROBE'
const parse = require("parse-prometheus-text-format");
const { default: parseText = parse } = parse;
for (const { metrics } of parseText(require("fs").readFileSync(0, "utf8")))
  console.log(metrics.map((metric) => JSON.stringify(metric)).join(" "));
PROBE
venv/bin/python probe.py | node probe.cjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
