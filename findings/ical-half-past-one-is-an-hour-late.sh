#!/usr/bin/env bash
# iCalendar in JavaScript: an event at half past one begins an hour late in autumn, or an hour early in spring
#
# Versions: node-ical 0.27.2 (which asks for Node 22; 0.26.1, for Node 20, does the same), ical.js 2.2.1 (npm).
# Expected: a time that occurs twice means the first one, and a time that does not occur has the offset from before the gap
# (RFC 5545, section 3.3.5). The first two times below are the examples of that section, the zone is that of section 3.6.5.
# Seen: both libraries take the second of the two times in autumn. In spring, ical.js takes the offset from after the gap, so
# that the event begins at half past one and not at half past three.
#
# Output:
#> 20071104T013000 is 05:30Z, for node-ical 06:30Z, for ical.js 06:30Z
#> 20070311T023000 is 07:30Z, for node-ical 07:30Z, for ical.js 06:30Z
#> 20261101T013000 is 05:30Z, for node-ical 06:30Z, for ical.js 06:30Z
#> 20270314T023000 is 07:30Z, for node-ical 07:30Z, for ical.js 06:30Z

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund node-ical@0.27.2 ical.js@2.2.1

cat > probe.mjs <<'PROBE'
import ICAL from "ical.js";
import nodeIcal from "node-ical";

const calendar = (start) =>
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
    "DTSTAMP:20070101T000000Z",
    `DTSTART;TZID=America/New_York:${start}`,
    "END:VEVENT",
    "END:VCALENDAR",
    "",
  ].join("\r\n");
const clock = (date) => date.toISOString().slice(11, 16) + "Z";

for (const [start, expected] of [
  ["20071104T013000", "05:30Z"],
  ["20070311T023000", "07:30Z"],
  ["20261101T013000", "05:30Z"],
  ["20270314T023000", "07:30Z"],
]) {
  const text = calendar(start);
  const first = nodeIcal.sync.parseICS(text)["probe@example.com"].start;
  const component = new ICAL.Component(ICAL.parse(text)).getFirstSubcomponent("vevent");
  const second = new ICAL.Event(component).startDate.toJSDate();
  console.log(`${start} is ${expected}, for node-ical ${clock(first)}, for ical.js ${clock(second)}`);
}
PROBE
TZ=UTC node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
