#!/usr/bin/env bash
# CEL in Rust: the size of a string is its bytes
#
# Version: common-expression-language 0.10.0 (PyPI, over the Rust crate `cel`).
# Expected: `size()` of a string is its number of code points, says CEL's definition; Go, Python and JavaScript agree.
# Seen: it is the length in UTF-8. A limit of 20 characters refuses a Greek name of 11, and passes every test that was
# written in English.
#
# Output:
#> size("ab") -> 2
#> size("éa") -> 3
#> size("Θεσσαλονίκη") -> 22
#> size("Θεσσαλονίκη") <= 20 -> False
#> size("\U0001F600") -> 4

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip --quiet --disable-pip-version-check install common-expression-language==0.10.0

cat > probe.py <<'PROBE'
import cel

expressions = (
    'size("ab")',
    'size("éa")',
    'size("Θεσσαλονίκη")',
    'size("Θεσσαλονίκη") <= 20',
    'size("\\U0001F600")',
)
for expression in expressions:
    try:
        answer = repr(cel.evaluate(expression, {}))
    except Exception as exc:
        answer = type(exc).__name__
    print(expression, "->", answer)
PROBE
venv/bin/python probe.py | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
