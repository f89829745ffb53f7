#!/usr/bin/env bash
# ISO 8601 durations: Go writes 31 days as one month and 14 hours
#
# Versions: github.com/sosodev/duration 1.4.0 (Go), isodate 0.7.2, aniso8601 10.0.1 (PyPI), iso8601-duration 2.1.4 (npm).
# Expected: `time.Duration` counts nanoseconds. Its text in ISO 8601 has days at most, or hours, as Java's `Duration` has
# it, since a month has no fixed length.
# Seen: the library counts a month as 730 hours and writes years, months and weeks. A retention of 31 days becomes
# `P1MT14H`, which its readers take for 30 days and 14 hours or, after the 1st of February, for 28 and 14; 30 days become
# `P4W2D`, weeks beside days, which some parsers refuse.
#
# Output:
#>  30 days: P4W2D       iso8601-duration 30.00, aniso8601 refused, isodate from 1 February 30.00
#>  31 days: P1MT14H     iso8601-duration 30.58, aniso8601 30.58, isodate from 1 February 28.58
#>  90 days: P2M4W1DT4H  iso8601-duration 90.17, aniso8601 refused, isodate from 1 February 88.17
#> 365 days: P1Y         iso8601-duration 365.00, aniso8601 365.00, isodate from 1 February 365.00

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund iso8601-duration@2.1.4
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore isodate==0.7.2 aniso8601==10.0.1
go mod init probe 2> /dev/null
go get github.com/sosodev/duration@v1.4.0 2> /dev/null

cat > probe.go <<'PROBE'
package main

import (
	"fmt"
	"time"

	"github.com/sosodev/duration"
)

func main() {
	for _, days := range []int{30, 31, 90, 365} {
		fmt.Println(days, duration.Format(time.Duration(days)*24*time.Hour))
	}
}
PROBE
cat > probe.py <<'PROBE'
import sys
from datetime import datetime

import aniso8601
import isodate

start = datetime(2027, 2, 1)
for line in sys.stdin:
    days, text, javascript = line.split()
    try:
        strict = f"{aniso8601.parse_duration(text).total_seconds() / 86400:.2f}"
    except aniso8601.exceptions.ISOFormatError:
        strict = "refused"
    added = (start + isodate.parse_duration(text) - start).total_seconds() / 86400
    print(f"{days:>3} days: {text:11} iso8601-duration {javascript}, aniso8601 {strict}, isodate from 1 February {added:.2f}")
PROBE
cat > probe.mjs <<'PROBE'
import { readFileSync } from "node:fs";
import { parse, toSeconds } from "iso8601-duration";

for (const line of readFileSync(0, "utf8").trim().split("\n")) console.log(line, (toSeconds(parse(line.split(" ")[1])) / 86400).toFixed(2));
PROBE
go run probe.go | node probe.mjs | venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
