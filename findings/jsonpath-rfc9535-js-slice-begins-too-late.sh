#!/usr/bin/env bash
# JSONPath: a slice that begins before the first element of a short list loses elements
#
# Versions: jsonpath-rfc9535 1.3.0, json-p3 2.3.1 (npm).
# Expected: RFC 9535, section 2.3.4.2.2: bounds outside of a list are cut to it. `$[-5:]` is "the last five, or all if there
# are fewer", as in Python. Both packages say that they implement the RFC.
# Seen: in jsonpath-rfc9535 a bound that is still negative after the length was added counts from the end once more. The
# last four of three elements are only the last one, the last five are two, and "all but the last five" is one instead of
# none.
#
# Output:
#> $[-3:]    jsonpath-rfc9535 [1,2,3]  json-p3 [1,2,3]
#> $[-4:]    jsonpath-rfc9535 [3]      json-p3 [1,2,3]
#> $[-5:]    jsonpath-rfc9535 [2,3]    json-p3 [1,2,3]
#> $[-5:2]   jsonpath-rfc9535 [2]      json-p3 [1,2]
#> $[:-5]    jsonpath-rfc9535 [1]      json-p3 []
#> $[-100:]  jsonpath-rfc9535 [1,2,3]  json-p3 [1,2,3]

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund jsonpath-rfc9535@1.3.0 json-p3@2.3.1

cat > probe.mjs <<'PROBE'
import { query } from "jsonpath-rfc9535";
import { jsonpath } from "json-p3";

const list = [1, 2, 3];
for (const path of ["$[-3:]", "$[-4:]", "$[-5:]", "$[-5:2]", "$[:-5]", "$[-100:]"]) {
  const results = [query(list, path), jsonpath.query(path, list).values()].map((values) => JSON.stringify(values).padEnd(8));
  console.log(path.padEnd(9), "jsonpath-rfc9535", results[0], "json-p3", results[1].trim());
}
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
