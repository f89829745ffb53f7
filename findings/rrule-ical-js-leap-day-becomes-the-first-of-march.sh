#!/usr/bin/env bash
# Recurring events in JavaScript: the 29th of February of a common year is the 1st of March
#
# Versions: ical.js 2.2.1, rrule 2.8.1, rrule-temporal 2.2.8 (npm).
# Expected: a date that does not exist is left out and not counted (RFC 5545, section 3.3.10).
# Seen: ical.js moves it to the next month: the 29th of February to the 1st of March, and the 31st of April to the 1st of May.
# It counts them, so that three times are over in 2026 and not in 2032. With BYMONTHDAY=29, or monthly, it leaves them out.
#
# Output:
#> 2024-02-29 FREQ=YEARLY;COUNT=3
#>   ical.js        2024-02-29 2025-03-01 2026-03-01
#>   rrule          2024-02-29 2028-02-29 2032-02-29
#>   rrule-temporal 2024-02-29 2028-02-29 2032-02-29
#> 2024-02-29 FREQ=YEARLY;BYMONTH=2;COUNT=3
#>   ical.js        2024-02-29 2025-03-01 2026-03-01
#>   rrule          2024-02-29 2028-02-29 2032-02-29
#>   rrule-temporal 2024-02-29 2028-02-29 2032-02-29
#> 2026-01-31 FREQ=YEARLY;BYMONTH=1,4;COUNT=3
#>   ical.js        2026-01-31 2026-05-01 2027-01-31
#>   rrule          2026-01-31 2027-01-31 2028-01-31
#>   rrule-temporal 2026-01-31 2027-01-31 2028-01-31
#> 2024-02-29 FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;COUNT=3
#>   ical.js        2024-02-29 2028-02-29 2032-02-29
#>   rrule          2024-02-29 2028-02-29 2032-02-29
#>   rrule-temporal 2024-02-29 2028-02-29 2032-02-29
#> 2026-01-31 FREQ=MONTHLY;COUNT=3
#>   ical.js        2026-01-31 2026-03-31 2026-05-31
#>   rrule          2026-01-31 2026-03-31 2026-05-31
#>   rrule-temporal 2026-01-31 2026-03-31 2026-05-31

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund ical.js@2.2.1 rrule@2.8.1 rrule-temporal@2.2.8

cat > probe.mjs <<'PROBE'
import ICAL from "ical.js";
import rrule from "rrule";
import { RRuleTemporal } from "rrule-temporal";

for (const [start, rule] of [
  ["2024-02-29", "FREQ=YEARLY;COUNT=3"],
  ["2024-02-29", "FREQ=YEARLY;BYMONTH=2;COUNT=3"],
  ["2026-01-31", "FREQ=YEARLY;BYMONTH=1,4;COUNT=3"],
  ["2024-02-29", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;COUNT=3"],
  ["2026-01-31", "FREQ=MONTHLY;COUNT=3"],
]) {
  const iterator = ICAL.Recur.fromString(rule).iterator(ICAL.Time.fromString(start));
  const text = `DTSTART:${start.replaceAll("-", "")}T000000Z\nRRULE:${rule}`;
  console.log(start, rule);
  console.log("  ical.js       ", [1, 2, 3].map(() => String(iterator.next())).join(" "));
  console.log("  rrule         ", rrule.rrulestr(text).all().map((date) => date.toISOString().slice(0, 10)).join(" "));
  console.log("  rrule-temporal", new RRuleTemporal({ rruleString: text }).all().map((date) => String(date.toPlainDate())).join(" "));
}
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
