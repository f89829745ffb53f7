#!/usr/bin/env bash
# npm's cron: on the day on which summer time ends, the job of 3 o'clock runs at 2 o'clock, and again at 3
#
# Versions: cron 4.4.0, croner 11.0.1 (npm).
# Expected: 3 o'clock comes once on that day. Only times between 2 and 3 come twice, which is why people move a job to 3.
# Seen: cron gives the second 2 o'clock of Berlin as the first run of `0 3 * * *`, and 3 o'clock as the second one. The same
# happens to each minute of the hour from 3 to 4. A daily job, say a report or a charge, runs twice that night.
#
# Output:
#> 0 2 * * *  cron   2026-10-25 02:00 +02:00 then 2026-10-26 02:00 +01:00
#> 0 2 * * *  croner 2026-10-25 02:00 +02:00 then 2026-10-26 02:00 +01:00
#> 0 3 * * *  cron   2026-10-25 02:00 +01:00 then 2026-10-25 03:00 +01:00
#> 0 3 * * *  croner 2026-10-25 03:00 +01:00 then 2026-10-26 03:00 +01:00
#> 45 3 * * * cron   2026-10-25 02:45 +01:00 then 2026-10-25 03:45 +01:00
#> 45 3 * * * croner 2026-10-25 03:45 +01:00 then 2026-10-26 03:45 +01:00
#> 0 4 * * *  cron   2026-10-25 04:00 +01:00 then 2026-10-26 04:00 +01:00
#> 0 4 * * *  croner 2026-10-25 04:00 +01:00 then 2026-10-26 04:00 +01:00

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund cron@4.4.0 croner@11.0.1

cat > probe.mjs <<'PROBE'
import { CronTime } from "cron";
import { Cron } from "croner";

const zone = "Europe/Berlin";
const from = new Date("2026-10-24T20:00:00Z");
const local = (date) => date.toLocaleString("sv-SE", { timeZone: zone, timeZoneName: "longOffset" }).replace(/:00 GMT/, " ");
for (const expression of ["0 2 * * *", "0 3 * * *", "45 3 * * *", "0 4 * * *"]) {
  const time = new CronTime(expression, zone);
  const first = time.getNextDateFrom(from, zone).toJSDate();
  const second = time.getNextDateFrom(first, zone).toJSDate();
  console.log(expression.padEnd(10), "cron  ", local(first), "then", local(second));
  console.log(expression.padEnd(10), "croner", new Cron(expression, { timezone: zone }).nextRuns(2, from).map(local).join(" then "));
}
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
