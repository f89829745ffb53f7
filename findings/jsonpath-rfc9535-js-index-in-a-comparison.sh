#!/usr/bin/env bash
# JSONPath: a comparison of the element at an index never matches
#
# Versions: jsonpath-rfc9535 1.3.0, json-p3 2.3.1 (npm).
# Expected: RFC 9535, section 2.3.5.1, has indexes in the singular queries of a comparison: `@[0] == 1` is its grammar. Both
# packages say that they implement the RFC.
# Seen: jsonpath-rfc9535 accepts the filter and finds nothing, whether the index stands first or after a name. The same
# query as a test of existence works, and so does a name in place of the index. A filter for the first tag of an order
# selects no order, without an error.
#
# Output:
#> $[?@.tags[0]].id        jsonpath-rfc9535 [1,2]           json-p3 [1,2]
#> $[?@.tags[0]=='new'].id jsonpath-rfc9535 []              json-p3 [1]
#> $[?@.id==1].id          jsonpath-rfc9535 [1]             json-p3 [1]
#> $[*].tags[?@=='new']    jsonpath-rfc9535 ["new"]         json-p3 ["new"]
#> $[0][?@[0]=='new']      jsonpath-rfc9535 []              json-p3 [["new","big"]]

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund jsonpath-rfc9535@1.3.0 json-p3@2.3.1

cat > probe.mjs <<'PROBE'
import { query } from "jsonpath-rfc9535";
import { jsonpath } from "json-p3";

const orders = [{ id: 1, tags: ["new", "big"] }, { id: 2, tags: ["old"] }];
for (const path of ["$[?@.tags[0]].id", "$[?@.tags[0]=='new'].id", "$[?@.id==1].id", "$[*].tags[?@=='new']", "$[0][?@[0]=='new']"]) {
  const results = [query(orders, path), jsonpath.query(path, orders).values()].map((values) => JSON.stringify(values));
  console.log(path.padEnd(23), "jsonpath-rfc9535", results[0].padEnd(15), "json-p3", results[1]);
}
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
