#!/usr/bin/env bash
# MGRS: a square in Alaska or the eastern Pacific has one text in Python and another in JavaScript
#
# Versions: mgrs 1.6.0 (PyPI), mgrs 2.2.0 (npm).
# Expected: a reference is a text that places can be found and grouped by, so two packages of the same name write the same one.
# Seen: in the zones 1 to 9 the Python package writes the number with two digits, the npm package with one. Each reads both.
# Longitude 180, where both zones end, is in zone 1 in Python and in zone 60 in JavaScript.
#
# Output:
#> 52.52, 13.405: Python 33UUU9177920072, JavaScript 33UUU9177920072
#> 61.2181, -149.9003: Python 06VUN4424790536, JavaScript 6VUN4424790536
#> -17.5388, -149.5686: Python 06KTF2730758995, JavaScript 6KTF2730758995
#> -16.5, 180: Python 01KAB7971273373, JavaScript 60KZG2028773373

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund mgrs@2.2.0
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore mgrs==1.6.0

cat > probe.cjs <<'PROBE'
const { forward } = require("mgrs");

for (const [latitude, longitude] of [[52.52, 13.405], [61.2181, -149.9003], [-17.5388, -149.5686], [-16.5, 180]])
  console.log(JSON.stringify([latitude, longitude, forward([longitude, latitude], 5)]));
PROBE
cat > probe.py <<'PROBE'
import json
import sys

import mgrs

for latitude, longitude, javascript in map(json.loads, sys.stdin):
    print(f"{latitude}, {longitude}: Python {mgrs.MGRS().toMGRS(latitude, longitude)}, JavaScript {javascript}")
PROBE
node probe.cjs | venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
