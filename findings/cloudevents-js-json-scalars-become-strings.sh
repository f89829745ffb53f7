#!/usr/bin/env bash
# A JSON number, `true` or `null` in a binary CloudEvent arrives as a string
#
# Version: cloudevents 10.0.0 (npm).
# Expected: a body `12.5` under `content-type: application/json` is the number 12.5, as `{"a":1}` is an object.
# Seen: objects and arrays are parsed; numbers, `true` and `null` stay text. A relay that reads binary mode and forwards
# structured mode changes their type on the wire: `"data":"12.5"`, `"data":"null"`. Consumers after it see strings.
#
# Output:
#> {"a":1}    -> object, forwarded as {"data":{"a":1}}
#> [1]        -> object, forwarded as {"data":[1]}
#> 12.5       -> string, forwarded as {"data":"12.5"}
#> true       -> string, forwarded as {"data":"true"}
#> null       -> string, forwarded as {"data":"null"}
#> "12.5"     -> string, forwarded as {"data":"12.5"}

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund cloudevents@10.0.0

cat > probe.mjs <<'PROBE'
import { HTTP } from "cloudevents";

const headers = { "ce-id": "1", "ce-source": "/shop", "ce-type": "t", "ce-specversion": "1.0", "content-type": "application/json" };
for (const body of ['{"a":1}', "[1]", "12.5", "true", "null", '"12.5"']) {
  const event = HTTP.toEvent({ headers, body });
  const forwarded = JSON.stringify({ data: JSON.parse(HTTP.structured(event).body).data });
  console.log(`${body.padEnd(10)} -> ${typeof event.data}, forwarded as ${forwarded}`);
}
PROBE
node probe.mjs | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
