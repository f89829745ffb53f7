#!/usr/bin/env bash
# JSON Merge Patch in Python: a change from 1 to true is no change
#
# Versions: json-merge-patch 0.3.0 (PyPI), json-merge-patch 1.0.2 (npm).
# Expected: `create_patch` of two different documents gives a patch that makes the second of the first (RFC 7396, section 1).
# Seen: it compares with Python's `==`, for which 0 is False and 1 is True. Where a field changes from a number to a boolean or
# back, the patch is empty, and the other side keeps the old type. JavaScript's library of the same name writes the change.
#
# Output:
#> Python: {"paid": 1} to {"paid": true} is the patch {}, which gives {"paid": 1}
#> Python: {"retries": false} to {"retries": 0} is the patch {}, which gives {"retries": false}
#> Python: {"rules": [1, 0]} to {"rules": [true, false]} is the patch {}, which gives {"rules": [1, 0]}
#> Python: {"paid": 1} to {"paid": 2} is the patch {"paid": 2}, which gives {"paid": 2}
#> JavaScript: the patch {"paid":true} gives {"paid":true}
#> JavaScript: the patch {"retries":0} gives {"retries":0}
#> JavaScript: the patch {"rules":[true,false]} gives {"rules":[true,false]}
#> JavaScript: the patch {"paid":2} gives {"paid":2}

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore json-merge-patch==0.3.0
npm install --silent --no-audit --no-fund json-merge-patch@1.0.2

cat > cases.json <<'PROBE'
[
  [{"paid": 1}, {"paid": true}],
  [{"retries": false}, {"retries": 0}],
  [{"rules": [1, 0]}, {"rules": [true, false]}],
  [{"paid": 1}, {"paid": 2}]
]
PROBE
cat > probe.py <<'PROBE'
import json
from json_merge_patch import create_patch, merge

for before, after in json.load(open("cases.json")):
    patch = create_patch(before, after)
    print("Python:", json.dumps(before), "to", json.dumps(after), "is the patch", json.dumps(patch) + ", which gives", json.dumps(merge(before, patch)))
PROBE
cat > probe.cjs <<'PROBE'
const { apply, generate } = require("json-merge-patch");

for (const [before, after] of require("./cases.json")) {
  const patch = generate(before, after);
  console.log("JavaScript: the patch", JSON.stringify(patch), "gives", JSON.stringify(apply(before, patch)));
}
PROBE
{ venv/bin/python probe.py; node probe.cjs; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
