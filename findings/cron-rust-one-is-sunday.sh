#!/usr/bin/env bash
# Cron in Rust: 1 is Sunday, and a day must fit both fields
#
# Versions: cron 0.15.0 with chrono 0.4.45 (crates.io), croniter 7.0.0 (PyPI).
# Expected: crontab(5): 0 and 7 are Sunday, 1 is Monday; if the day of the month and the day of the week are both given, one
# of them is enough.
# Seen: the crate counts from 1 for Sunday, as Quartz does, and takes 7 for Saturday, without an error for the usual
# numbers. "The 13th, and Mondays" are the Sundays that are a 13th. A schedule that is moved from a crontab runs a day
# early, or hardly ever.
#
# Output:
#> * * 1  cron (Rust) Sun 2026-11-08, Sun 2026-11-15, Sun 2026-11-22
#> * * 1  croniter    Mon 2026-11-02, Mon 2026-11-09, Mon 2026-11-16
#> * * 7  cron (Rust) Sat 2026-11-07, Sat 2026-11-14, Sat 2026-11-21
#> * * 7  croniter    Sun 2026-11-08, Sun 2026-11-15, Sun 2026-11-22
#> 13 * 1 cron (Rust) Sun 2026-12-13, Sun 2027-06-13, Sun 2028-02-13
#> 13 * 1 croniter    Mon 2026-11-02, Mon 2026-11-09, Fri 2026-11-13

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore croniter==7.0.0
cargo init --quiet --name probe
cargo add --quiet cron@=0.15.0 chrono@=0.4.45

cat > src/main.rs <<'PROBE'
use chrono::{TimeZone, Utc};
use cron::Schedule;
use std::str::FromStr;

fn main() {
    for days in ["* * 1", "* * 7", "13 * 1"] {
        let schedule = Schedule::from_str(&format!("0 0 0 {days}")).unwrap();
        let runs = schedule.after(&Utc.with_ymd_and_hms(2026, 11, 1, 12, 0, 0).unwrap());
        let texts: Vec<_> = runs.take(3).map(|run| run.format("%a %Y-%m-%d").to_string()).collect();
        println!("{days:6} cron (Rust) {}", texts.join(", "));
    }
}
PROBE
cat > probe.py <<'PROBE'
from datetime import datetime
from croniter import croniter

for days in "* * 1", "* * 7", "13 * 1":
    runs = croniter(f"0 0 {days}", datetime(2026, 11, 1, 12), ret_type=datetime)
    print(f"{days:6} croniter    {', '.join(f'{next(runs):%a %Y-%m-%d}' for _ in range(3))}")
PROBE
{ cargo run --quiet; venv/bin/python probe.py; } 2> /dev/null | sort | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
