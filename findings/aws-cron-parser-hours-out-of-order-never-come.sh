#!/usr/bin/env bash
# aws-cron-parser: of the hours `20,8`, 8 o'clock never comes
#
# Versions: aws-cron-parser 1.1.12 (npm), aws-croniter 2.1.1 (PyPI).
# Expected: EventBridge's guide calls the comma a list of further values; their order means nothing.
# Seen: the parser keeps the order, and the search takes the first entry that is not over yet. A smaller value after a larger
# one is never found, neither in hours nor in minutes, days or months. `prev` finds other runs than `next`.
#
# Output:
#> 0 8,20 * * ? *    npm  30T20:00 01T08:00 01T20:00  PyPI 30T20:00 01T08:00 01T20:00
#> 0 20,8 * * ? *    npm  30T20:00 01T20:00 02T20:00  PyPI 30T20:00 01T08:00 01T20:00
#> 45,15 13 * * ? *  npm  30T13:45 01T13:45 02T13:45  PyPI 30T13:15 30T13:45 01T13:15
#> 0 8 15,1 * ? *    npm  15T08:00 15T08:00 15T08:00  PyPI 01T08:00 15T08:00 01T08:00
#> 0 20,8 * * ? *    npm, backwards from 30T20:00: 30T08:00

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund aws-cron-parser@1.1.12
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore aws-croniter==2.1.1

cat > cases.json <<'PROBE'
["0 8,20 * * ? *", "0 20,8 * * ? *", "45,15 13 * * ? *", "0 8 15,1 * ? *"]
PROBE
cat > probe.cjs <<'PROBE'
const { parse, next } = require("aws-cron-parser");
for (const text of require("./cases.json")) {
  let time = new Date("2026-11-30T12:00:00Z");
  const runs = [1, 2, 3].map(() => (time = next(parse(text), time)).toISOString().slice(8, 16));
  console.log(text.padEnd(17), "npm ", ...runs);
}
PROBE
cat > back.cjs <<'PROBE'
const { parse, prev } = require("aws-cron-parser");
const run = prev(parse("0 20,8 * * ? *"), new Date("2026-11-30T20:00:00Z"));
console.log("0 20,8 * * ? *    npm, backwards from 30T20:00:", run.toISOString().slice(8, 16));
PROBE
cat > probe.py <<'PROBE'
import datetime
import json
from aws_croniter import AwsCroniter

for text in json.load(open("cases.json")):
    runs = AwsCroniter(text).get_next(datetime.datetime(2026, 11, 30, 12, tzinfo=datetime.timezone.utc), 3)
    print("PyPI", *(f"{run:%dT%H:%M}" for run in runs))
PROBE
{ paste -d ' ' <(node probe.cjs) <(venv/bin/python probe.py | sed 's/^/ /'); node back.cjs; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
