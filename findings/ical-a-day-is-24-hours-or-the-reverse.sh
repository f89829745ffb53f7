#!/usr/bin/env bash
# iCalendar in JavaScript: when the clocks change, P1D is 24 hours for one library, and PT24H a whole day for the other
#
# Versions: node-ical 0.27.2 (which asks for Node 22; 0.26.1, for Node 20, does the same), ical.js 2.2.1 (npm).
# Expected: weeks and days are nominal, hours are exact (RFC 5545, section 3.3.6). On the night in which New York's clocks go
# back, P1D from noon ends at noon, after 25 hours, and PT24H ends at 11 o'clock. A whole day ends when the next one begins.
# Seen: each library has one kind of duration, and the end of an event is an hour off for the other kind. For node-ical on a
# server in New York, an event of the whole 1st of November with DURATION:P1D ends at 23 o'clock.
#
# Output:
#> noon on October 31st and P1D: expected 17:00Z, node-ical 16:00Z, ical.js 17:00Z
#> noon on October 31st and P1W: expected 17:00Z, node-ical 16:00Z, ical.js 17:00Z
#> noon on October 31st and PT24H: expected 16:00Z, node-ical 16:00Z, ical.js 17:00Z
#> the whole 1st of November, P1D: node-ical Sun Nov 01 2026 23:00:00, ical.js 2026-11-02

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund node-ical@0.27.2 ical.js@2.2.1

cat > probe.mjs <<'PROBE'
import ICAL from "ical.js";
import nodeIcal from "node-ical";

const calendar = (start, duration) =>
  [
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    "PRODID:-//Example//Probe//EN",
    "BEGIN:VTIMEZONE",
    "TZID:America/New_York",
    "BEGIN:STANDARD",
    "DTSTART:20061105T020000",
    "RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=11",
    "TZOFFSETFROM:-0400",
    "TZOFFSETTO:-0500",
    "END:STANDARD",
    "BEGIN:DAYLIGHT",
    "DTSTART:20070311T020000",
    "RRULE:FREQ=YEARLY;BYDAY=2SU;BYMONTH=3",
    "TZOFFSETFROM:-0500",
    "TZOFFSETTO:-0400",
    "END:DAYLIGHT",
    "END:VTIMEZONE",
    "BEGIN:VEVENT",
    "UID:probe@example.com",
    "DTSTAMP:20260101T000000Z",
    `DTSTART;${start}`,
    `DURATION:${duration}`,
    "END:VEVENT",
    "END:VCALENDAR",
    "",
  ].join("\r\n");
const ends = (start, duration) => {
  const text = calendar(start, duration);
  const component = new ICAL.Component(ICAL.parse(text)).getFirstSubcomponent("vevent");
  return [nodeIcal.sync.parseICS(text)["probe@example.com"].end, new ICAL.Event(component).endDate];
};
const clock = (date) => date.toISOString().slice(11, 16) + "Z";

for (const [duration, expected] of [["P1D", "17:00Z"], ["P1W", "17:00Z"], ["PT24H", "16:00Z"]]) {
  const [first, second] = ends("TZID=America/New_York:20261031T120000", duration);
  const seen = `node-ical ${clock(first)}, ical.js ${clock(second.toJSDate())}`;
  console.log(`noon on October 31st and ${duration}: expected ${expected}, ${seen}`);
}
const [first, second] = ends("VALUE=DATE:20261101", "P1D");
console.log(`the whole 1st of November, P1D: node-ical ${String(first).slice(0, 24)}, ical.js ${second}`);
PROBE
TZ=America/New_York node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
