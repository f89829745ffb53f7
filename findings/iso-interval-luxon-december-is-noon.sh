#!/usr/bin/env bash
# ISO 8601 intervals: 2026-11-30/12-05 ends in December, or at noon
#
# Versions: luxon 3.7.2 (npm), aniso8601 10.0.1 (PyPI).
# Expected: what the end of an interval leaves out is taken from its start (ISO 8601:2004, section 4.4.5): `/12-05` is the 5th of
# December of the same year, `/14:00` is two o'clock of the same day. A parser that does not know this refuses it.
# Seen: Luxon reads the end on its own, and without an error. `12-05` is 12 o'clock in the zone -05:00, and a time or a day is one
# of today, whenever today is. The interval of a meeting last Monday ends this afternoon. Python takes the start's date.
#
# Output:
#> 2026-11-30/12-05 luxon 2026-11-30T00:00Z/2027-01-19T17:00Z aniso8601 2026-11-30/2026-12-05
#> 2026-11-30T12:00Z/14:00Z luxon 2026-11-30T12:00Z/2027-01-20T14:00Z aniso8601 2026-11-30T12:00:00+00:00/2026-11-30T14:00:00+00:00
#> 2026-11-30T12:00Z/2026-11-30T14:00Z luxon 2026-11-30T12:00Z/2026-11-30T14:00Z aniso8601 2026-11-30T12:00:00+00:00/2026-11-30T14:00:00+00:00

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund luxon@3.7.2
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore aniso8601==10.0.1

printf '%s\n' 2026-11-30/12-05 2026-11-30T12:00Z/14:00Z 2026-11-30T12:00Z/2026-11-30T14:00Z > intervals
cat > probe.cjs <<'PROBE'
const { readFileSync } = require("node:fs");
const { Interval, Settings } = require("luxon");

Settings.defaultZone = "utc";
Settings.now = () => Date.UTC(2027, 0, 20);
for (const text of readFileSync("intervals", "utf8").trim().split("\n")) console.log(text, "luxon", Interval.fromISO(text).toISO({ suppressMilliseconds: true, suppressSeconds: true }));
PROBE
cat > probe.py <<'PROBE'
from aniso8601 import parse_interval

for text in open("intervals"):
    print("aniso8601", "/".join(end.isoformat() for end in parse_interval(text.strip())))
PROBE
node probe.cjs > first
venv/bin/python probe.py > second
paste -d ' ' first second | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
