#!/usr/bin/env bash
# OpenTelemetry baggage: a plus sign that Go sends is a space in Python
#
# Versions: go.opentelemetry.io/otel 1.47.0 (Go), opentelemetry-api 1.45.2 (PyPI), @opentelemetry/core 2.12.1 (npm).
# Expected: W3C Baggage encodes values with percent signs, and `+` is an ordinary character of a value: `+` means plus.
# Seen: Go sends `+` as it is, which the specification allows. Python reads each value as a form field, in which `+` is a
# space: a phone number, a time with its zone or a base64 text arrives changed. JavaScript reads it right.
#
# Output:
#> Go sends         phone=+49%2030%201234
#> Python reads     49 30 1234
#> JavaScript reads +49 30 1234
#> Go sends         due=2026-11-29T12:00:00+02:00
#> Python reads     2026-11-29T12:00:00 02:00
#> JavaScript reads 2026-11-29T12:00:00+02:00

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

cat > write.go <<'PROBE'
package main

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
)

func main() {
	phone, _ := baggage.NewMemberRaw("phone", "+49 30 1234")
	due, _ := baggage.NewMemberRaw("due", "2026-11-29T12:00:00+02:00")
	for _, member := range []baggage.Member{phone, due} {
		one, _ := baggage.New(member)
		carrier := propagation.MapCarrier{}
		propagation.Baggage{}.Inject(baggage.ContextWithBaggage(context.Background(), one), carrier)
		fmt.Println(carrier["baggage"])
	}
}
PROBE
cat > read.py <<'PROBE'
import sys
from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator

print("Python reads    ", *baggage.get_all(W3CBaggagePropagator().extract({"baggage": sys.argv[1]})).values())
PROBE
cat > read.mjs <<'PROBE'
import { defaultTextMapGetter, propagation, ROOT_CONTEXT } from "@opentelemetry/api";
import { W3CBaggagePropagator } from "@opentelemetry/core";

const context = new W3CBaggagePropagator().extract(ROOT_CONTEXT, { baggage: process.argv[2] }, defaultTextMapGetter);
console.log("JavaScript reads", ...propagation.getBaggage(context).getAllEntries().map(([, { value }]) => value));
PROBE
go mod tidy 2> /dev/null
go run write.go > sent
while read -r header; do
  echo "Go sends         $header"
  venv/bin/python read.py "$header"
  node read.mjs "$header"
done < sent | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
