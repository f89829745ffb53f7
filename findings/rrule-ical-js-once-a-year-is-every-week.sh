#!/usr/bin/env bash
# Recurring events in JavaScript: a yearly rule repeats each week
#
# Versions: ical.js 2.2.1, rrule 2.8.1 (npm), python-dateutil 2.9.0.post0 (PyPI).
# Expected: the dates that RFC 5545 gives for its own examples (section 3.8.5.3): the 20th Monday of the year, the Monday of
# week 20. Where a yearly rule has only BYMONTHDAY, that day is taken of each month (the table in section 3.3.10).
# Seen: ical.js returns every Monday for the first two, and for the second not even the first date, although DTSTART is one of
# the rule's dates. The first and the last Monday of a year are every Monday too. For BYMONTHDAY it returns one day a year.
#
# Output:
#> FREQ=YEARLY;BYDAY=20MO
#>   ical.js   1997-05-19 1997-05-26 1997-06-02 1997-06-09
#>   rrule     1997-05-19 1998-05-18 1999-05-17 2000-05-15
#>   dateutil  1997-05-19 1998-05-18 1999-05-17 2000-05-15
#> FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO
#>   ical.js   1997-05-19 1997-05-26 1997-06-02 1997-06-09
#>   rrule     1997-05-12 1998-05-11 1999-05-17 2000-05-15
#>   dateutil  1997-05-12 1998-05-11 1999-05-17 2000-05-15
#> FREQ=YEARLY;BYDAY=MO;BYSETPOS=1,-1
#>   ical.js   2026-01-05 2026-01-12 2026-01-19 2026-01-26
#>   rrule     2026-01-05 2026-12-28 2027-01-04 2027-12-27
#>   dateutil  2026-01-05 2026-12-28 2027-01-04 2027-12-27
#> FREQ=YEARLY;BYMONTHDAY=15
#>   ical.js   2026-01-15 2027-01-15 2028-01-15 2029-01-15
#>   rrule     2026-01-15 2026-02-15 2026-03-15 2026-04-15
#>   dateutil  2026-01-15 2026-02-15 2026-03-15 2026-04-15
#> FREQ=YEARLY;BYMONTH=1;BYDAY=1MO
#>   ical.js   2026-01-05 2027-01-04 2028-01-03 2029-01-01
#>   rrule     2026-01-05 2027-01-04 2028-01-03 2029-01-01
#>   dateutil  2026-01-05 2027-01-04 2028-01-03 2029-01-01

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund ical.js@2.2.1 rrule@2.8.1
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore python-dateutil==2.9.0.post0

cat > cases.json <<'PROBE'
[
  ["1997-05-19", "FREQ=YEARLY;BYDAY=20MO"],
  ["1997-05-12", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO"],
  ["2026-01-05", "FREQ=YEARLY;BYDAY=MO;BYSETPOS=1,-1"],
  ["2026-01-15", "FREQ=YEARLY;BYMONTHDAY=15"],
  ["2026-01-05", "FREQ=YEARLY;BYMONTH=1;BYDAY=1MO"]
]
PROBE
cat > probe.mjs <<'PROBE'
import { readFileSync } from "node:fs";
import ICAL from "ical.js";
import rrule from "rrule";

for (const [start, rule] of JSON.parse(readFileSync("cases.json", "utf8"))) {
  const iterator = ICAL.Recur.fromString(rule).iterator(ICAL.Time.fromString(start));
  const other = rrule.rrulestr(`DTSTART:${start.replaceAll("-", "")}T000000Z\nRRULE:${rule}`).all((_, index) => index < 4);
  console.log(rule);
  console.log("  ical.js  ", [1, 2, 3, 4].map(() => String(iterator.next())).join(" "));
  console.log("  rrule    ", other.map((date) => date.toISOString().slice(0, 10)).join(" "));
}
PROBE
cat > probe.py <<'PROBE'
import json
from datetime import datetime
from itertools import islice
from dateutil.rrule import rrulestr

for start, rule in json.load(open("cases.json")):
    dates = islice(rrulestr(rule, dtstart=datetime.fromisoformat(start)), 4)
    print("\n\n  dateutil ", *(str(date.date()) for date in dates))
PROBE
node probe.mjs > javascript
venv/bin/python probe.py > python
paste -d '\n' javascript python | sed '/^$/d' | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
