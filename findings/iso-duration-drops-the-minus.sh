#!/usr/bin/env bash
# ISO 8601 durations: -P1D is one day backwards, or one day forwards
#
# Versions: iso8601-duration 2.1.4, duration-fns 3.0.2 (npm), isodate 0.7.2 (PyPI), github.com/sosodev/duration 1.4.0 (Go).
# Expected: `-P1D` is a day less, as ISO 8601-2 and XML Schema have it; a parser that knows no signs refuses it.
# Seen: iso8601-duration accepts the minus and forgets it. `end(parse("-P1D"), now)` is tomorrow. An offset such as "a day
# before the delivery", written by Python or Go, becomes a day after it in the browser.
#
# Output:
#> iso8601-duration 86400 s; 2026-11-30T12:00:00.000Z
#> duration-fns     -86400 s
#> isodate          -86400 s
#> sosodev/duration -86400 s

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund iso8601-duration@2.1.4 duration-fns@3.0.2
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore isodate==0.7.2
go mod init probe 2> /dev/null
go get github.com/sosodev/duration@v1.4.0 2> /dev/null

cat > probe.mjs <<'PROBE'
import { toSeconds as seconds } from "duration-fns";
import { end, parse, toSeconds } from "iso8601-duration";

console.log("iso8601-duration", toSeconds(parse("-P1D")), "s;", end(parse("-P1D"), new Date("2026-11-29T12:00:00Z")).toISOString());
console.log("duration-fns    ", seconds("-P1D"), "s");
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"fmt"

	"github.com/sosodev/duration"
)

func main() {
	parsed, _ := duration.Parse("-P1D")
	fmt.Println("sosodev/duration", parsed.ToTimeDuration().Seconds(), "s")
}
PROBE
{
  node probe.mjs
  venv/bin/python -c 'import isodate; print("isodate         ", int(isodate.parse_duration("-P1D").total_seconds()), "s")'
  go run probe.go
} | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
