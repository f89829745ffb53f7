#!/usr/bin/env bash
# JSONata in Python: the remainder of a division has no fraction
#
# Versions: jsonata 2.2.2 (npm), jsonata-python 0.7.1 (PyPI).
# Expected: `%` returns the remainder of two numbers (JSONata, "Numeric operators"): 7.5 % 2 is 1.5, as in JavaScript.
# Seen: Python cuts the remainder to an integer. What is left of 5 after parts of 1.5 is nothing, and no error says so.
#
# Output:
#> 7 % 3: JavaScript 1, Python 1
#> 7.5 % 2: JavaScript 1.5, Python 1
#> 5 % 1.5: JavaScript 0.5, Python 0
#> -7.5 % 2: JavaScript -1.5, Python -1

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund jsonata@2.2.2
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore jsonata-python==0.7.1

cat > probe.mjs <<'PROBE'
import jsonata from "jsonata";

for (const text of ["7 % 3", "7.5 % 2", "5 % 1.5", "-7.5 % 2"])
  console.log(JSON.stringify([text, await jsonata(text).evaluate({})]));
PROBE
cat > probe.py <<'PROBE'
import json
import sys

from jsonata import Jsonata

for text, javascript in map(json.loads, sys.stdin):
    print(f"{text}: JavaScript {javascript}, Python {Jsonata(text).evaluate({})}")
PROBE
node probe.mjs | venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
