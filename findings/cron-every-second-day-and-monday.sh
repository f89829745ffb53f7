#!/usr/bin/env bash
# Cron: `0 0 */2 * 1` is "every second day, and Mondays" or "each Monday that is an odd day"
#
# Versions: cron-parser 5.10.6, croner 11.0.1 (npm), croniter 7.0.0, cronsim 2.8 (PyPI), github.com/robfig/cron 3.0.1,
# github.com/adhocore/gronx 1.20.4 (Go).
# Expected: crontab(5): if both the day of the month and the day of the week are restricted, one of them is enough. Whether
# `*/2` is restricted, it leaves to the reader; Vixie's cron takes each field that begins with a star as not restricted.
# Seen: the same line runs 18 times in November 2026 or twice, depending on who reads it. robfig/cron, on which Kubernetes'
# CronJob relies, is among the former, the machine's own cron among the latter. A crontab that is moved runs nine times as
# often.
#
# Output:
#> cron-parser 18 runs: 1 2 3 5 7 9 11 13 15 16 17 19 21 23 25 27 29 30
#> croner      18 runs: 1 2 3 5 7 9 11 13 15 16 17 19 21 23 25 27 29 30
#> croniter    18 runs: 1 2 3 5 7 9 11 13 15 16 17 19 21 23 25 27 29 30
#> cronsim     2 runs: 9 23
#> robfig/cron 18 runs: 1 2 3 5 7 9 11 13 15 16 17 19 21 23 25 27 29 30
#> gronx       2 runs: 9 23

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund cron-parser@5.10.6 croner@11.0.1
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore croniter==7.0.0 cronsim==2.8
go mod init probe 2> /dev/null
go get github.com/adhocore/gronx@v1.20.4 github.com/robfig/cron/v3@v3.0.1 2> /dev/null

cat > probe.mjs <<'PROBE'
import { CronExpressionParser } from "cron-parser";
import { Cron } from "croner";

const count = (name, next) => {
  let days = [];
  for (let date = next(new Date("2026-10-31T12:00:00Z")); date.getUTCMonth() === 10; date = next(date)) days.push(date.getUTCDate());
  console.log(name.padEnd(11), days.length, "runs:", ...days);
};
const expression = "0 0 */2 * 1";
count("cron-parser", (from) => CronExpressionParser.parse(expression, { tz: "UTC", currentDate: from }).next().toDate());
count("croner", (from) => new Cron(expression, { timezone: "UTC" }).nextRun(from));
PROBE
cat > probe.py <<'PROBE'
import itertools
from datetime import datetime, timezone

from croniter import croniter
from cronsim import CronSim

start = datetime(2026, 10, 31, 12, tzinfo=timezone.utc)
for name, runs in ("croniter", croniter("0 0 */2 * 1", start, ret_type=datetime)), ("cronsim", CronSim("0 0 */2 * 1", start)):
    days = [run.day for run in itertools.takewhile(lambda run: run.month == 11, runs)]
    print(f"{name:11}", len(days), "runs:", *days)
PROBE
cat > probe.go <<'PROBE'
package main

import (
	"fmt"
	"time"

	"github.com/adhocore/gronx"
	"github.com/robfig/cron/v3"
)

func count(name string, next func(time.Time) time.Time) {
	days := []any{}
	for tick := next(time.Date(2026, 10, 31, 12, 0, 0, 0, time.UTC)); tick.Month() == time.November; tick = next(tick) {
		days = append(days, tick.Day())
	}
	fmt.Printf("%-11s %d runs: %s", name, len(days), fmt.Sprintln(days...))
}

func main() {
	schedule, _ := cron.ParseStandard("0 0 */2 * 1")
	count("robfig/cron", schedule.Next)
	count("gronx", func(from time.Time) time.Time {
		tick, _ := gronx.NextTickAfter("0 0 */2 * 1", from, false)
		return tick
	})
}
PROBE
{ node probe.mjs; venv/bin/python probe.py; go run probe.go; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
