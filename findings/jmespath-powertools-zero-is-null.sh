#!/usr/bin/env bash
# JMESPath in Powertools for JavaScript: not_null turns 0, an empty string and false into null
#
# Versions: @aws-lambda-powertools/jmespath 2.36.0, jmespath 0.16.0 (npm), aws-lambda-powertools 3.37.0 (PyPI).
# Expected: `not_null` returns the first argument that is not null (specification of JMESPath). 0, "" and false are not null.
# Seen: it finds the right argument, and returns null if that is 0, "" or false. The default after it is not taken either. An
# event that is unwrapped with `not_null(discount, 5)` has neither the discount of 0 nor one of 5.
#
# Output:
#> not_null(missing, discount, `5`): Powertools for JavaScript null, jmespath 0, Powertools for Python 0
#> not_null(missing, note, 'none'): Powertools for JavaScript null, jmespath "", Powertools for Python ""
#> not_null(gift, `true`): Powertools for JavaScript null, jmespath false, Powertools for Python false
#> not_null(missing, items, `5`): Powertools for JavaScript [], jmespath [], Powertools for Python []
#> not_null(missing, `5`): Powertools for JavaScript 5, jmespath 5, Powertools for Python 5

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund @aws-lambda-powertools/jmespath@2.36.0 jmespath@0.16.0
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore \
  aws-lambda-powertools==3.37.0 jmespath==1.1.0

cat > probe.mjs <<'PROBE'
import { search } from "@aws-lambda-powertools/jmespath";
import jmespath from "jmespath";

const order = { discount: 0, note: "", gift: false, items: [] };
const expressions = [
  "not_null(missing, discount, `5`)", "not_null(missing, note, 'none')", "not_null(gift, `true`)",
  "not_null(missing, items, `5`)", "not_null(missing, `5`)",
];
for (const expression of expressions)
  console.log(JSON.stringify([
    expression, order, JSON.stringify(search(expression, order)), JSON.stringify(jmespath.search(order, expression)),
  ]));
PROBE
cat > probe.py <<'PROBE'
import json
import sys

from aws_lambda_powertools.utilities.jmespath_utils import query

for expression, order, powertools, jmespath in map(json.loads, sys.stdin):
    python = json.dumps(query(order, expression))
    print(f"{expression}: Powertools for JavaScript {powertools}, jmespath {jmespath}, Powertools for Python {python}")
PROBE
node probe.mjs | venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
