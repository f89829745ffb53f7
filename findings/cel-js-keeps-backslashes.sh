#!/usr/bin/env bash
# CEL: escapes in a string are not read
#
# Version: cel-js 0.8.2 (npm).
# Expected: "\u00e9" is one letter and "\n" a line feed; every other implementation, and the grammar of the language,
# has them.
# Seen: the backslash and what follows stay in the string. A rule with a line break, a quote or a letter by its number
# compares with something else and is just false.
#
# Output:
#> "\u00e9" == "é" -> false
#> size("\n") -> 2
#> size("\U0001F600") -> 10
#> "a\tb" == tabbed -> false

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund cel-js@0.8.2

cat > probe.mjs <<'PROBE'
import { evaluate } from "cel-js";

for (const expression of [String.raw`"\u00e9" == "é"`, String.raw`size("\n")`, String.raw`size("\U0001F600")`, String.raw`"a\tb" == tabbed`])
  console.log(`${expression} -> ${evaluate(expression, { tabbed: "a\tb" })}`);
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
