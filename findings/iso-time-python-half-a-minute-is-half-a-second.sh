#!/usr/bin/env bash
# ISO 8601 in Python: half a minute becomes half a second
#
# Versions: Python 3.11, aniso8601 10.0.1, isodate 0.7.2 (PyPI), luxon 3.7.2 (npm).
# Expected: a fraction belongs to the last part that is there (ISO 8601-1, section 5.3.1.4): `12:30,5` is half past twelve and half
# a minute. Python's documentation of `fromisoformat` says that fractions of hours and minutes are not supported, so it should
# raise ValueError, as Luxon finds the time invalid.
# Seen: Python adds the fraction as one of a second, and no error: `12.5` is half a second past noon, not half past twelve.
#
# Output:
#> 12:30,5 Python 12:30:00.500000 aniso8601 12:30:30 isodate 12:30:30 luxon invalid
#> 12.5 Python 12:00:00.500000 aniso8601 12:30:00 isodate 12:30:00 luxon invalid
#> 12:30:00,5 Python 12:30:00.500000 aniso8601 12:30:00.500000 isodate 12:30:00.500000 luxon 2026-11-30T12:30:00.500Z

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore aniso8601==10.0.1 isodate==0.7.2
npm install --silent --no-audit --no-fund luxon@3.7.2

cat > probe.py <<'PROBE'
from datetime import time
import aniso8601
import isodate

for text in ("12:30,5", "12.5", "12:30:00,5"):
    print(text, "Python", time.fromisoformat(text), "aniso8601", aniso8601.parse_time(text), "isodate", isodate.parse_time(text))
PROBE
cat > probe.cjs <<'PROBE'
const { DateTime } = require("luxon");

for (const text of ["12:30,5", "12.5", "12:30:00,5"]) console.log("luxon", DateTime.fromISO(`2026-11-30T${text}`, { zone: "utc" }).toISO() ?? "invalid");
PROBE
venv/bin/python probe.py > first
node probe.cjs > second
paste -d ' ' first second | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
