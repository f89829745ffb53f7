#!/usr/bin/env bash
# aws-cron-parser: the last Sunday of October is missing on a server in Berlin
#
# Version: aws-cron-parser 1.1.12 (npm).
# Expected: the library computes in UTC (`Date.UTC`, `getUTCHours`), as EventBridge does, so where it runs changes nothing.
# Seen: for `1L`, the last Sunday, it takes local midnights and adds seven times 24 hours. Where the clocks go back on 25
# October, that is 23:00 on the 31st, still October: so the 25th is not the last Sunday, and no day of the month is. The run
# of October is left out, and from 2027 the last Monday's. In UTC and New York it is there.
#
# Output:
#> UTC              0 8 ? * 1L 2026 from October: 2026-10-25 2026-11-29 2026-12-27
#> Europe/Berlin    0 8 ? * 1L 2026 from October: 2026-11-29 2026-12-27 none
#> America/New_York 0 8 ? * 1L 2026 from October: 2026-10-25 2026-11-29 2026-12-27
#> UTC              0 8 ? * 2L 2027 from October: 2027-10-25 2027-11-29 2027-12-27
#> Europe/Berlin    0 8 ? * 2L 2027 from October: 2027-11-29 2027-12-27 none
#> America/New_York 0 8 ? * 2L 2027 from October: 2027-10-25 2027-11-29 2027-12-27

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund aws-cron-parser@1.1.12

cat > probe.cjs <<'PROBE'
const { parse, next } = require("aws-cron-parser");
const [year, text] = [process.argv[2], process.argv[3]];
let time = new Date(`${year}-10-01T00:00:00Z`);
const runs = [1, 2, 3].map(() => time && (time = next(parse(text), time)));
const days = runs.map((run) => run?.toISOString().slice(0, 10) ?? "none");
console.log(process.env.TZ.padEnd(16), text, "from October:", ...days);
PROBE
for schedule in '2026 1L' '2027 2L'; do
  for zone in UTC Europe/Berlin America/New_York; do
    TZ=$zone node probe.cjs "${schedule% *}" "0 8 ? * ${schedule#* } ${schedule% *}"
  done
done | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
