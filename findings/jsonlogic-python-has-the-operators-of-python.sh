#!/usr/bin/env bash
# JsonLogic in Python: comparisons, remainders and texts are those of Python
#
# Versions: json-logic-qubit 0.9.1 (PyPI), json-logic-js 2.0.5 (npm).
# Expected: a rule has the same result in a browser and on a server; that is what JsonLogic is for. Its `==` compares as
# JavaScript's does, "1" and 1 are equal (documentation of JsonLogic).
# Seen: Python's package converts the number to a text to compare it, so that "1" equals 1, and "1.0", "01" and "1e2" equal
# nothing. The remainder of -7 by 3 is 2 instead of -1. A text put together with `cat` has True and None in it.
#
# Output:
#> {"==":["1",1]}: JavaScript true, Python true
#> {"==":["1.0",1]}: JavaScript true, Python false
#> {"==":["",0]}: JavaScript true, Python false
#> {"<":[null,1]}: JavaScript true, Python false
#> {"%":[-7,3]}: JavaScript -1, Python 2
#> {"cat":["paid: ",true,", note: ",null]}: JavaScript "paid: true, note: ", Python "paid: True, note: None"

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund json-logic-js@2.0.5
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore json-logic-qubit==0.9.1

cat > probe.mjs <<'PROBE'
import jsonLogic from "json-logic-js";

const rules = [
  { "==": ["1", 1] }, { "==": ["1.0", 1] }, { "==": ["", 0] }, { "<": [null, 1] }, { "%": [-7, 3] },
  { cat: ["paid: ", true, ", note: ", null] },
];
for (const rule of rules)
  console.log(JSON.stringify([rule, jsonLogic.apply(rule)]));
PROBE
cat > probe.py <<'PROBE'
import json
import sys
from functools import partial

from json_logic import jsonLogic

text = partial(json.dumps, separators=(",", ":"))
for rule, javascript in map(json.loads, sys.stdin):
    print(f"{text(rule)}: JavaScript {text(javascript)}, Python {text(jsonLogic(rule))}")
PROBE
node probe.mjs | venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
