#!/usr/bin/env bash
# Trace context: a trace that Python or JavaScript passes on ends in Go
#
# Versions: opentelemetry-api 1.45.2 (PyPI), @opentelemetry/core 2.12.1 with @opentelemetry/api 1.9.1 (npm),
# go.opentelemetry.io/otel 1.47.0 (Go).
# Expected: who receives a `traceparent` of a version that it does not know sends one of version 00 with what it knows (W3C
# Trace Context, "Versioning of traceparent"), and sets the flags that version 00 does not define to zero ("Other Flags").
# Seen: Python and JavaScript send the unknown flags on, under version 00. Go refuses version 00 with such flags, so that the
# service behind them begins a new trace. Go itself, in their place, sends 01, and the trace goes on.
#
# Output:
#> Python     sends 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-09, and Go behind it nothing: a new trace begins
#> JavaScript sends 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-09, and Go behind it nothing: a new trace begins
#> Go         sends 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01, and Go behind it 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore opentelemetry-api==1.45.2
npm install --silent --no-audit --no-fund @opentelemetry/core@2.12.1 @opentelemetry/api@1.9.1
go mod init probe 2> /dev/null
go get go.opentelemetry.io/otel@v1.47.0 go.opentelemetry.io/otel/trace@v1.47.0 2> /dev/null

printf cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-09 > header
cat > probe.py <<'PROBE'
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

propagator, sent = TraceContextTextMapPropagator(), {}
propagator.inject(sent, propagator.extract({"traceparent": open("header").read()}))
print(sent["traceparent"])
PROBE
cat > probe.cjs <<'PROBE'
const { defaultTextMapGetter, defaultTextMapSetter, ROOT_CONTEXT } = require("@opentelemetry/api");
const { W3CTraceContextPropagator } = require("@opentelemetry/core");

const propagator = new W3CTraceContextPropagator();
const traceparent = require("node:fs").readFileSync("header", "utf8");
const sent = {};
propagator.inject(propagator.extract(ROOT_CONTEXT, { traceparent }, defaultTextMapGetter), sent, defaultTextMapSetter);
console.log(sent.traceparent);
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"context"
	"fmt"
	"os"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

func main() {
	var propagator propagation.TraceContext
	received := propagator.Extract(context.Background(), propagation.MapCarrier{"traceparent": os.Args[1]})
	if !trace.SpanContextFromContext(received).IsValid() {
		fmt.Println("nothing: a new trace begins")
		return
	}
	sent := propagation.MapCarrier{}
	propagator.Inject(received, sent)
	fmt.Println(sent["traceparent"])
}
PROBE
go mod tidy 2> /dev/null
go build -o go-service probe.go
python=$(venv/bin/python probe.py)
javascript=$(node probe.cjs)
go=$(./go-service "$(cat header)")
{
  echo "Python     sends $python, and Go behind it $(./go-service "$python")"
  echo "JavaScript sends $javascript, and Go behind it $(./go-service "$javascript")"
  echo "Go         sends $go, and Go behind it $(./go-service "$go")"
} | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
