#!/usr/bin/env bash
# Sparkplug in JavaScript: once any package brings `long`, a 64-bit metric of -5 is 18446744073709551611
#
# Versions: sparkplug-payload 1.0.3, long 5.3.2 (npm).
# Expected: Int64 is a signed type. It travels as the bits of an unsigned field, and a reader turns it back by the metric's
# data type, whatever else is installed (Sparkplug 3.0, data types).
# Seen: alone, the package returns -5. Its Protocol Buffers library looks whether `long` can be required, which very many
# packages bring; then the same program gets an unsigned Long. Int8 to Int32 are -5 in both.
#
# Output:
#> without long: Int32 -5: -5
#> without long: Int64 -5: -5
#> without long: Int64 5: 5
#> with long: Int32 -5: -5
#> with long: Int64 -5: 18446744073709551611
#> with long: Int64 5: 5

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund sparkplug-payload@1.0.3

cat > probe.cjs <<'PROBE'
const { encodePayload, decodePayload } = require("sparkplug-payload").get("spBv1.0");

for (const [type, value] of [["Int32", -5], ["Int64", -5], ["Int64", 5]]) {
  const sent = encodePayload({ timestamp: 1764000000000, seq: 0, metrics: [{ name: "level", type, value }] });
  console.log(`${process.argv[2]}: ${type} ${value}: ${decodePayload(sent).metrics[0].value}`);
}
PROBE
node probe.cjs "without long" | tee output
npm install --silent --no-audit --no-fund long@5.3.2
node probe.cjs "with long" | tee -a output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
