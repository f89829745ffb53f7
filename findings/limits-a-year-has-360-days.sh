#!/usr/bin/env bash
# limits, the library of Flask-Limiter and SlowAPI: a year ends after 360 days
#
# Version: limits 5.8.0 (PyPI).
# Expected: "1 per year" permits one call in a year, and twelve months are a year or a little less.
# Seen: a month is 30 days and a year twelve of these: 360 days. Neither follows the calendar, and five days before the first
# year is over the second one begins. A week is no period at all; "7 days" has to be written instead.
#
# Output:
#> 1 per day: 1 days
#> 1 per 7 days: 7 days
#> 1 per month: 30 days
#> 12 per 12 months: 360 days
#> 1 per year: 360 days
#> 1 per week: no granularity matched for week
#> after 359 days: refused
#> after 361 days: permitted

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore limits==5.8.0

cat > probe.py <<'PROBE'
import time
from unittest.mock import patch

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

DAY = 24 * 3600

for text in ("1 per day", "1 per 7 days", "1 per month", "12 per 12 months", "1 per year", "1 per week"):
    try:
        print(f"{text}: {parse(text).get_expiry() / DAY:g} days")
    except ValueError as error:
        print(f"{text}: {error}")

start = time.time()
for days in (359, 361):
    limiter, limit = MovingWindowRateLimiter(MemoryStorage()), parse("1 per year")
    assert limiter.hit(limit, "customer")
    with patch("time.time", lambda: start + days * DAY):
        print(f"after {days} days: {'permitted' if limiter.hit(limit, 'customer') else 'refused'}")
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
