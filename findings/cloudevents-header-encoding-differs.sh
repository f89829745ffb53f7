#!/usr/bin/env bash
# CloudEvents headers: Python percent-encodes and JavaScript does not, so each misreads the other
#
# Versions: cloudevents 2.2.0 (PyPI), cloudevents 10.0.0 (npm).
# Expected: the HTTP binding (section 3.1.3.2) has every SDK percent-encode spaces, quotes, `%` and all that is not
# printable ASCII in `ce-` headers, and decode them. So a subject survives the way from one SDK to the other.
# Seen: the JavaScript SDK does neither. A subject from Python arrives in JavaScript with its percent signs. A subject with a
# percent sign, which JavaScript sends as it is, is decoded by Python into another one. And with a euro sign, Node refuses
# to send the headers that the JavaScript SDK built.
#
# Output:
#> python -> javascript: 'Order 7, 50% off' arrives as "Order%207,%2050%25%20off"
#> javascript -> python: 'rate=50%25' arrives as 'rate=50%'
#> javascript -> node:http: 'price in €' ERR_INVALID_CHAR

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund cloudevents@10.0.0

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore cloudevents==2.2.0

cat > write.py <<'PROBE'
import json
from cloudevents.core.bindings.http import to_binary_event
from cloudevents.core.v1.event import CloudEvent

event = CloudEvent(
    attributes={"id": "1", "source": "/shop", "type": "t", "specversion": "1.0", "subject": "Order 7, 50% off"}, data=None
)
print(json.dumps(dict(to_binary_event(event).headers)))
PROBE
cat > probe.mjs <<'PROBE'
import http from "node:http";
import { CloudEvent, HTTP } from "cloudevents";
import { readFileSync, writeFileSync } from "node:fs";

const event = HTTP.toEvent({ headers: JSON.parse(readFileSync("from-python.json", "utf8")), body: "" });
console.log(`python -> javascript: 'Order 7, 50% off' arrives as ${JSON.stringify(event.subject)}`);

const written = (subject) => HTTP.binary(new CloudEvent({ id: "1", source: "/shop", type: "t", subject })).headers;
writeFileSync("from-javascript.json", JSON.stringify(written("rate=50%25")));

const server = http.createServer().listen(0, "127.0.0.1", () => {
  let outcome = "sent";
  try {
    http.request({ host: "127.0.0.1", port: server.address().port, headers: written("price in €") }).on("error", () => {}).destroy();
  } catch (error) {
    outcome = error.code;
  }
  writeFileSync("node.txt", `javascript -> node:http: 'price in €' ${outcome}\n`);
  server.close();
});
PROBE
cat > read.py <<'PROBE'
import json
from cloudevents.core.bindings.http import HTTPMessage, from_binary_event

event = from_binary_event(HTTPMessage(json.load(open("from-javascript.json")), b""))
print(f"javascript -> python: 'rate=50%25' arrives as {event.get_subject()!r}")
PROBE
venv/bin/python write.py > from-python.json
{ node probe.mjs; venv/bin/python read.py; cat node.txt; } | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
