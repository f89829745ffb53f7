#!/usr/bin/env bash
# CEL in Python: the text of true is True
#
# Version: cel-python 0.5.0 (PyPI).
# Expected: `string(true)` is "true" and `string(1.0)` is "1", as in Go and JavaScript; such texts become labels and
# keys.
# Seen: they are Python's own spellings, True and 1.0. A comparison with "true", the usual way to read an annotation
# or a label, is false.
#
# Output:
#> string(true) -> StringType('True')
#> string(true) == "true" -> BoolType(False)
#> string(1.0) -> StringType('1.0')
#> string(1.0) == "1" -> BoolType(False)

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
    'string(true)',
    'string(true) == "true"',
    'string(1.0)',
    'string(1.0) == "1"',
)
environment = celpy.Environment()
for expression in expressions:
    print(expression, "->", repr(environment.program(environment.compile(expression)).evaluate({})))
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
