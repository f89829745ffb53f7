#!/usr/bin/env bash
# B3 headers in OpenTelemetry: a sampling decision that is left open means no in JavaScript and yes in Python
#
# Versions: @opentelemetry/propagator-b3 2.12.0, @opentelemetry/sdk-trace-base 2.12.0 (npm); opentelemetry-propagator-b3 1.45.1,
# opentelemetry-sdk 1.45.1 (PyPI).
# Expected: a header without a sampling state defers the decision to the receiver, whose own sampler decides (b3-propagation,
# "Sampling State"; README of the npm package: "Absent - Defer sampling decision").
# Seen: JavaScript reads it as a trace that is not sampled, so that a sampler that follows the parent records nothing. Python
# reads it as one that is sampled, and records everything. Neither asks the sampler: here the samplers say the opposite.
#
# Output:
#> JavaScript, sampler of new traces AlwaysOn: flags 0, recorded false
#> Python, sampler of new traces ALWAYS_OFF: flags 1, recorded True

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund @opentelemetry/api@1.9.1 @opentelemetry/propagator-b3@2.12.0 \
  @opentelemetry/sdk-trace-base@2.12.0
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore \
  opentelemetry-propagator-b3==1.45.1 opentelemetry-sdk==1.45.1

cat > probe.mjs <<'PROBE'
import { ROOT_CONTEXT, defaultTextMapGetter, trace } from "@opentelemetry/api";
import { B3Propagator } from "@opentelemetry/propagator-b3";
import { AlwaysOnSampler, BasicTracerProvider, ParentBasedSampler } from "@opentelemetry/sdk-trace-base";

const context = new B3Propagator().extract(
  ROOT_CONTEXT, { b3: "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1" }, defaultTextMapGetter);
const provider = new BasicTracerProvider({ sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }) });
const span = provider.getTracer("probe").startSpan("receive", {}, context);
console.log(`JavaScript, sampler of new traces AlwaysOn: flags ${trace.getSpanContext(context).traceFlags},`,
  `recorded ${span.isRecording()}`);
PROBE
cat > probe.py <<'PROBE'
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagators.b3 import B3SingleFormat
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased

context = B3SingleFormat().extract({"b3": "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1"}, Context())
span = TracerProvider(sampler=ParentBased(root=ALWAYS_OFF)).get_tracer("probe").start_span("receive", context)
flags = int(trace.get_current_span(context).get_span_context().trace_flags)
print(f"Python, sampler of new traces ALWAYS_OFF: flags {flags}, recorded {span.is_recording()}")
PROBE
{ node probe.mjs; venv/bin/python probe.py; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
