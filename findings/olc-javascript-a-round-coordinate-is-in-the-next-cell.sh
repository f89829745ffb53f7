#!/usr/bin/env bash
# Plus Codes in JavaScript: a coordinate with up to three decimals is often in the cell beside the right one
#
# Versions: open-location-code 1.0.3 (npm), openlocationcode 1.0.1 (PyPI).
# Expected: a degree has 8000 cells, so a coordinate with three decimals is a corner of four. The one that begins there has
# it (Open Location Code specification, encoding), in both packages, which have the same authors.
# Seen: the JavaScript package calculates with floats, and often ends a tiny bit below the corner: it gives the cell to the
# south, to the west, or both. Two services that group places by their code disagree about most round ones, and hardly about
# any other.
#
# Output:
#> 1.28333, 103.86666: JavaScript 6PH57VM8+8M, Python 6PH57VM8+8M
#> 1.3, 103.8: JavaScript 6PH57RX2+X2, Python 6PH58R22+22
#> -58.5, 124.4: JavaScript 3QH6G92X+2X, Python 3QH6GC22+22
#> 42.2, -87.7: JavaScript 86JJ57XX+XX, Python 86JJ6822+22
#> of 1000 places with 1 decimal place, 643 have another code
#> of 1000 places with 3 decimal places, 766 have another code
#> of 1000 places with 6 decimal places, 10 have another code

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund open-location-code@1.0.3
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore openlocationcode==1.0.1

cat > probe.cjs <<'PROBE'
const { OpenLocationCode } = require("open-location-code");
const readline = require("node:readline");

const codes = new OpenLocationCode();
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const [decimals, latitude, longitude] = JSON.parse(line);
  console.log(JSON.stringify([decimals, latitude, longitude, codes.encode(latitude, longitude)]));
});
PROBE
cat > places.py <<'PROBE'
import json

for place in (1.28333, 103.86666), (1.3, 103.8), (-58.5, 124.4), (42.2, -87.7):
    print(json.dumps((None, *place)))
for decimals in 1, 3, 6:
    for number in range(1000):
        latitude, longitude = -80 + number * 0.1577137, -179 + number * 0.3511379
        print(json.dumps((decimals, round(latitude, decimals), round(longitude, decimals))))
PROBE
cat > probe.py <<'PROBE'
import json
import sys
from collections import Counter

from openlocationcode import openlocationcode

others = Counter({1: 0, 3: 0, 6: 0})
for decimals, latitude, longitude, javascript in map(json.loads, sys.stdin):
    python = openlocationcode.encode(latitude, longitude)
    if decimals is None:
        print(f"{latitude}, {longitude}: JavaScript {javascript}, Python {python}")
    else:
        others[decimals] += javascript != python
for decimals, count in others.items():
    print(f"of 1000 places with {decimals} decimal place{'s'[: decimals > 1]}, {count} have another code")
PROBE
venv/bin/python places.py | node probe.cjs | venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
