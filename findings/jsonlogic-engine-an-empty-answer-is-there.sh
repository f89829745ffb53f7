#!/usr/bin/env bash
# JsonLogic in JavaScript: the same rule has another result in a second library
#
# Versions: json-logic-js 2.0.5, json-logic-engine 5.0.7 (npm), json-logic-qubit 0.9.1 (PyPI).
# Expected: json-logic-engine calls itself an alternative to json-logic-js, which is by the author of JsonLogic (README). Rules
# are meant to be stored and shared, and a stored rule keeps its result.
# Seen: a field that is null or an empty string is missing in json-logic-js and in Python, and is there in json-logic-engine, so
# that a form without answers is complete. `null == 0` and `null == false` are true there, and an empty object is false.
#
# Output:
#> {"missing":["name"]} of {"name":""}: json-logic-js ["name"], json-logic-engine [], Python ["name"]
#> {"missing":["name"]} of {"name":null}: json-logic-js ["name"], json-logic-engine [], Python ["name"]
#> {"missing":["name"]} of {}: json-logic-js ["name"], json-logic-engine ["name"], Python ["name"]
#> {"==":[{"var":"discount"},0]} of {"discount":null}: json-logic-js false, json-logic-engine true, Python false
#> {"!!":[{"var":"address"}]} of {"address":{}}: json-logic-js true, json-logic-engine false, Python false

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund json-logic-js@2.0.5 json-logic-engine@5.0.7
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore json-logic-qubit==0.9.1

cat > probe.mjs <<'PROBE'
import { LogicEngine } from "json-logic-engine";
import jsonLogic from "json-logic-js";

const engine = new LogicEngine();
const cases = [
  [{ missing: ["name"] }, { name: "" }],
  [{ missing: ["name"] }, { name: null }],
  [{ missing: ["name"] }, {}],
  [{ "==": [{ var: "discount" }, 0] }, { discount: null }],
  [{ "!!": [{ var: "address" }] }, { address: {} }],
];
for (const [rule, data] of cases)
  console.log(JSON.stringify([rule, data, jsonLogic.apply(rule, data), engine.run(rule, data)]));
PROBE
cat > probe.py <<'PROBE'
import json
import sys
from functools import partial

from json_logic import jsonLogic

text = partial(json.dumps, separators=(",", ":"))
for rule, data, first, second in map(json.loads, sys.stdin):
    python = text(jsonLogic(rule, data))
    print(f"{text(rule)} of {text(data)}: json-logic-js {text(first)}, json-logic-engine {text(second)}, Python {python}")
PROBE
node probe.mjs | venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
