#!/usr/bin/env bash
# A large integer is neither less than a float, nor equal to it, nor greater
#
# Version: @bufbuild/cel 0.6.1 (npm).
# Expected: numbers of different types are compared as on one number line, says CEL's definition: 2^53 + 1 is greater
# than 2^53.
# Seen: equality compares exactly and order compares as floats, so that `<`, `==` and `>` are all false, and `>=` is
# true. A snowflake id compared with a limit from JSON falls through every branch.
#
# Output:
#> 9007199254740993 < 9007199254740992.0 -> false
#> 9007199254740993 == 9007199254740992.0 -> false
#> 9007199254740993 > 9007199254740992.0 -> false
#> 9007199254740993 >= 9007199254740992.0 -> true
#> 9007199254740993 != 9007199254740992.0 -> true

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund @bufbuild/cel@0.6.1

cat > probe.mjs <<'PROBE'
import { run } from "@bufbuild/cel";

const expressions = [
  String.raw`9007199254740993 < 9007199254740992.0`,
  String.raw`9007199254740993 == 9007199254740992.0`,
  String.raw`9007199254740993 > 9007199254740992.0`,
  String.raw`9007199254740993 >= 9007199254740992.0`,
  String.raw`9007199254740993 != 9007199254740992.0`,
];
for (const expression of expressions) console.log(`${expression} -> ${run(expression, {})}`);
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
