#!/usr/bin/env bash
# OpenTelemetry baggage: in Python, a member's properties are part of its value
#
# Versions: opentelemetry-api 1.45.2 (PyPI), go.opentelemetry.io/otel 1.47.0 (Go), @opentelemetry/core 2.12.1 (npm).
# Expected: W3C Baggage: `tenant=blue;ttl=30` is the member `tenant` with the value `blue` and a property.
# Seen: Go and JavaScript read `blue`. Python reads `blue;ttl=30`, blanks and all, so a comparison with `blue` fails as soon
# as a service of another language adds a property. It sends the semicolon on as `%3B`: from then on nobody sees a property.
#
# Output:
#> tenant=blue
#>   Go         "blue"
#>   JavaScript "blue"
#>   Python     "blue" which it sends on as tenant=blue
#> tenant=blue;ttl=30
#>   Go         "blue"
#>   JavaScript "blue"
#>   Python     "blue;ttl=30" which it sends on as tenant=blue%3Bttl%3D30
#> tenant=blue ; ttl=30
#>   Go         "blue"
#>   JavaScript "blue"
#>   Python     "blue ; ttl=30" which it sends on as tenant=blue+%3B+ttl%3D30

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund @opentelemetry/core@2.12.1 @opentelemetry/api@1.9.0
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore opentelemetry-api==1.45.2
go mod init probe 2> /dev/null
go get go.opentelemetry.io/otel@v1.47.0 2> /dev/null

cat > read.go <<'PROBE'
package main

import (
	"context"
	"fmt"
	"os"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
)

func main() {
	ctx := propagation.Baggage{}.Extract(context.Background(), propagation.MapCarrier{"baggage": os.Args[1]})
	fmt.Printf("Go         %q\n", baggage.FromContext(ctx).Member("tenant").Value())
}
PROBE
cat > read.py <<'PROBE'
import json
import sys
from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator

propagator = W3CBaggagePropagator()
context = propagator.extract({"baggage": sys.argv[1]})
sent = {}
propagator.inject(sent, context)
print("Python    ", json.dumps(baggage.get_baggage("tenant", context)), "which it sends on as", sent["baggage"])
PROBE
cat > read.mjs <<'PROBE'
import { defaultTextMapGetter, propagation, ROOT_CONTEXT } from "@opentelemetry/api";
import { W3CBaggagePropagator } from "@opentelemetry/core";

const context = new W3CBaggagePropagator().extract(ROOT_CONTEXT, { baggage: process.argv[2] }, defaultTextMapGetter);
console.log("JavaScript", JSON.stringify(propagation.getBaggage(context).getEntry("tenant").value));
PROBE
go mod tidy 2> /dev/null
go build -o read read.go
for header in "tenant=blue" "tenant=blue;ttl=30" "tenant=blue ; ttl=30"; do
  echo "$header"
  { ./read "$header"; node read.mjs "$header"; venv/bin/python read.py "$header"; } | sed 's/^/  /'
done | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
