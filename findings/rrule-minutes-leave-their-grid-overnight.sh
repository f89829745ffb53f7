#!/usr/bin/env bash
# Recurring events: every 45 minutes between 9 and 10 begins at another minute each day
#
# Versions: rrule 2.8.1, rrule-rust 3.1.1, rrule-temporal 2.2.8 (npm), python-dateutil 2.9.0.post0 (PyPI),
# github.com/teambition/rrule-go 1.8.2 (Go).
# Expected: INTERVAL counts from DTSTART, and BYHOUR only limits (RFC 5545, section 3.3.10). A day has 32 times 45 minutes, so
# that the events of each day are at 9:00 and 9:45.
# Seen: rrule, and the crate behind rrule-rust, lose the count where they skip the hours of the night. The second day has one
# event, at 9:30, and the third has one, at 9:15. Neither is a multiple of 45 minutes after the start. Python, Go and
# rrule-temporal keep the count.
#
# Output:
#> rrule          0101T0900 0101T0945 0102T0930 0103T0915 0104T0900
#> rrule-rust     0101T0900 0101T0945 0102T0930 0103T0915 0104T0900
#> rrule-temporal 0101T0900 0101T0945 0102T0900 0102T0945 0103T0900
#> dateutil       0101T0900 0101T0945 0102T0900 0102T0945 0103T0900
#> rrule-go       0101T0900 0101T0945 0102T0900 0102T0945 0103T0900

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund rrule@2.8.1 rrule-rust@3.1.1 rrule-temporal@2.2.8
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore python-dateutil==2.9.0.post0
go mod init probe 2> /dev/null
go get github.com/teambition/rrule-go@v1.8.2 2> /dev/null

printf 'DTSTART:20260101T090000Z\nRRULE:FREQ=MINUTELY;INTERVAL=45;BYHOUR=9;COUNT=5' > rule
cat > probe.mjs <<'PROBE'
import { readFileSync } from "node:fs";
import rrule from "rrule";
import { RRuleSet } from "rrule-rust";
import { RRuleTemporal } from "rrule-temporal";

const rule = readFileSync("rule", "utf8");
const print = (name, times) => console.log(name, times.map((time) => time.replace(/[-:]/g, "").slice(4, 13)).join(" "));
print("rrule         ", rrule.rrulestr(rule).all().map((date) => date.toISOString()));
print("rrule-rust    ", RRuleSet.fromString(rule).all().map(String));
print("rrule-temporal", new RRuleTemporal({ rruleString: rule }).all().map(String));
PROBE
cat > probe.py <<'PROBE'
from dateutil.rrule import rrulestr

print("dateutil      ", *(time.strftime("%m%dT%H%M") for time in rrulestr(open("rule").read())))
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"fmt"
	"os"

	"github.com/teambition/rrule-go"
)

func main() {
	content, _ := os.ReadFile("rule")
	set, _ := rrule.StrToRRuleSet(string(content))
	fmt.Print("rrule-go      ")
	for _, time := range set.All() {
		fmt.Print(time.Format(" 0102T1504"))
	}
	fmt.Println()
}
PROBE
go mod tidy 2> /dev/null
{ node probe.mjs; venv/bin/python probe.py; go run probe.go; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
