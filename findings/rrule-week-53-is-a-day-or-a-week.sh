#!/usr/bin/env bash
# Recurring events: BYWEEKNO without a day is one day, seven days or nothing
#
# Versions: rrule 2.8.1, rrule-temporal 2.2.8, ical.js 2.2.1 (npm), python-dateutil 2.9.0.post0 (PyPI).
# Expected: the same dates. What a rule does not say is taken from DTSTART (RFC 5545, section 3.3.10), so `BYWEEKNO=53` of an
# event that began on a Thursday is the Thursday of week 53.
# Seen: rrule and dateutil return all seven days of the week, rrule-temporal the Thursday, and ical.js nothing at all. One entry
# of a calendar is a day for one client and a week of holidays for the other.
#
# Output:
#> rrule          2026-12-31 2027-01-01 2027-01-02 2027-01-03
#> rrule-temporal 2026-12-31
#> ical.js        null
#> dateutil       2026-12-31 2027-01-01 2027-01-02 2027-01-03

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund rrule@2.8.1 rrule-temporal@2.2.8 ical.js@2.2.1
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore python-dateutil==2.9.0.post0

printf 'DTSTART:20261231T000000Z\nRRULE:FREQ=YEARLY;BYWEEKNO=53;UNTIL=20281231T000000Z' > rule
cat > probe.mjs <<'PROBE'
import { readFileSync } from "node:fs";
import ICAL from "ical.js";
import rrule from "rrule";
import { RRuleTemporal } from "rrule-temporal";

const rule = readFileSync("rule", "utf8");
console.log("rrule         ", rrule.rrulestr(rule).all().map((date) => date.toISOString().slice(0, 10)).join(" "));
console.log("rrule-temporal", new RRuleTemporal({ rruleString: rule }).all().map((date) => String(date.toPlainDate())).join(" "));
const iterator = ICAL.Recur.fromString(rule.split("RRULE:")[1]).iterator(ICAL.Time.fromString("2026-12-31T00:00:00Z"));
console.log("ical.js       ", String(iterator.next()));
PROBE
cat > probe.py <<'PROBE'
from dateutil.rrule import rrulestr

print("dateutil      ", *(str(time.date()) for time in rrulestr(open("rule").read())))
PROBE
{ node probe.mjs; venv/bin/python probe.py; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
