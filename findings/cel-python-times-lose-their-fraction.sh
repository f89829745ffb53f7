#!/usr/bin/env bash
# CEL in Python: a time as text has no fraction of a second
#
# Version: cel-python 0.5.0 (PyPI).
# Expected: `string()` of a timestamp or duration gives all of it: Go says 2026-11-30T08:00:00.25Z and 0.25s.
# Seen: the text is cut to whole seconds, although the value still has its milliseconds. A quarter of a second becomes
# 0s, and keys that were made from such a text collide.
#
# Output:
#> string(timestamp("2026-11-30T08:00:00.250Z")) -> StringType('2026-11-30T08:00:00Z')
#> timestamp("2026-11-30T08:00:00.250Z").getMilliseconds() -> IntType(250)
#> string(duration("0.25s")) -> StringType('0s')
#> duration("0.25s").getMilliseconds() -> IntType(250)
#> string(duration("0.25s")) == string(duration("0.75s")) -> BoolType(True)

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
    'string(timestamp("2026-11-30T08:00:00.250Z"))',
    'timestamp("2026-11-30T08:00:00.250Z").getMilliseconds()',
    'string(duration("0.25s"))',
    'duration("0.25s").getMilliseconds()',
    'string(duration("0.25s")) == string(duration("0.75s"))',
)
environment = celpy.Environment()
for expression in expressions:
    print(expression, "->", repr(environment.program(environment.compile(expression)).evaluate({})))
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
