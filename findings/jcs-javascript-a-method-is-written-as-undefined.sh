#!/usr/bin/env bash
# Canonical JSON in JavaScript: an object with a method of its own becomes text that is no JSON
#
# Versions: canonicalize 4.0.0, json-canonicalize 3.0.1, @truestamp/canonify 2.1.0 (npm).
# Expected: what JSON.stringify leaves out is left out: a property whose value is a function. Both leave out a property that is
# undefined, and json-canonicalize says so in its README.
# Seen: both write the word `undefined` for a function, without an error: `JSON.parse` refuses what they have written, and a
# signature over it fits no JSON. With a function in a list, canonicalize writes nothing at all between the commas.
#
# Output:
#> JSON.stringify: {"total":1,"item":"tea"} and [null,1]
#> canonicalize: {"item":"tea","save":undefined,"total":1} and [,1]
#> json-canonicalize: {"item":"tea","save":undefined,"total":1} and [undefined,1]
#> @truestamp/canonify: {"item":"tea","total":1} and [null,1]

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund canonicalize@4.0.0 json-canonicalize@3.0.1 @truestamp/canonify@2.1.0

cat > probe.mjs <<'PROBE'
import canonicalize from "canonicalize";
import { canonicalize as jsonCanonicalize } from "json-canonicalize";
import { canonify } from "@truestamp/canonify";

class Order {
  total = 1;
  item = "tea";
  save = () => this.total;
}

const writers = {
  "JSON.stringify": JSON.stringify, canonicalize, "json-canonicalize": jsonCanonicalize, "@truestamp/canonify": canonify,
};
for (const [name, write] of Object.entries(writers))
  console.log(`${name}: ${write(new Order())} and ${write([() => 0, 1])}`);
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
