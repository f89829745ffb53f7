#!/usr/bin/env bash
# CEL in Python: 1 == 1.0 is an error, 1 < 1.5 is not
#
# Version: cel-python 0.5.0 (PyPI).
# Expected: numbers of different types can be compared; `dyn(1) == 1.0` is true by the definition, and values from
# JSON are dynamic.
# Seen: an int and a double cannot be compared for equality, and whether they have an order depends on which of them
# comes first. A rule on JSON works until somebody sends 3 in place of 3.0.
#
# Output:
#> {"n": 1.0} n == 1 -> error
#> {"n": 1.0} n == 1.0 -> True
#> {"n": 1.0} n < 2 -> True
#> {"n": 1.0} n < 1.5 -> True
#> {"n": 1.0} 1.5 > n -> True
#> {"n": 1.0} n in [1] -> error
#> {"n": 1} n == 1 -> True
#> {"n": 1} n == 1.0 -> error
#> {"n": 1} n < 2 -> True
#> {"n": 1} n < 1.5 -> error
#> {"n": 1} 1.5 > n -> True
#> {"n": 1} n in [1] -> True

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip --quiet --disable-pip-version-check install cel-python==0.5.0

cat > probe.py <<'PROBE'
import json

import celpy

environment = celpy.Environment()
for text in ('{"n": 1.0}', '{"n": 1}'):
    for expression in ("n == 1", "n == 1.0", "n < 2", "n < 1.5", "1.5 > n", "n in [1]"):
        try:
            answer = bool(environment.program(environment.compile(expression)).evaluate(celpy.json_to_cel(json.loads(text))))
        except celpy.CELEvalError:
            answer = "error"
        print(text, expression, "->", answer)
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
