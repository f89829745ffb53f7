#!/usr/bin/env bash
# A JSON field that is null is not there, says CEL in JavaScript
#
# Version: @bufbuild/cel 0.6.1 (npm).
# Expected: `has(m.a)` and `"a" in m` ask whether a map has a key, whatever its value, says the language's definition;
# Go and Python do so.
# Seen: with the value null both are false, while `m.a == null` is true and `size(m)` counts the key. A rule that
# tells "cleared" from "not sent", as a PATCH in JSON does, never sees the first.
#
# Output:
#> has({"a": null}.a) -> false
#> "a" in {"a": null} -> false
#> {"a": null}.a == null -> true
#> size({"a": null}) -> 1
#> has({"a": 0}.a) -> true

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund @bufbuild/cel@0.6.1

cat > probe.mjs <<'PROBE'
import { run } from "@bufbuild/cel";

const expressions = [
  String.raw`has({"a": null}.a)`,
  String.raw`"a" in {"a": null}`,
  String.raw`{"a": null}.a == null`,
  String.raw`size({"a": null})`,
  String.raw`has({"a": 0}.a)`,
];
for (const expression of expressions) console.log(`${expression} -> ${run(expression, {})}`);
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
