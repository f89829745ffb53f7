#!/usr/bin/env bash
# Powertools for AWS Lambda: in Python, a timestamp of metrics stays for all invocations that follow
#
# Versions: aws-lambda-powertools 3.37.0 (PyPI), @aws-lambda-powertools/metrics 2.36.0 (npm).
# Expected: `set_timestamp` is for the metrics that are collected now. `log_metrics` flushes and clears at the end of each
# invocation, and the next one begins with the current time, as it does in JavaScript.
# Seen: in Python nothing clears the timestamp. A function that sets it once, for a message that came late, reports everything
# afterwards for that moment, until its environment is recycled. CloudWatch discards what is older than two weeks.
#
# Output:
#> Python, an invocation that sets the timestamp: an hour ago
#> Python, the next invocation: an hour ago
#> Python, the one after it: an hour ago
#> JavaScript, an invocation that sets the timestamp: an hour ago
#> JavaScript, the next invocation: now
#> JavaScript, the one after it: now

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund @aws-lambda-powertools/metrics@2.36.0
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore aws-lambda-powertools==3.37.0

cat > probe.py <<'PROBE'
import contextlib
import io
import json
import time
from types import SimpleNamespace

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

HOUR_MS = 3_600_000
metrics = Metrics(namespace="shop", service="orders")


@metrics.log_metrics
def handler(event, context):
    metrics.add_metric("received", MetricUnit.Count, 1)
    if "sent_ms" in event:
        metrics.set_timestamp(event["sent_ms"])


now = int(time.time() * 1000)
events = {
    "an invocation that sets the timestamp": {"sent_ms": now - HOUR_MS}, "the next invocation": {}, "the one after it": {},
}
for name, event in events.items():
    with contextlib.redirect_stdout(io.StringIO()) as written:
        handler(event, SimpleNamespace(function_name="orders"))
    at = json.loads(written.getvalue())["_aws"]["Timestamp"]
    print(f"Python, {name}: {'an hour ago' if at == now - HOUR_MS else 'now'}")
PROBE
cat > probe.mjs <<'PROBE'
import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";

const metrics = new Metrics({ namespace: "shop", serviceName: "orders" });
const written = [];
metrics.console = { log: (line) => written.push(line), warn: () => {} };
const now = Date.now();
const events = {
  "an invocation that sets the timestamp": now - 3_600_000, "the next invocation": null, "the one after it": null,
};
for (const [name, sent] of Object.entries(events)) {
  metrics.addMetric("received", MetricUnit.Count, 1);
  if (sent) metrics.setTimestamp(sent);
  metrics.publishStoredMetrics();
  const at = JSON.parse(written.pop())._aws.Timestamp;
  console.log(`JavaScript, ${name}: ${at === now - 3_600_000 ? "an hour ago" : "now"}`);
}
PROBE
{ venv/bin/python probe.py; node probe.mjs; } > output 2> errors || { cat errors >&2; exit 1; }
cat output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
