#!/usr/bin/env bash
# In Python's JMESPath, `true` equals 1, but only inside lists and objects
#
# Versions: jmespath 1.1.0 (PyPI), jmespath 0.16.0 (npm).
# Expected: JMESPath has JSON's types, and a boolean is never equal to a number. The Python library knows that Python's `True == 1`
# needs care: it answers `false` to "true equals 1", as JavaScript does.
# Seen: one level deeper it forgets it. `[true]` equals `[1]`, an object with `true` equals one with 1, and
# `contains(flags, 1)` finds `true`. A filter that selects by such a test selects other messages in Python (and in the AWS CLI,
# which uses this library) than in JavaScript.
#
# Output:
#> a == b               {"a": true, "b": 1}               python false, javascript false
#> a == b               {"a": [true], "b": [1]}           python true, javascript false
#> a == b               {"a": {"x": 0}, "b": {"x": false}} python true, javascript false
#> contains(flags, `1`) {"flags": [true]}                 python true, javascript false
#> contains(ids, flag)  {"ids": [0, 2], "flag": false}    python true, javascript false

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund jmespath@0.16.0

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore jmespath==1.1.0

cat > cases.json <<'PROBE'
[["a == b", {"a": true, "b": 1}],
 ["a == b", {"a": [true], "b": [1]}],
 ["a == b", {"a": {"x": 0}, "b": {"x": false}}],
 ["contains(flags, `1`)", {"flags": [true]}],
 ["contains(ids, flag)", {"ids": [0, 2], "flag": false}]]
PROBE
cat > probe.py <<'PROBE'
import json
import subprocess
import jmespath

cases = json.load(open("cases.json"))
javascript = json.loads(subprocess.check_output(["node", "probe.cjs"]))
for (expression, data), other in zip(cases, javascript, strict=True):
    ours = json.dumps(jmespath.search(expression, data))
    print(f"{expression:20} {json.dumps(data):33} python {ours}, javascript {json.dumps(other)}")
PROBE
cat > probe.cjs <<'PROBE'
const { search } = require("jmespath");
console.log(JSON.stringify(require("./cases.json").map(([expression, data]) => search(data, expression))));
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
