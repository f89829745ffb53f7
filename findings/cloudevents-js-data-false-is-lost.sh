#!/usr/bin/env bash
# A structured CloudEvent whose data is `0`, `false` or `""` is read back without data
#
# Version: cloudevents 10.0.0 (npm).
# Expected: an event has the same data after it was read back. `0`, `false` and `""` are JSON values like any other.
# Seen: the JSON that the library writes is right, and its own reader drops the data when JavaScript calls it falsy. A count
# that reached zero or a flag that was switched off arrives as an event that says nothing. An empty array survives.
#
# Output:
#> 0     -> wire {"data":0} -> read undefined
#> false -> wire {"data":false} -> read undefined
#> ""    -> wire {"data":""} -> read undefined
#> true  -> wire {"data":true} -> read true
#> []    -> wire {"data":[]} -> read []

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund cloudevents@10.0.0

cat > probe.mjs <<'PROBE'
import { CloudEvent, HTTP } from "cloudevents";

for (const data of [0, false, "", true, []]) {
  const event = new CloudEvent({ id: "1", source: "/shop", type: "switch", datacontenttype: "application/json", data });
  const { headers, body } = HTTP.structured(event);
  const wire = JSON.stringify({ data: JSON.parse(body).data });
  console.log(`${JSON.stringify(data).padEnd(5)} -> wire ${wire} -> read ${JSON.stringify(HTTP.toEvent({ headers, body }).data)}`);
}
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
