#!/usr/bin/env bash
# Cron: what "half past two" means on the two days on which the clocks change, in seven libraries
#
# Versions: cron-parser 5.10.6, croner 11.0.1, cron 4.4.0 (npm), croniter 7.0.0, cronsim 2.8 (PyPI), github.com/robfig/cron
# 3.0.1, github.com/adhocore/gronx 1.20.4 (Go).
# Expected: one answer for `30 2 * * *` in Berlin. Vixie's cron runs such a job once on each of the two days.
# Seen: in spring, where half past two does not exist, it runs at 3:00, at 3:30 or not at all on that day. In autumn, where
# it comes twice, it runs at the first, at the second or at both. A system that has its schedules read by two of them, one
# for the preview in the browser and one for the work, shows a time at which nothing runs.
#
# Output:
#> cron        spring: 03:00 CEST  autumn: 02:30 CEST
#> cron-parser spring: 03:30 CEST  autumn: 02:30 CEST
#> croner      spring: 03:00 CEST  autumn: 02:30 CEST
#> croniter    spring: 03:00 CEST  autumn: 02:30 CEST and 02:30 CET
#> cronsim     spring: 03:00 CEST  autumn: 02:30 CEST
#> gronx       spring: not at all  autumn: 02:30 CET
#> robfig/cron spring: not at all  autumn: 02:30 CEST and 02:30 CET

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund cron-parser@5.10.6 croner@11.0.1 cron@4.4.0
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore croniter==7.0.0 cronsim==2.8
go mod init probe 2> /dev/null
go get github.com/adhocore/gronx@v1.20.4 github.com/robfig/cron/v3@v3.0.1 2> /dev/null

cat > probe.mjs <<'PROBE'
import { CronTime } from "cron";
import { CronExpressionParser } from "cron-parser";
import { Cron } from "croner";

const zone = "Europe/Berlin";
const expression = "30 2 * * *";
const libraries = {
  "cron-parser": (from) => CronExpressionParser.parse(expression, { tz: zone, currentDate: from }).next().toDate(),
  croner: (from) => new Cron(expression, { timezone: zone }).nextRun(from),
  cron: (from) => new CronTime(expression, zone).getNextDateFrom(from, zone).toJSDate(),
};
for (const [name, next] of Object.entries(libraries))
  for (const start of ["2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z"]) {
    const first = next(new Date(start));
    console.log([name, first.toISOString(), next(first).toISOString()].join(" "));
  }
PROBE
cat > probe.py <<'PROBE'
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSim

libraries = {
    "croniter": lambda start: croniter("30 2 * * *", start, ret_type=datetime),
    "cronsim": lambda start: CronSim("30 2 * * *", start),
}
for name, library in libraries.items():
    for month, day in (3, 28), (10, 24):
        runs = library(datetime(2026, month, day, 13, tzinfo=ZoneInfo("Europe/Berlin")))
        print(name, *(next(runs).astimezone(timezone.utc).isoformat() for _ in range(2)))
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"fmt"
	"time"
	_ "time/tzdata"

	"github.com/adhocore/gronx"
	"github.com/robfig/cron/v3"
)

func main() {
	berlin, _ := time.LoadLocation("Europe/Berlin")
	schedule, _ := cron.ParseStandard("30 2 * * *")
	for name, next := range map[string]func(time.Time) time.Time{
		"robfig/cron": schedule.Next,
		"gronx":       func(from time.Time) time.Time { tick, _ := gronx.NextTickAfter("30 2 * * *", from, false); return tick },
	} {
		for _, start := range []time.Time{time.Date(2026, 3, 28, 12, 0, 0, 0, berlin), time.Date(2026, 10, 24, 12, 0, 0, 0, berlin)} {
			first := next(start)
			fmt.Println(name, first.UTC().Format(time.RFC3339), next(first).UTC().Format(time.RFC3339))
		}
	}
}
PROBE
cat > table.py <<'PROBE'
import sys
from datetime import datetime
from zoneinfo import ZoneInfo

rows = {}
for line in sys.stdin:
    name, *times = line.split()
    local = [datetime.fromisoformat(time.replace("Z", "+00:00")).astimezone(ZoneInfo("Europe/Berlin")) for time in times]
    season = "spring" if local[0].month == 3 else "autumn"
    day = {"spring": 29, "autumn": 25}[season]
    rows.setdefault(name, {})[season] = " and ".join(f"{time:%H:%M %Z}" for time in local if time.day == day) or "not at all"
for name, row in sorted(rows.items()):
    print(f"{name:11} spring: {row['spring']:11} autumn: {row['autumn']}")
PROBE
{ node probe.mjs; venv/bin/python probe.py; go run probe.go; } | python3 table.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
