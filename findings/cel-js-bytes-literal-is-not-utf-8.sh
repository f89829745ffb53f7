#!/usr/bin/env bash
# CEL: the bytes literal b"é" is one byte in one JavaScript library
#
# Version: @marcbachmann/cel-js 8.0.0 (npm).
# Expected: a character in a bytes literal stands for its UTF-8 form, says CEL's definition, so b"é" is bytes("é"),
# two bytes.
# Seen: the literal has one byte, the code point cut to eight bits, while `bytes()` encodes properly: the two are
# unequal, and "€" becomes 0xac.
#
# Output:
#> b"é" -> e9
#> bytes("é") -> c3a9
#> b"é" == bytes("é") -> false
#> size(b"é") -> 1
#> b"€" -> ac
#> bytes("€") -> e282ac

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund @marcbachmann/cel-js@8.0.0

cat > probe.mjs <<'PROBE'
import { evaluate } from "@marcbachmann/cel-js";

const show = (value) => (value instanceof Uint8Array ? Buffer.from(value).toString("hex") : String(value));
for (const expression of ['b"é"', 'bytes("é")', 'b"é" == bytes("é")', 'size(b"é")', 'b"€"', 'bytes("€")'])
  console.log(`${expression} -> ${show(evaluate(expression, {}))}`);
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
