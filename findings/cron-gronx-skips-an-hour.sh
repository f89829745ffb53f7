#!/usr/bin/env bash
# Cron in Go: when the clocks go back, an hourly job is not run for two hours
#
# Versions: github.com/adhocore/gronx 1.20.4, github.com/robfig/cron 3.0.1 (Go).
# Expected: "each hour" has a tick each hour of real time; the night in which summer time ends has 25 of them. robfig/cron
# and Vixie's cron do it so for jobs whose hour is `*`.
# Seen: gronx goes from 01:00 straight to the second 02:00. Two hours pass between two ticks of an hourly job, a job of
# every quarter of an hour pauses for 75 minutes, and a sweep that keeps up only if it runs each hour falls behind.
#
# Output:
#> 0 * * * *    tick 1: gronx 02:00 CET, robfig/cron 02:00 CEST
#> 0 * * * *    tick 2: gronx 03:00 CET, robfig/cron 02:00 CET
#> 0 * * * *    tick 3: gronx 04:00 CET, robfig/cron 03:00 CET
#> 0 * * * *    tick 4: gronx 05:00 CET, robfig/cron 04:00 CET
#> */15 * * * * tick 1: gronx 01:45 CEST, robfig/cron 01:45 CEST
#> */15 * * * * tick 2: gronx 02:00 CET, robfig/cron 02:00 CEST
#> */15 * * * * tick 3: gronx 02:15 CET, robfig/cron 02:15 CEST
#> */15 * * * * tick 4: gronx 02:30 CET, robfig/cron 02:30 CEST

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

go mod init probe 2> /dev/null
go get github.com/adhocore/gronx@v1.20.4 github.com/robfig/cron/v3@v3.0.1 2> /dev/null

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
	for _, expression := range []string{"0 * * * *", "*/15 * * * *"} {
		schedule, _ := cron.ParseStandard(expression)
		ours, theirs := time.Date(2026, 10, 25, 1, 30, 0, 0, berlin), time.Date(2026, 10, 25, 1, 30, 0, 0, berlin)
		for tick := 1; tick <= 4; tick++ {
			ours, _ = gronx.NextTickAfter(expression, ours, false)
			theirs = schedule.Next(theirs)
			fmt.Printf("%-12s tick %d: gronx %s, robfig/cron %s\n", expression, tick, ours.Format("15:04 MST"), theirs.Format("15:04 MST"))
		}
	}
}
PROBE
go run probe.go | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
