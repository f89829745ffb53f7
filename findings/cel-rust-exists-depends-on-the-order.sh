#!/usr/bin/env bash
# CEL in Rust: exists() fails or is true, by the order of the list
#
# Version: common-expression-language 0.10.0 (PyPI, over the Rust crate `cel`).
# Expected: `exists` is a chain of ||, where one true wins over an error, wherever it stands; so is `all` with &&. Go,
# Python and JavaScript agree, and || itself does so here.
# Seen: the first error ends it. [1, 0] is true, [0, 1] raises: the same set of labels passes or fails by the order in
# which it arrives.
#
# Output:
#> (1 / 0 == 1) || (1 / 1 == 1) -> True
#> [1, 0].exists(x, 1 / x == 1) -> True
#> [0, 1].exists(x, 1 / x == 1) -> ZeroDivisionError
#> [1, 0].all(x, 1 / x == 2) -> False
#> [0, 1].all(x, 1 / x == 2) -> ZeroDivisionError

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
    '(1 / 0 == 1) || (1 / 1 == 1)',
    '[1, 0].exists(x, 1 / x == 1)',
    '[0, 1].exists(x, 1 / x == 1)',
    '[1, 0].all(x, 1 / x == 2)',
    '[0, 1].all(x, 1 / x == 2)',
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
