#!/usr/bin/env bash
# CEL in Python: the index -1 is the last element
#
# Version: cel-python 0.5.0 (PyPI).
# Expected: an index outside of 0 to size - 1 is an error; Go, JavaScript and Rust say so, and a policy counts on it.
# Seen: Python's own rule shines through: -1 is the last one, -3 the first of three, and only -4 is an error. A rule
# that computes an index and passes its tests in Python fails where it is deployed.
#
# Output:
#> [10, 20, 30][-1] -> IntType(30)
#> [10, 20, 30][-3] -> IntType(10)
#> [10, 20, 30][size([]) - 1] -> IntType(30)

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip --quiet --disable-pip-version-check install cel-python==0.5.0

cat > probe.py <<'PROBE'
import celpy

expressions = (
    '[10, 20, 30][-1]',
    '[10, 20, 30][-3]',
    '[10, 20, 30][size([]) - 1]',
)
environment = celpy.Environment()
for expression in expressions:
    print(expression, "->", repr(environment.program(environment.compile(expression)).evaluate({})))
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
