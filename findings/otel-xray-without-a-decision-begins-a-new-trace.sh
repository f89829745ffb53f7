#!/usr/bin/env bash
# X-Ray's header in OpenTelemetry: without a sampling decision, the trace is torn in JavaScript, or everywhere
#
# Versions: @opentelemetry/propagator-aws-xray 2.2.0 (npm), opentelemetry-propagator-aws-xray 1.0.2 (PyPI).
# Expected: the header names the trace in `Root` and the sender's span in `Parent`. `Sampled` says what was decided, and `?`
# asks the receiver to decide (documentation of AWS X-Ray, "Tracing header"). In any case the trace goes on.
# Seen: without `Sampled`, JavaScript ignores the header, and a new trace begins; Python goes on. With `Sampled=?` both ignore
# it. The same happens to the header of a load balancer, which has a `Root` and no `Parent`.
#
# Output:
#> Root, Parent, Sampled=1: JavaScript goes on, flags 1; Python goes on, flags 1
#> Root, Parent: JavaScript a new trace; Python goes on, flags 0
#> Root, Parent, Sampled=?: JavaScript a new trace; Python a new trace
#> Root: JavaScript a new trace; Python a new trace

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund @opentelemetry/api@1.9.1 @opentelemetry/propagator-aws-xray@2.2.0
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore \
  opentelemetry-propagator-aws-xray==1.0.2 opentelemetry-sdk==1.45.1

cat > probe.mjs <<'PROBE'
import { ROOT_CONTEXT, defaultTextMapGetter, trace } from "@opentelemetry/api";
import { AWSXRayPropagator } from "@opentelemetry/propagator-aws-xray";

const traceId = "5759e988bd862e3fe1be46a994272793";
const root = "Root=1-5759e988-bd862e3fe1be46a994272793";
const parent = `${root};Parent=53995c3f42cd8ad8`;
const headers = {
  "Root, Parent, Sampled=1": `${parent};Sampled=1`,
  "Root, Parent": parent,
  "Root, Parent, Sampled=?": `${parent};Sampled=?`,
  "Root": root,
};
for (const [name, header] of Object.entries(headers)) {
  const context = new AWSXRayPropagator().extract(ROOT_CONTEXT, { "x-amzn-trace-id": header }, defaultTextMapGetter);
  const span = trace.getSpanContext(context);
  console.log(JSON.stringify([name, header, span?.traceId === traceId ? `goes on, flags ${span.traceFlags}` : "a new trace"]));
}
PROBE
cat > probe.py <<'PROBE'
import json
import sys

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagators.aws import AwsXRayPropagator

for name, header, javascript in map(json.loads, sys.stdin):
    context = AwsXRayPropagator().extract({"X-Amzn-Trace-Id": header}, Context())
    span = trace.get_current_span(context).get_span_context()
    goes_on = f"{span.trace_id:032x}" == "5759e988bd862e3fe1be46a994272793"
    python = f"goes on, flags {int(span.trace_flags)}" if goes_on else "a new trace"
    print(f"{name}: JavaScript {javascript}; Python {python}")
PROBE
node probe.mjs | venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
