#!/usr/bin/env bash
# The last half millisecond of a day belongs to the next day
#
# Version: @bufbuild/cel 0.6.1 (npm).
# Expected: the parts of a timestamp are those of its own date and time; 23:59:59.9996 on 30 November is on the 30th,
# as in Go and Python.
# Seen: it is rounded to milliseconds, upwards too, before it is taken apart. Hour, day and month are those of
# tomorrow, while a comparison still says that it is before midnight.
#
# Output:
#> timestamp("2026-11-30T23:59:59.9994Z").getDate() -> 30
#> timestamp("2026-11-30T23:59:59.9996Z").getDate() -> 1
#> timestamp("2026-11-30T23:59:59.9996Z").getMonth() -> 11
#> timestamp("2026-11-30T23:59:59.9996Z") < timestamp("2026-12-01T00:00:00Z") -> true

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund @bufbuild/cel@0.6.1

cat > probe.mjs <<'PROBE'
import { run } from "@bufbuild/cel";

const expressions = [
  String.raw`timestamp("2026-11-30T23:59:59.9994Z").getDate()`,
  String.raw`timestamp("2026-11-30T23:59:59.9996Z").getDate()`,
  String.raw`timestamp("2026-11-30T23:59:59.9996Z").getMonth()`,
  String.raw`timestamp("2026-11-30T23:59:59.9996Z") < timestamp("2026-12-01T00:00:00Z")`,
];
for (const expression of expressions) console.log(`${expression} -> ${run(expression, {})}`);
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
